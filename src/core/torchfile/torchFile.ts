/**
 * Opens a .pt file of any kind and says what is in it: the values, the tensors, where their bytes are, what Python would
 * run when loading it, and everything that is wrong with it. Executes nothing, reads no tensor data.
 */
import { readRecord } from './container/chunks';
import { readPickleFile, type StorageLocation } from './container/legacy';
import { inspectStrings, isDangerous } from './pickle/nested';
import { readPickle } from './pickle/pickle';
import { DEFAULT_LIMITS, type PickleAct, type PickleError, type PickleResult } from './pickle/pickleTypes';
import { quoted, type FileProblem, type FileProblemCode } from './problems';
import { identifyOtherFormat } from './container/otherFormats';
import { MemorySource, readBytes, type ByteSource } from './container/source';
import { TorchInterpreter } from './pickle/torchValues';
import { listTensors, type NamedTensor, type PyValue } from './pickle/values';
import { readZip, type ZipRecord } from './container/zip';

export interface StorageData extends StorageLocation {
  /** The zip record; null in the legacy format. */
  readonly record: ZipRecord | null;
}

export interface TorchFile {
  /** "torch zip", "torch legacy", "pickle", or what else it turned out to be. */
  readonly format: string;
  /** What the pickle builds; null when it cannot be read. */
  readonly value: PyValue;
  readonly tensors: readonly NamedTensor[];
  readonly storages: ReadonlyMap<string, StorageData>;
  readonly records: readonly ZipRecord[];
  /** False for the legacy format, and for zips whose every CRC is zero. */
  readonly hasChecksums: boolean;
  readonly littleEndian: boolean;
  readonly problems: readonly FileProblem[];
}

export interface OpenOptions {
  /** Read what is needed to know the values and nothing more: no look at the other records' headers. */
  readonly valuesOnly?: boolean;
}

const MAX_RECORD_BYTES = 128 * 1024 * 1024;
const MAX_ARCHIVES_DEEP = 3;

/** Never throws for bad content; rejects only when the source itself fails to read. */
export async function readTorchFile(source: ByteSource, options: OpenOptions = {}): Promise<TorchFile> {
  return open(source, options, 0);
}

async function open(source: ByteSource, options: OpenOptions, depth: number): Promise<TorchFile> {
  if (source.size === 0) return unreadable('empty', { code: 'empty-file', message: 'The file is empty.' });
  const head = await readBytes(source, 0, 4096);
  const isZip = head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
  if (isZip) return openZip(source, options, depth, []);
  const other = identifyOtherFormat(head, source.size);
  if (other) return unreadable(other.format, other.problem);
  return openPickle(source, options, depth);
}

function unreadable(format: string, ...problems: FileProblem[]): TorchFile {
  return {
    format,
    value: null,
    tensors: [],
    storages: new Map(),
    records: [],
    hasChecksums: false,
    littleEndian: true,
    problems,
  };
}

async function openPickle(source: ByteSource, options: OpenOptions, depth: number): Promise<TorchFile> {
  const file = await readPickleFile(source);
  const problems: FileProblem[] = [...file.problems];
  const acts = file.results.flatMap((result) => [...result.acts]);
  problems.push(...judge(acts), ...(await inspectNested(file.interpreter, depth)));
  const error = file.results.find((result) => result.error)?.error ?? null;
  if (error) {
    const dangerous = problems.some((problem) => problem.code === 'dangerous-global');
    // torch tells a zip by its first bytes and takes everything else for a pickle; a zip whose first bytes are damaged
    // still has its directory.
    if (file.format === 'pickle' && error.position < 4096 && !dangerous) {
      const zip = await readZip(source, () => false);
      if (zip.records.some((record) => /(^|\/)data\.pkl$/.test(record.name))) {
        return openZip(source, options, depth, [
          {
            code: 'zip-header-mismatch',
            message: 'The file does not begin with the mark of a zip archive, though it is one.',
          },
        ]);
      }
      if (error.position < 2) {
        problems.push({ code: 'not-torch', message: 'The file is neither a torch file nor a pickle.' });
        return { ...unreadable('unknown'), problems };
      }
    }
    problems.push(pickleProblem(error));
  }
  const storages = new Map([...file.storages].map(([key, place]) => [key, { ...place, record: null }]));
  if (file.format === 'pickle' && file.interpreter.storages.size > 0) {
    problems.push({ code: 'missing-record', message: 'The pickle refers to tensors whose bytes are not in the file.' });
  } else if (!error && !options.valuesOnly) {
    for (const key of file.interpreter.storages.keys()) {
      if (
        !storages.has(key) &&
        !problems.some((problem) => problem.code === 'truncated' || problem.code === 'storage-size')
      ) {
        problems.push({ code: 'missing-record', message: `Storage ${quoted(key)} is not in the file.` });
      }
    }
  }
  return {
    format: file.format,
    value: file.value,
    tensors: listTensors(file.value),
    storages,
    records: [],
    hasChecksums: false,
    littleEndian: true,
    problems,
  };
}

/** Records that torch writes beside data.pkl and data/<n>. */
const KNOWN_RECORDS = new Set([
  'version',
  '.format_version',
  '.storage_alignment',
  'byteorder',
  '.data/serialization_id',
]);

async function openZip(
  source: ByteSource,
  options: OpenOptions,
  depth: number,
  before: FileProblem[],
): Promise<TorchFile> {
  const needed = (name: string): boolean => /\/(data\.pkl|byteorder)$/i.test(name);
  const zip = await readZip(source, options.valuesOnly ? needed : null);
  const problems = [...before, ...zip.problems];
  const { records } = zip;
  const kind = archiveKind(records);
  if (records.length > 0 && kind !== 'torch zip') {
    const code: FileProblemCode = kind === 'TorchScript archive' ? 'torchscript-archive' : 'other-archive';
    // A zip in which nothing of torch's is left may still be a torch file that lost its directory's first entries.
    problems.push({ code, message: `The file is a ${kind}, not a torch checkpoint.` });
    return { ...unreadable(kind), records, problems };
  }
  const root = rootOf(records);
  const pickleRecords = records.filter((record) => record.name.toLowerCase() === `${root}/data.pkl`.toLowerCase());
  checkRecords(records, root, problems);
  const byName = new Map(records.map((record) => [record.name, record]));
  const littleEndian = await readByteOrder(source, byName.get(`${root}/byteorder`), problems);

  const interpreter = new TorchInterpreter();
  let value: PyValue = null;
  if (records.length > 0 && pickleRecords.length === 0) {
    problems.push({ code: 'missing-record', message: 'The archive has no data.pkl record: the values are missing.' });
  }
  // With two of them, any may be the one that is loaded: both are judged.
  for (const record of pickleRecords.slice(0, 8)) {
    const read = await readValues(source, record, interpreter, problems);
    value = read ?? value;
  }
  problems.push(...(await inspectNested(interpreter, depth)));

  const storages = new Map<string, StorageData>();
  for (const [key, storage] of interpreter.storages) {
    const record = byName.get(`${root}/data/${key}`);
    if (!record)
      problems.push({
        code: 'missing-record',
        message: `The tensor data of record ${quoted(`data/${key}`)} is missing.`,
      });
    else if (record.bytes !== storage.bytes) {
      problems.push({
        code: 'storage-size',
        message: `Record ${quoted(`data/${key}`)} has ${record.bytes} bytes where its tensors need ${storage.bytes}.`,
      });
    } else storages.set(key, { position: record.dataStart, bytes: record.bytes, record });
  }
  if (!options.valuesOnly && value !== null) {
    const unused = records.filter(
      (record) =>
        record.name.startsWith(`${root}/data/`) && !interpreter.storages.has(record.name.slice(root.length + 6)),
    );
    if (unused.length > 0) {
      problems.push({
        code: 'unused-record',
        message: `${unused.length} data record${unused.length > 1 ? 's are' : ' is'} used by no tensor (first: ${quoted(unused[0]?.name ?? '')}).`,
      });
    }
  }
  return {
    format: 'torch zip',
    value,
    tensors: listTensors(value),
    storages,
    records,
    hasChecksums: records.some((record) => record.crc !== 0),
    littleEndian,
    problems: bounded(problems),
  };
}

function archiveKind(records: readonly ZipRecord[]): string {
  const names = records.map((record) => record.name);
  if (names.some((name) => /(^|\/)constants\.pkl$/.test(name)) || names.some((name) => /^[^/]+\/code\//.test(name)))
    return 'TorchScript archive';
  if (names.some((name) => /\/(data\.pkl|data\/[^/]+|version)$/i.test(name))) return 'torch zip';
  if (names.some((name) => name === '[Content_Types].xml')) return 'Office document';
  if (names.some((name) => name.endsWith('.npy'))) return 'NumPy archive (.npz)';
  return 'zip archive of another kind';
}

/** torch takes the first record's folder for the root of all. */
function rootOf(records: readonly ZipRecord[]): string {
  const pickle = records.find((record) => record.name.endsWith('/data.pkl'));
  return (pickle ?? records[0])?.name.split('/')[0] ?? '';
}

function checkRecords(records: readonly ZipRecord[], root: string, problems: FileProblem[]): void {
  const strays = records.filter((record) => !record.name.startsWith(`${root}/`));
  if (strays.length > 0) {
    problems.push({
      code: 'zip-several-roots',
      message: `${strays.length} record${strays.length > 1 ? 's lie' : ' lies'} outside the archive's folder ${quoted(root)} (first: ${quoted(strays[0]?.name ?? '')}).`,
    });
  }
  for (const record of records) {
    const name = record.name.startsWith(`${root}/`) ? record.name.slice(root.length + 1) : null;
    if (name === null || name === 'data.pkl' || /^data\/[^/]+$/.test(name) || KNOWN_RECORDS.has(name)) continue;
    // Newer versions of torch add records of this kind; none is ever loaded as a pickle.
    if (/^\.[\w.]+(\/[\w.]+)?$/.test(name)) continue;
    problems.push({
      code: 'zip-extra-record',
      message: `The archive holds a record that torch does not write: ${quoted(record.name)}.`,
    });
  }
}

async function readByteOrder(
  source: ByteSource,
  record: ZipRecord | undefined,
  problems: FileProblem[],
): Promise<boolean> {
  if (!record) return true;
  const bytes = await readRecord(source, record, 64);
  const text = bytes ? Buffer.from(bytes).toString('latin1') : '';
  if (text !== 'little' && text !== 'big')
    problems.push({
      code: 'byte-order',
      message: `The byte order record says neither little nor big: ${quoted(text)}.`,
    });
  return text !== 'big';
}

async function readValues(
  source: ByteSource,
  record: ZipRecord,
  interpreter: TorchInterpreter,
  problems: FileProblem[],
): Promise<PyValue> {
  if (record.bytes > MAX_RECORD_BYTES) {
    problems.push({
      code: 'pickle-limit',
      message: `Its data.pkl claims ${record.bytes} bytes, far more than any checkpoint's.`,
    });
    return null;
  }
  const bytes = await readRecord(source, record, MAX_RECORD_BYTES);
  if (!bytes) {
    problems.push({ code: 'pickle-malformed', message: 'Its data.pkl cannot be read out of the archive.' });
    return null;
  }
  const result: PickleResult = readPickle(bytes, interpreter, 0, DEFAULT_LIMITS);
  problems.push(...judge(result.acts));
  if (result.error) problems.push(pickleProblem(result.error));
  else if (result.end < bytes.length) {
    problems.push({
      code: 'pickle-trailing-data',
      message: `${bytes.length - result.end} bytes follow the end of its pickle.`,
    });
  }
  return result.value;
}

function pickleProblem(error: PickleError): FileProblem {
  const code: FileProblemCode =
    error.code === 'truncated' ? 'pickle-truncated' : error.code === 'limit' ? 'pickle-limit' : 'pickle-malformed';
  return { code, message: `Its pickle cannot be read: at byte ${error.position}, ${error.message}.` };
}

/** What follows from what a pickle would do in Python. */
function judge(acts: readonly PickleAct[]): FileProblem[] {
  const problems: FileProblem[] = [];
  const called = new Set(acts.filter((act) => act.what === 'call' || act.what === 'new').map((act) => act.target));
  const unknown: string[] = [];
  for (const act of acts) {
    const target = quoted(act.target);
    if (act.kind === 'dangerous') {
      if (act.what === 'import' && called.has(act.target)) continue;
      const verb =
        act.what === 'import'
          ? 'imports'
          : act.what === 'setstate'
            ? 'changes'
            : act.what === 'computed-name'
              ? 'imports'
              : 'calls';
      problems.push({ code: 'dangerous-global', message: `Loading it in Python ${verb} ${target}.` });
    } else if (act.kind === 'unknown' && act.what === 'call') {
      if (isDangerous(act))
        problems.push({ code: 'dangerous-global', message: `Loading it in Python calls ${target}.` });
      else
        problems.push({
          code: 'unknown-call',
          message: `Loading it in Python calls ${target}, which NPT Checkpoints does not know.`,
        });
    } else if (act.kind === 'unknown' && !(act.what === 'import' && called.has(act.target))) unknown.push(act.target);
  }
  const names = [...new Set(unknown)];
  if (names.length > 0) {
    const shown = names
      .slice(0, 5)
      .map((name) => quoted(name))
      .join(', ');
    problems.push({
      code: 'unknown-global',
      message: `It names what NPT Checkpoints does not know, and does not read: ${shown}${names.length > 5 ? ` and ${names.length - 5} more` : ''}.`,
    });
  }
  return bounded(problems);
}

async function inspectNested(interpreter: TorchInterpreter, depth: number): Promise<FileProblem[]> {
  const { dangerous, archives, encoded, encodedArchives } = inspectStrings(interpreter);
  const problems: FileProblem[] = [];
  const names = [...new Set(dangerous.map((act) => act.target))];
  if (names.length > 0) {
    problems.push({
      code: 'nested-pickle',
      message: `A byte string in it is itself a pickle that would run ${names
        .slice(0, 5)
        .map((name) => quoted(name))
        .join(', ')}.`,
    });
  }
  const said = encoded.map(
    ({ how, acts }) =>
      `A string in it is the ${how.join(' of the ')} of a pickle that would run ${quoted(acts[0]?.target ?? '')}.`,
  );
  // Protocol 2 spells byte strings as texts, so that they are met twice.
  for (const message of new Set(said)) problems.push({ code: 'encoded-pickle', message });
  if (depth >= MAX_ARCHIVES_DEEP) return bounded(problems);
  for (const bytes of archives) {
    const bad = await badInArchive(bytes, depth);
    if (bad)
      problems.push({ code: 'nested-pickle', message: `A byte string in it is itself a torch file. ${bad.message}` });
  }
  for (const { bytes, how } of encodedArchives) {
    const bad = await badInArchive(bytes, depth);
    if (bad)
      problems.push({
        code: 'encoded-pickle',
        message: `A string in it is the ${how.join(' of the ')} of a torch file. ${bad.message}`,
      });
  }
  return bounded(problems);
}

async function badInArchive(bytes: Uint8Array, depth: number): Promise<FileProblem | undefined> {
  const inner = await open(new MemorySource(bytes), { valuesOnly: true }, depth + 1);
  const codes: readonly FileProblemCode[] = ['dangerous-global', 'nested-pickle', 'unknown-call'];
  return inner.problems.find((problem) => codes.includes(problem.code));
}

/** At most five of a kind, the rest counted. */
function bounded(problems: readonly FileProblem[]): FileProblem[] {
  const kept: FileProblem[] = [];
  const counts = new Map<FileProblemCode, number>();
  for (const problem of problems) {
    const count = (counts.get(problem.code) ?? 0) + 1;
    counts.set(problem.code, count);
    if (count <= 5) kept.push(problem);
  }
  for (const [code, count] of counts) {
    if (count > 5) kept.push({ code, message: `And ${count - 5} more of the same kind.` });
  }
  return kept;
}
