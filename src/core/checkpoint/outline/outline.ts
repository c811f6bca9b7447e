/** One torch file for showing: its structure, and the statistics of the tensors that are asked for. Executes nothing. */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { readRecord } from '../../torchfile/container/chunks';
import type { OutlineNode, OutlineTensor, SummaryResult } from '../../torchfile/outlineTypes';
import { quoted } from '../../torchfile/problems';
import { openFile, readBytes, type ByteSource } from '../../torchfile/container/source';
import { summarize, SummaryWorkplace, summaryWork } from '../../torchfile/tensors/summary';
import { TensorDataError } from '../../torchfile/tensors/tensorData';
import { readTorchFile, type TorchFile } from '../../torchfile/torchFile';
import { callText, spelled, riskOf, treeOf } from '../../torchfile/tree';
import {
  Global,
  Opaque,
  PyDict,
  PySet,
  sequenceItems,
  type NamedTensor,
  type PyValue,
} from '../../torchfile/pickle/values';
import { fromProblem, sorted, verdictOf } from '../validate/findings';
import { sameFile, type FileIdentity } from '../fileIdentity';
import { identityOf } from '../fileState';
import type { TorchOutline } from './torchOutline';
import { CheckpointPathError, pathError } from '../pathErrors';
import { Progress } from '../validate/progress';
import type { ValidationOptions } from '../report/report';

/** More tensors than any model has parameters. */
const MAX_TENSORS = 100_000;
const MAX_CALLS = 20;
/** Findings that name a single call. */
const CALL_FINDINGS: ReadonlySet<string> = new Set(['dangerous-global', 'unknown-call']);
/** Objects of a value that are looked at for calls. */
const MAX_VISITED = 1_000_000;

/** The file's structure. Rejects with CheckpointPathError when it cannot be opened; bad content is in the outline. */
export async function outlineFile(path: string): Promise<TorchOutline> {
  const { source, identity } = await open(path);
  try {
    const file = await readTorchFile(source);
    const name = basename(path);
    const findings = sorted(file.problems.map((problem) => fromProblem(name, problem)));
    const { calls, named } = callsOf(file.value);
    const tensors = file.tensors.slice(0, MAX_TENSORS);
    return {
      name,
      identity,
      format: file.format,
      versions: await versionsOf(source, file),
      verdict: verdictOf(findings),
      // Of one file alone, so that its name need not be said each time.
      findings: findings
        // A call that is shown with its arguments need not be named again without them.
        .filter(({ code, message }) => !CALL_FINDINGS.has(code) || !named.some((each) => message.includes(each)))
        .map(({ severity, message }) => ({ severity, message: message.replace(`${name}: `, '') })),
      calls,
      checksums: file.hasChecksums ? 'present' : 'none',
      nodes: nodesOf(file, tensors),
      tensors: describeTensors(file, tensors),
      tensorCount: file.tensors.length,
    };
  } finally {
    await source.close();
  }
}

/**
 * Statistics of the tensors at these indices of the outline's list. Rejects with CheckpointPathError when the file is not
 * the one that `identity` tells of any more, and with the signal's reason when cancelled.
 */
export async function summarizeTensors(
  path: string,
  identity: FileIdentity,
  indices: readonly number[],
  options: Pick<ValidationOptions, 'signal' | 'onProgress'> = {},
): Promise<SummaryResult[]> {
  const opened = await open(path);
  const { source } = opened;
  try {
    if (!sameFile(opened.identity, identity)) throw new CheckpointPathError(`${path} has changed since it was read.`);
    const file = await structureOf(path, identity, source);
    const progress = new Progress(options);
    const wanted = indices.map((index) => ({ index, tensor: file.tensors[index]?.tensor }));
    for (const { tensor } of wanted) if (tensor) progress.expect(summaryWork(tensor));
    const workplace = new SummaryWorkplace();
    const results: SummaryResult[] = [];
    for (const { index, tensor } of wanted) {
      progress.add(0);
      if (!tensor) {
        results.push({ tensor: index, problem: 'The file does not have this tensor any more.' });
        continue;
      }
      try {
        const summary = await summarize(source, file, tensor, workplace, (bytes) => {
          progress.add(bytes);
        });
        results.push({ tensor: index, summary });
      } catch (error) {
        if (!(error instanceof TensorDataError)) throw error;
        results.push({ tensor: index, problem: error.message });
      }
    }
    progress.finish();
    return results;
  } finally {
    await source.close();
  }
}

/** The structure that was read last: the batches of one file's statistics need it again and again. */
let lastRead: { path: string; identity: FileIdentity; file: WeakRef<TorchFile> } | null = null;

async function structureOf(path: string, identity: FileIdentity, source: ByteSource): Promise<TorchFile> {
  const last = lastRead?.path === path && sameFile(lastRead.identity, identity) ? lastRead.file.deref() : undefined;
  if (last) return last;
  const file = await readTorchFile(source);
  lastRead = { path, identity, file: new WeakRef(file) };
  return file;
}

async function open(path: string): Promise<{ source: ByteSource; identity: FileIdentity }> {
  try {
    const identity = identityOf(statSync(path));
    return { source: await openFile(path, true), identity };
  } catch (error) {
    throw pathError(path, error);
  }
}

function nodesOf(file: TorchFile, tensors: readonly NamedTensor[]): OutlineNode[] {
  // A file that could not be read has no value; a file whose value is None has one.
  if (file.value === null && file.problems.length > 0) return [];
  return treeOf(file.value, new Map(tensors.map(({ tensor }, index) => [tensor, index])));
}

function describeTensors(file: TorchFile, tensors: readonly NamedTensor[]): OutlineTensor[] {
  const sharing = new Map<string, number>();
  for (const { tensor } of file.tensors) sharing.set(tensor.storage.key, (sharing.get(tensor.storage.key) ?? 0) + 1);
  return tensors.map(({ name, tensor }) => {
    const key = spelled(tensor.storage.key, 60);
    return {
      name: name === '' ? '(the whole)' : spelled(name, 500),
      dtype: tensor.dtype.name,
      shape: tensor.shape,
      stride: isContiguous(tensor.shape, tensor.stride) ? null : tensor.stride,
      elements: tensor.numel,
      bytes: tensor.numel * tensor.dtype.bytes,
      storage: file.records.length > 0 ? `data/${key}` : `storage ${key}`,
      sharing: sharing.get(tensor.storage.key) ?? 1,
      isParameter: tensor.isParameter,
    };
  });
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    if (size === 0) return true;
    if (size !== 1 && stride[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

/** Format versions and protocol; the version of torch that wrote it is nowhere in a checkpoint. */
async function versionsOf(source: ByteSource, file: TorchFile): Promise<(readonly [string, string])[]> {
  const versions: (readonly [string, string])[] = [];
  const pickle = file.records.find((record) => record.name.endsWith('/data.pkl'));
  const names = [
    ['version', 'archive version'],
    ['.format_version', 'format version'],
    ['byteorder', 'byte order'],
  ] as const;
  for (const [end, label] of names) {
    const record = file.records.find((each) => each.name.endsWith(`/${end}`));
    const bytes = record ? await readRecord(source, record, 64) : null;
    const text = bytes ? spelled(Buffer.from(bytes).toString('latin1').trim(), 20) : '';
    if (text !== '') versions.push([label, text]);
  }
  if (file.format === 'torch zip' && pickle && pickle.method === 0 && pickle.dataStart >= 0)
    versions.push(['pickle protocol', protocolOf(await readBytes(source, pickle.dataStart, 2))]);
  else if (file.format === 'torch legacy' || file.format === 'pickle')
    versions.push(['pickle protocol', protocolOf(await readBytes(source, 0, 2))]);
  return versions;
}

/** Protocols below 2 do not say which they are. */
function protocolOf(head: Uint8Array): string {
  return head[0] === 0x80 && head[1] !== undefined ? String(head[1]) : '0 or 1';
}

/** The calls that are not known to be harmless, dangerous ones first; their arguments are what an attack is about. */
function callsOf(root: PyValue): { calls: TorchOutline['calls']; named: readonly string[] } {
  const found = new Map<string, { risk: 'unknown' | 'dangerous'; name: string }>();
  const seen = new Set<object>();
  const pending: PyValue[] = [root];
  while (pending.length > 0 && seen.size < MAX_VISITED && found.size < 10 * MAX_CALLS) {
    const value = pending.pop() ?? null;
    if (value === null || typeof value !== 'object' || value instanceof Uint8Array || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof Opaque) {
      const { risk } = riskOf(value.callable);
      if (risk !== undefined)
        found.set(callText(value), { risk, name: value.callable instanceof Global ? value.callable.qualified : '' });
      pending.push(value.callable, value.args, value.state);
      for (const item of value.contents) pending.push(item);
    } else if (value instanceof PyDict) {
      for (const [key, item] of value.entries()) pending.push(key, item);
    } else for (const item of value instanceof PySet ? value.items : (sequenceItems(value) ?? [])) pending.push(item);
  }
  const calls = [...found]
    .map(([text, { risk, name }]) => ({ text, risk, name }))
    .sort((a, b) => Number(b.risk === 'dangerous') - Number(a.risk === 'dangerous'))
    .slice(0, MAX_CALLS);
  return {
    calls: calls.map(({ risk, text }) => ({ risk, text })),
    named: calls.filter(({ name }) => name !== '').map(({ name }) => quoted(name)),
  };
}
