/**
 * What differs between two checkpoints. Tensors whose records have the same CRC are the same, and are not read: frozen
 * layers cost nothing. The rest is read once, in pieces, so that memory does not grow with the tensors.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { recordChunks, sourceChunks } from '../torchfile/chunks';
import { openFile, type ByteSource } from '../torchfile/source';
import { isFloating, numbersOf } from '../torchfile/statistics';
import { readTensorBytes } from '../torchfile/tensorData';
import { readTorchFile, type TorchFile } from '../torchfile/torchFile';
import type { Tensor } from '../torchfile/values';
import type { ScheduleEntry } from './contents';
import { readCheckpointFacts, type CheckpointFacts } from './facts';
import { WEIGHTS } from './layout';
import { Progress } from './progress';
import type { ValidationOptions } from './report';
import { CheckpointPathError, type ReadingOptions } from './validate';
import { parseWeightName } from './weightNames';

export interface ArgumentDifference {
  readonly name: string;
  /** Null where a side does not have it. */
  readonly a: unknown;
  readonly b: unknown;
}

export interface ComparedStage {
  readonly index: number;
  readonly same: boolean;
  readonly a: StageRange | null;
  readonly b: StageRange | null;
}

export interface StageRange {
  readonly name: string;
  readonly from: number;
  readonly until: number;
  readonly mixingRatio: number | null;
  readonly mlpMixingRatio: number | null;
}

export interface ComparedTensor {
  /** In our trainer's spelling, whichever dialect it came from. */
  readonly name: string;
  readonly same: boolean;
  /** ‖b − a‖ / ‖a‖; null where shapes or types differ, or a is zero. */
  readonly relativeChange: number | null;
  /** Null like relativeChange, and where b is zero. */
  readonly cosine: number | null;
}

export interface ComparedLayer {
  readonly layer: number;
  /** Every tensor is the same: the layer was frozen, or not trained in between. */
  readonly same: boolean;
  readonly relativeChange: number | null;
  readonly cosine: number | null;
}

export interface Comparison {
  readonly a: { readonly path: string; readonly step: number | null };
  readonly b: { readonly path: string; readonly step: number | null };
  /** Arguments that differ, by name. */
  readonly arguments: readonly ArgumentDifference[];
  readonly curriculum: readonly ComparedStage[];
  readonly layers: readonly ComparedLayer[];
  readonly tensors: readonly ComparedTensor[];
  readonly onlyInA: readonly string[];
  readonly onlyInB: readonly string[];
}

/** Longest tensor with gaps or unusual strides that is gathered in memory. */
const GATHER_BYTES = 256 * 1024 * 1024;

/**
 * Compares two checkpoint folders. Throws CheckpointPathError in one line when one of them has no readable weights, and
 * the signal's reason when cancelled.
 */
export async function compareCheckpoints(
  a: string,
  b: string,
  options: Pick<ValidationOptions, 'signal' | 'onProgress'> & ReadingOptions = {},
): Promise<Comparison> {
  const weightsA = await Weights.open(a, options);
  try {
    const weightsB = await Weights.open(b, options);
    try {
      const [factsA, factsB] = await Promise.all([readCheckpointFacts(a), readCheckpointFacts(b)]);
      return await compare(weightsA, weightsB, factsA, factsB, new Progress(options));
    } finally {
      await weightsB.source.close();
    }
  } finally {
    await weightsA.source.close();
  }
}

class Weights {
  readonly tensors: ReadonlyMap<string, Tensor>;

  private constructor(
    readonly source: ByteSource,
    readonly file: TorchFile,
  ) {
    this.tensors = new Map(file.tensors.map(({ name, tensor }) => [ourName(name), tensor]));
  }

  static async open(checkpoint: string, options: ReadingOptions): Promise<Weights> {
    const path = join(checkpoint, WEIGHTS);
    let source: ByteSource;
    try {
      if (!(await stat(path)).isFile()) throw new CheckpointPathError(`${path} is not a file.`);
      source = await openFile(path, options.blocking);
    } catch (error) {
      if (error instanceof CheckpointPathError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      throw new CheckpointPathError(
        code === 'ENOENT'
          ? `NPT weights not found: ${path} does not exist.`
          : `${path} cannot be read (${code ?? 'unknown error'}).`,
      );
    }
    const file = await readTorchFile(source);
    if (file.value === null || file.tensors.length === 0) {
      await source.close();
      throw new CheckpointPathError(
        `${path} cannot be compared: ${file.problems[0]?.message ?? 'it holds no tensors.'}`,
      );
    }
    return new Weights(source, file);
  }
}

function ourName(key: string): string {
  const name = parseWeightName(key);
  if (!name) return key;
  const { layer, matrix, projection, rank } = name;
  return `layer_${layer}_np.${matrix}${projection && `_${projection}`}${rank === null ? '' : `.${rank}`}`;
}

/** What a pair of tensors adds up to. */
interface Sums {
  difference: number;
  a: number;
  b: number;
  product: number;
}

async function compare(
  a: Weights,
  b: Weights,
  factsA: CheckpointFacts,
  factsB: CheckpointFacts,
  progress: Progress,
): Promise<Comparison> {
  const tensors: ComparedTensor[] = [];
  const byLayer = new Map<number, { same: boolean; known: boolean; sums: Sums }>();
  const shared = [...a.tensors].flatMap(([name, tensorA]) => {
    const tensorB = b.tensors.get(name);
    return tensorB ? [{ name, tensorA, tensorB, identical: identicalByChecksum(a, tensorA, b, tensorB) }] : [];
  });
  for (const { tensorA, identical } of shared) if (!identical) progress.expect(2 * tensorA.numel * tensorA.dtype.bytes);
  for (const { name, tensorA, tensorB, identical } of shared) {
    progress.add(0);
    const sums = identical ? null : await sumsOf(a, tensorA, b, tensorB, progress);
    const same = identical || (sums !== null && sums.difference === 0);
    tensors.push({ name, same, ...(same ? { relativeChange: 0, cosine: 1 } : ratios(sums)) });
    const layer = parseWeightName(name)?.layer;
    if (layer === undefined) continue;
    const own = byLayer.get(layer) ?? { same: true, known: true, sums: { difference: 0, a: 0, b: 0, product: 0 } };
    byLayer.set(layer, own);
    own.same &&= same;
    if (sums) for (const key of ['difference', 'a', 'b', 'product'] as const) own.sums[key] += sums[key];
    // A layer is measured by the tensors that were read; one that could not be leaves it unmeasured.
    else if (!identical) own.known = false;
  }
  progress.finish();
  return {
    a: { path: factsA.path, step: factsA.step },
    b: { path: factsB.path, step: factsB.step },
    arguments: differences(factsA, factsB),
    curriculum: compareCurricula(factsA.curriculumSchedule ?? [], factsB.curriculumSchedule ?? []),
    layers: [...byLayer]
      .sort(([x], [y]) => x - y)
      .map(([layer, own]) => ({
        layer,
        same: own.same,
        ...(own.same ? { relativeChange: 0, cosine: 1 } : ratios(own.known ? own.sums : null)),
      })),
    tensors,
    onlyInA: [...a.tensors.keys()].filter((name) => !b.tensors.has(name)),
    onlyInB: [...b.tensors.keys()].filter((name) => !a.tensors.has(name)),
  };
}

function ratios(sums: Sums | null): { relativeChange: number | null; cosine: number | null } {
  if (!sums) return { relativeChange: null, cosine: null };
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return {
    relativeChange: sums.a > 0 ? finite(Math.sqrt(sums.difference / sums.a)) : null,
    cosine:
      sums.a > 0 && sums.b > 0 ? finite(Math.max(-1, Math.min(1, sums.product / Math.sqrt(sums.a * sums.b)))) : null,
  };
}

function sameForm(a: Tensor, b: Tensor): boolean {
  return a.dtype === b.dtype && a.shape.join() === b.shape.join();
}

/** A tensor that is its whole record, in row-major order. */
function isWholeStorage(tensor: Tensor): boolean {
  let expected = 1;
  for (let axis = tensor.shape.length - 1; axis >= 0; axis--) {
    const size = tensor.shape[axis] as number;
    if (size !== 1 && tensor.stride[axis] !== expected) return false;
    expected *= size;
  }
  return (
    tensor.offset === 0 && tensor.storage.viewOffset === 0 && tensor.numel * tensor.dtype.bytes === tensor.storage.bytes
  );
}

function identicalByChecksum(a: Weights, tensorA: Tensor, b: Weights, tensorB: Tensor): boolean {
  if (!a.file.hasChecksums || !b.file.hasChecksums || a.file.littleEndian !== b.file.littleEndian) return false;
  if (!sameForm(tensorA, tensorB) || !isWholeStorage(tensorA) || !isWholeStorage(tensorB)) return false;
  const recordA = a.file.storages.get(tensorA.storage.key)?.record;
  const recordB = b.file.storages.get(tensorB.storage.key)?.record;
  return recordA && recordB ? recordA.crc === recordB.crc && recordA.bytes === recordB.bytes : false;
}

async function sumsOf(
  a: Weights,
  tensorA: Tensor,
  b: Weights,
  tensorB: Tensor,
  progress: Progress,
): Promise<Sums | null> {
  if (!sameForm(tensorA, tensorB) || !isFloating(tensorA.dtype)) return null;
  const sums: Sums = { difference: 0, a: 0, b: 0, product: 0 };
  const piecesB = pieces(b, tensorB);
  for await (const bytesA of pieces(a, tensorA)) {
    const next = await piecesB.next();
    if (next.done === true || next.value.length !== bytesA.length) return null; // the file ends inside: validation says so
    addSums(sums, numbersOf(tensorA.dtype, bytesA) ?? [], numbersOf(tensorB.dtype, next.value) ?? []);
    progress.add(2 * bytesA.length);
  }
  return sums;
}

/** A tensor's bytes, row-major and little endian: in pieces where it lies so in the file, gathered otherwise. */
async function* pieces(weights: Weights, tensor: Tensor): AsyncGenerator<Uint8Array, void> {
  const place = weights.file.storages.get(tensor.storage.key);
  if (place && isWholeStorage(tensor) && weights.file.littleEndian && place.position >= 0) {
    yield* place.record
      ? recordChunks(weights.source, place.record)
      : sourceChunks(weights.source, place.position, place.bytes);
  } else if (place && tensor.numel * tensor.dtype.bytes <= GATHER_BYTES) {
    yield await readTensorBytes(weights.source, weights.file, tensor, GATHER_BYTES);
  }
}

function addSums(sums: Sums, a: ArrayLike<number>, b: ArrayLike<number>): void {
  let difference = 0;
  let squaresA = 0;
  let squaresB = 0;
  let product = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    const d = y - x;
    difference += d * d;
    squaresA += x * x;
    squaresB += y * y;
    product += x * y;
  }
  sums.difference += difference;
  sums.a += squaresA;
  sums.b += squaresB;
  sums.product += product;
}

/** Arguments from config.json (older checkpoints: from the training state), without what is no argument. */
function differences(a: CheckpointFacts, b: CheckpointFacts): ArgumentDifference[] {
  const left = a.config ?? a.savedArguments ?? {};
  const right = b.config ?? b.savedArguments ?? {};
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])].filter((name) => name !== 'schema').sort();
  return names.flatMap((name) => {
    const [x, y] = [left[name] ?? null, right[name] ?? null];
    return JSON.stringify(x) === JSON.stringify(y) ? [] : [{ name, a: x, b: y }];
  });
}

function compareCurricula(a: readonly ScheduleEntry[], b: readonly ScheduleEntry[]): ComparedStage[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, index) => {
    const [left, right] = [stageRange(a, index), stageRange(b, index)];
    return { index, same: JSON.stringify(left) === JSON.stringify(right), a: left, b: right };
  });
}

function stageRange(schedule: readonly ScheduleEntry[], index: number): StageRange | null {
  const entry = schedule[index];
  if (!entry) return null;
  const { name, untilStep, mixingRatio, mlpMixingRatio } = entry;
  return { name, from: schedule[index - 1]?.untilStep ?? 0, until: untilStep, mixingRatio, mlpMixingRatio };
}
