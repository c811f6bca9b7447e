/**
 * torch's format before 1.6 (torch/serialization.py, _legacy_save): consecutive pickles, then each storage's raw bytes.
 * Numbers are little-endian whatever machine wrote them (writeFileRaw in torch/csrc turns them round); what the third
 * pickle says of that machine is, as in torch, of no consequence.
 */
import { readPickle } from '../pickle/pickle';
import { DEFAULT_LIMITS, type PickleResult } from '../pickle/pickleTypes';
import type { FileProblem } from '../problems';
import { readBytes, type ByteSource } from './source';
import { TorchInterpreter } from '../pickle/torchValues';
import { asInteger, sequenceItems, StorageRef, type PyValue } from '../pickle/values';

export const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;

/** A pickle must be in memory to be read; no checkpoint's is near this. */
const MAX_PICKLE_BYTES = 128 * 1024 * 1024;

/** Pickles in one file that are looked at; nothing of ours has more than five. */
const MAX_PICKLES = 100;

export interface StorageLocation {
  readonly position: number;
  readonly bytes: number;
}

export interface PickleFile {
  readonly format: 'torch legacy' | 'pickle';
  readonly value: PyValue;
  readonly interpreter: TorchInterpreter;
  readonly results: readonly PickleResult[];
  readonly storages: ReadonlyMap<string, StorageLocation>;
  readonly problems: readonly FileProblem[];
}

/** Reads consecutive pickles from a source, taking in more of it only when one does not end in what is there. */
class PickleStream {
  private data: Uint8Array = new Uint8Array(0);
  position = 0;

  constructor(private readonly source: ByteSource) {}

  async next(interpreter: TorchInterpreter): Promise<PickleResult> {
    for (;;) {
      const strings = interpreter.byteStrings.length;
      const texts = interpreter.texts.length;
      const result = readPickle(this.data, interpreter, this.position, DEFAULT_LIMITS);
      const wants =
        result.error?.code === 'truncated' && this.data.length < Math.min(this.source.size, MAX_PICKLE_BYTES);
      if (!wants) {
        this.position = result.end;
        return result;
      }
      // What the broken-off attempt has seen will be seen again.
      interpreter.byteStrings.length = strings;
      interpreter.texts.length = texts;
      interpreter.storages.clear();
      interpreter.tensors.length = 0;
      this.data = await readBytes(
        this.source,
        0,
        Math.min(this.source.size, MAX_PICKLE_BYTES, Math.max(256 * 1024, this.data.length * 4)),
      );
    }
  }
}

/** Reads a file that is not a zip. Never throws for bad content. */
export async function readPickleFile(source: ByteSource): Promise<PickleFile> {
  const stream = new PickleStream(source);
  const interpreter = new TorchInterpreter();
  const first = await stream.next(interpreter);
  if (first.value !== LEGACY_MAGIC) return plainPickles(source, stream, interpreter, first);
  const results = [first];
  const problems: FileProblem[] = [];
  const values: PyValue[] = [];
  for (let i = 0; i < 4; i++) {
    // Only the third says what the file holds; a byte string in any of them may be a pickle that one of its calls loads.
    const own = i === 2 ? interpreter : new TorchInterpreter();
    const result = await stream.next(own);
    if (own !== interpreter) {
      for (const bytes of own.byteStrings) interpreter.byteStrings.push(bytes);
      for (const text of own.texts) interpreter.texts.push(text);
    }
    results.push(result);
    values.push(result.value);
    if (result.error) break;
  }
  const [protocol = null, , value = null, keys = null] = values;
  const storages = new Map<string, StorageLocation>();
  if (results.every((result) => result.error === null)) {
    if (protocol !== LEGACY_PROTOCOL) {
      problems.push({ code: 'pickle-malformed', message: 'The legacy file names a protocol other than 1001.' });
    }
    await locateStorages(source, stream.position, keys, interpreter, storages, problems);
  }
  return { format: 'torch legacy', value, interpreter, results, storages, problems };
}

/** Python programs write pickles one after the other; what follows the last must be nothing. */
async function plainPickles(
  source: ByteSource,
  stream: PickleStream,
  interpreter: TorchInterpreter,
  first: PickleResult,
): Promise<PickleFile> {
  const results = [first];
  const problems: FileProblem[] = [];
  while (results[results.length - 1]?.error === null && stream.position < source.size && results.length < MAX_PICKLES) {
    const start = stream.position;
    const next = await stream.next(interpreter);
    results.push(next.error ? { ...next, error: null } : next);
    if (next.error) {
      problems.push({
        code: 'pickle-trailing-data',
        message: `${source.size - start} bytes follow the end of its last pickle.`,
      });
      break;
    }
  }
  return {
    format: 'pickle',
    value: first.value,
    interpreter,
    results,
    storages: new Map(),
    problems,
  };
}

async function locateStorages(
  source: ByteSource,
  start: number,
  keys: PyValue,
  interpreter: TorchInterpreter,
  storages: Map<string, StorageLocation>,
  problems: FileProblem[],
): Promise<void> {
  const list = sequenceItems(keys);
  if (!list?.every((key) => typeof key === 'string')) {
    problems.push({ code: 'pickle-malformed', message: "The legacy file's list of storages is not a list of names." });
    return;
  }
  let position = start;
  for (const key of list) {
    const storage = interpreter.storages.get(key);
    const header = await readBytes(source, position, 8);
    if (header.length < 8) {
      problems.push({
        code: 'truncated',
        message: `The file ends before storage ${storages.size + 1} of ${list.length}.`,
      });
      return;
    }
    const numel = asInteger(Number(new DataView(header.buffer, header.byteOffset).getBigInt64(0, true)));
    if (!(storage instanceof StorageRef) || numel === null || numel < 0) {
      problems.push({
        code: 'pickle-malformed',
        message: `Storage ${storages.size + 1} of the legacy file has no element type or an impossible size.`,
      });
      return;
    }
    if (numel !== storage.numel) {
      problems.push({
        code: 'storage-size',
        message: `A storage of ${storage.numel} elements has ${numel} in the file.`,
      });
      return;
    }
    position += 8;
    if (position + storage.bytes > source.size) {
      problems.push({
        code: 'truncated',
        message: `The file ends inside storage ${storages.size + 1} of ${list.length}: ${position + storage.bytes - source.size} bytes are missing.`,
      });
      return;
    }
    storages.set(key, { position, bytes: storage.bytes });
    position += storage.bytes;
  }
  if (position < source.size) {
    problems.push({
      code: 'trailing-data',
      message: `${source.size - position} bytes after the last storage belong to nothing.`,
    });
  }
}
