/**
 * What a person asks about one tensor: smallest, largest, mean, spread, zeros, non-finite values, and how they are
 * distributed. Two passes over its bytes in pieces, so that memory does not grow with it.
 */
import type { TensorSummary } from '../outlineTypes';
import { CHUNK_BYTES, extentPieces } from '../container/chunks';
import { Histogram, Moments, type Numbers } from './distribution';
import type { DType } from './dtypes';
import type { ByteSource } from '../container/source';
import { isFloating, numbersOf } from './totals';
import { SummaryKernel } from './kernels/summaryKernel';
import { readTensorBytes, swapBytes, swapWidth, TensorDataError, turnSigns } from './tensorData';
import type { TorchFile } from '../torchFile';
import { Tensor } from '../pickle/values';

/** Compressed records, which torch does not write, are unpacked in memory; so much of one tensor may be there twice. */
const GATHERED_BYTES = 128 * 1024 * 1024;

/** Bytes that `summarize` goes over: its progress counts up to this. */
export function summaryWork(tensor: Tensor): number {
  return 2 * tensor.numel * tensor.dtype.bytes;
}

/** What summaries are made with, one after the other: a kernel, or plain memory where there is none. */
export class SummaryWorkplace {
  readonly kernel = SummaryKernel.create(CHUNK_BYTES);
  readonly space = this.kernel?.space ?? new Uint8Array(CHUNK_BYTES);
}

/**
 * The tensor's summary. `onBytes` is called after each piece; what it throws ends the work.
 * Throws TensorDataError when the dtype has no numbers or the bytes cannot be read.
 */
export async function summarize(
  source: ByteSource,
  file: TorchFile,
  tensor: Tensor,
  { kernel, space }: SummaryWorkplace = new SummaryWorkplace(),
  onBytes: (bytes: number) => void = () => undefined,
): Promise<TensorSummary> {
  const { dtype } = tensor;
  if (!isFloating(dtype) && !isInteger(dtype))
    throw new TensorDataError(`There are no statistics for elements of type ${dtype.name}.`);
  const moments = new Moments(kernel);
  let pieces = 0;
  let last: Numbers | null = null;
  for await (const values of numberChunks(source, file, tensor, space, onBytes)) {
    moments.add(values);
    pieces++;
    last = values;
  }
  if (moments.count !== tensor.numel) throw new TensorDataError('The file ends inside the tensor.');
  let counts: readonly number[] = [];
  if (moments.finite > 0) {
    const allFinite = moments.finite === moments.count;
    const histogram = new Histogram(moments.min, moments.max, isInteger(dtype), allFinite, kernel);
    // What came in one piece is still there.
    if (pieces === 1 && last) histogram.add(last);
    else for await (const values of numberChunks(source, file, tensor, space, onBytes)) histogram.add(values);
    ({ counts } = histogram);
  }
  if (pieces <= 1 || moments.finite === 0) onBytes(tensor.numel * dtype.bytes);
  return {
    of: dtype.kind === 'complex' ? 'magnitudes' : 'values',
    count: moments.count,
    min: moments.finite === 0 ? null : moments.min,
    max: moments.finite === 0 ? null : moments.max,
    mean: finiteOrNull(moments.mean),
    std: finiteOrNull(Math.sqrt(moments.squares / moments.finite)),
    zeros: moments.zeros,
    nan: moments.nan,
    infinite: moments.count - moments.finite - moments.nan,
    histogram: counts,
  };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function isInteger(dtype: DType): boolean {
  return dtype.kind === 'int' || dtype.kind === 'uint' || dtype.kind === 'bool';
}

/** The elements in an order of no meaning; each piece is good until the next one. */
async function* numberChunks(
  source: ByteSource,
  file: TorchFile,
  tensor: Tensor,
  space: Uint8Array,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Numbers> {
  const { dtype, storage } = tensor;
  const width = dtype.bytes;
  const place = file.storages.get(storage.key);
  if (!place) throw new TensorDataError('The tensor has no data in the file.');
  if (tensor.numel === 0) return;
  if (place.record !== null && place.record.method !== 0) {
    const bytes = await readTensorBytes(source, file, tensor, GATHERED_BYTES);
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const chunk = bytes.subarray(at, at + CHUNK_BYTES);
      yield numbers(dtype, chunk);
      onBytes(chunk.length);
    }
    return;
  }
  if (place.position < 0) throw new TensorDataError('The record of the tensor cannot be read.');
  if (!isDense(tensor)) {
    // Whoever repeats one number a billion times would have it looked at a billion times.
    if (extentOf(tensor) < tensor.numel && tensor.numel * width > GATHERED_BYTES)
      throw new TensorDataError(`The tensor shows its ${extentOf(tensor)} elements ${tensor.numel} times.`);
    for (const part of partsOf(tensor, CHUNK_BYTES / width)) {
      const bytes = await readTensorBytes(source, file, part, CHUNK_BYTES);
      yield numbers(dtype, bytes);
      onBytes(bytes.length);
    }
    return;
  }
  const position = place.position + storage.viewOffset * storage.dtype.bytes + tensor.offset * width;
  for await (const { bytes } of extentPieces(source, [{ position, length: tensor.numel * width }], space)) {
    if (!file.littleEndian) swapBytes(bytes, swapWidth(tensor));
    turnSigns(tensor, bytes);
    yield numbers(dtype, bytes);
    onBytes(bytes.length);
  }
}

/** From the first element to the last in memory, in elements. */
function extentOf({ shape, stride }: Tensor): number {
  return shape.reduce((last, size, axis) => last + (size - 1) * (stride[axis] as number), 0) + 1;
}

/** The tensor cut, along the axis that reaches farthest, into parts that neither have nor reach over more than `most` elements. */
function* partsOf(tensor: Tensor, most: number): Generator<Tensor> {
  const { storage, dtype, offset, shape, stride, isParameter, lazySigns } = tensor;
  const reach = shape.map((size, axis) => (size - 1) * (stride[axis] as number));
  // Where all lies close together but repeats itself, the longest axis.
  const lengths = extentOf(tensor) > most ? reach : shape;
  const axis = lengths.indexOf(Math.max(...lengths));
  const size = shape[axis] ?? 1;
  if ((extentOf(tensor) <= most && tensor.numel <= most) || size < 2) {
    yield tensor;
    return;
  }
  const half = size >> 1;
  const part = (from: number, count: number): Tensor =>
    new Tensor(
      storage,
      dtype,
      offset + from * (stride[axis] as number),
      shape.with(axis, count),
      stride,
      isParameter,
      lazySigns,
    );
  yield* partsOf(part(0, half), most);
  yield* partsOf(part(half, size - half), most);
}

/** No gaps and no element twice: its elements are one stretch of the storage, in whatever order. */
function isDense(tensor: Tensor): boolean {
  const axes = tensor.shape
    .map((size, axis) => ({ size, stride: tensor.stride[axis] as number }))
    .filter(({ size }) => size !== 1)
    .sort((a, b) => a.stride - b.stride);
  let expected = 1;
  for (const { size, stride } of axes) {
    if (stride !== expected) return false;
    expected *= size;
  }
  return true;
}

function numbers(dtype: DType, bytes: Uint8Array): Numbers {
  if (dtype.kind === 'complex') {
    const parts = numbersOf(dtype, bytes) ?? new Float32Array(0);
    const sizes = new Float64Array(Math.floor(parts.length / 2));
    for (let i = 0; i < sizes.length; i++) sizes[i] = Math.hypot(parts[2 * i] as number, parts[2 * i + 1] as number);
    return sizes;
  }
  return numbersOf(dtype, bytes) ?? integersOf(dtype, bytes);
}

/** As fp32 where it holds them all, as doubles otherwise; 64-bit integers beyond 2^53 are rounded. */
function integersOf(dtype: DType, bytes: Uint8Array): Numbers {
  const count = Math.floor(bytes.length / dtype.bytes);
  const whole = bytes.byteOffset % dtype.bytes === 0 ? bytes : bytes.slice();
  const at = [whole.buffer as ArrayBuffer, whole.byteOffset] as const;
  const signed = dtype.kind === 'int';
  switch (dtype.bytes) {
    case 8:
      return longsOf(new Uint32Array(...at, 2 * count), signed);
    case 4:
      return new Float64Array(signed ? new Int32Array(...at, count) : new Uint32Array(...at, count));
    case 2:
      return new Float32Array(signed ? new Int16Array(...at, count) : new Uint16Array(...at, count));
    default:
      return new Float32Array(signed ? new Int8Array(...at, count) : whole);
  }
}

/** From little-endian halves: much faster than BigInts, and rounded once, as they are. */
function longsOf(halves: Uint32Array, signed: boolean): Float64Array {
  const wide = new Float64Array(halves.length / 2);
  for (let i = 0; i < wide.length; i++) {
    const high = halves[2 * i + 1] as number;
    wide[i] = (signed ? high | 0 : high) * 2 ** 32 + (halves[2 * i] as number);
  }
  return wide;
}
