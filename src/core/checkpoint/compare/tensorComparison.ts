/**
 * How far a tensor of one torch file is from one of another. Tensors whose records have the same CRC are the same, and are
 * not read; the rest is read once, in pieces, so that memory does not grow with the tensors.
 */
import { recordChunks, sourceChunks } from '../../torchfile/container/chunks';
import { openFile, type ByteSource } from '../../torchfile/container/source';
import { isFloating, numbersOf } from '../../torchfile/tensors/totals';
import { readTensorBytes, TensorDataError, turnSigns } from '../../torchfile/tensors/tensorData';
import { readTorchFile, type TorchFile } from '../../torchfile/torchFile';
import type { Tensor } from '../../torchfile/pickle/values';
import { isAbsent, isFileError } from '../../files';
import { CheckpointPathError, pathError } from '../pathErrors';
import type { Progress } from '../validate/progress';
import type { ReadingOptions } from '../report/report';

/** What a difference comes to, of one tensor or of several together. */
export interface Measured {
  readonly same: boolean;
  /** ‖b − a‖ / ‖a‖; null where shapes or types differ, a is zero, or a number is not finite. */
  readonly relativeChange: number | null;
  /** Null like relativeChange, and where b is zero. */
  readonly cosine: number | null;
}

/** Longest tensor with gaps or unusual strides that is gathered in memory. */
const GATHER_BYTES = 256 * 1024 * 1024;

/** A torch file that stays open for reading tensors. */
export class OpenTorchFile {
  private constructor(
    readonly path: string,
    readonly source: ByteSource,
    readonly file: TorchFile,
  ) {}

  /** Throws CheckpointPathError in one line where there is no file or no value in it; `missing` is said where it does not exist. */
  static async open(path: string, missing: string, options: ReadingOptions): Promise<OpenTorchFile> {
    let source: ByteSource;
    try {
      source = await openFile(path, options.blocking);
    } catch (error) {
      if (!isFileError(error)) throw error;
      throw isAbsent(error) ? new CheckpointPathError(missing) : pathError(path, error);
    }
    try {
      const file = await readTorchFile(source);
      if (file.value === null)
        throw new CheckpointPathError(
          `${path} cannot be compared: ${file.problems[0]?.message ?? 'it holds no values.'}`,
        );
      return new OpenTorchFile(path, source, file);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

/** What a pair of tensors adds up to. */
interface Sums {
  difference: number;
  a: number;
  b: number;
  product: number;
}

export interface TensorPair {
  readonly a: Tensor;
  readonly b: Tensor;
}

/** One pair after another adds up to a difference: a tensor's own, or that of all tensors of a layer. */
export class Difference {
  private same = true;
  private known = true;
  private readonly sums: Sums = { difference: 0, a: 0, b: 0, product: 0 };

  /** `identical` pairs are not read; what they would add to the sums is left out: a layer is measured by what changed. */
  add(sums: Sums | 'identical' | null): void {
    if (sums === 'identical') return;
    this.same &&= sums?.difference === 0;
    if (!sums) this.known = false;
    else for (const key of ['difference', 'a', 'b', 'product'] as const) this.sums[key] += sums[key];
  }

  measured(): Measured {
    if (this.same) return { same: true, relativeChange: 0, cosine: 1 };
    const { difference, a, b, product } = this.sums;
    const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
    return {
      same: false,
      relativeChange: this.known && a > 0 ? finite(Math.sqrt(difference / a)) : null,
      cosine: this.known && a > 0 && b > 0 ? finite(Math.max(-1, Math.min(1, product / Math.sqrt(a * b)))) : null,
    };
  }
}

/** Compares tensors of two open files. Announce every pair before the first is measured, so that progress knows its end. */
export class FileComparison {
  constructor(
    private readonly a: OpenTorchFile,
    private readonly b: OpenTorchFile,
    private readonly progress: Progress,
  ) {}

  expect({ a, b }: TensorPair): void {
    if (!this.identicalByChecksum(a, b)) this.progress.expect(2 * a.numel * a.dtype.bytes);
  }

  /** Throws the signal's reason when cancelled. */
  async measure({ a, b }: TensorPair): Promise<Sums | 'identical' | null> {
    this.progress.add(0);
    return this.identicalByChecksum(a, b) ? 'identical' : this.sumsOf(a, b);
  }

  private identicalByChecksum(tensorA: Tensor, tensorB: Tensor): boolean {
    const { a, b } = this;
    if (!a.file.hasChecksums || !b.file.hasChecksums || a.file.littleEndian !== b.file.littleEndian) return false;
    if (!sameForm(tensorA, tensorB) || !isWholeStorage(tensorA) || !isWholeStorage(tensorB)) return false;
    if (!sameSigns(tensorA, tensorB)) return false;
    const recordA = a.file.storages.get(tensorA.storage.key)?.record;
    const recordB = b.file.storages.get(tensorB.storage.key)?.record;
    return recordA && recordB ? recordA.crc === recordB.crc && recordA.bytes === recordB.bytes : false;
  }

  private async sumsOf(tensorA: Tensor, tensorB: Tensor): Promise<Sums | null> {
    if (!sameForm(tensorA, tensorB) || !isFloating(tensorA.dtype)) return null;
    const sums: Sums = { difference: 0, a: 0, b: 0, product: 0 };
    let left = tensorA.numel * tensorA.dtype.bytes;
    const piecesB = pieces(this.b, tensorB);
    try {
      for await (const bytesA of pieces(this.a, tensorA)) {
        const next = await piecesB.next();
        if (next.done === true || next.value.length !== bytesA.length) return null;
        addSums(sums, numbersOf(tensorA.dtype, bytesA) ?? [], numbersOf(tensorB.dtype, next.value) ?? []);
        left -= bytesA.length;
        this.progress.add(2 * bytesA.length);
      }
    } catch (error) {
      if (error instanceof TensorDataError || isInflateError(error)) return null;
      throw error;
    } finally {
      await piecesB.return();
    }
    // Bytes that are missing or damaged leave it unmeasured; validation names them.
    return left === 0 ? sums : null;
  }
}

function isInflateError(error: unknown): boolean {
  return error instanceof Error && ((error as NodeJS.ErrnoException).code ?? '').startsWith('Z_');
}

function sameForm(a: Tensor, b: Tensor): boolean {
  return a.dtype === b.dtype && a.shape.join() === b.shape.join();
}

/** The same bytes mean the same numbers: torch had put off the same changes of sign when it saved them. */
function sameSigns({ lazySigns: a }: Tensor, { lazySigns: b }: Tensor): boolean {
  return a.conjugated === b.conjugated && a.negated === b.negated;
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

/** A tensor's bytes, row-major and little endian: in pieces where it lies so in the file, gathered otherwise. */
async function* pieces({ file, source }: OpenTorchFile, tensor: Tensor): AsyncGenerator<Uint8Array, void, void> {
  const place = file.storages.get(tensor.storage.key);
  if (place && isWholeStorage(tensor) && file.littleEndian && place.position >= 0) {
    const chunks = place.record
      ? recordChunks(source, place.record)
      : sourceChunks(source, place.position, place.bytes);
    for await (const bytes of chunks) {
      turnSigns(tensor, bytes);
      yield bytes;
    }
  } else if (place && tensor.numel * tensor.dtype.bytes <= GATHER_BYTES) {
    yield await readTensorBytes(source, file, tensor, GATHER_BYTES);
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
