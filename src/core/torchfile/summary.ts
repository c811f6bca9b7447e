/**
 * What a person asks about one tensor: smallest, largest, mean, spread, zeros, non-finite values, and how they are
 * distributed. Two passes over its bytes in pieces, so that memory does not grow with it.
 */
import type { TensorSummary } from './outlineTypes';
import { CHUNK_BYTES, sourceChunks } from './chunks';
import type { DType } from './dtypes';
import type { ByteSource } from './source';
import { isFloating, numbersOf } from './statistics';
import { readTensorBytes, swapBytes, swapWidth, TensorDataError } from './tensorData';
import type { TorchFile } from './torchFile';
import type { Tensor } from './values';

export const HISTOGRAM_BINS = 64;

/** Views with gaps and compressed records have to be gathered in memory first. */
const GATHERED_BYTES = 128 * 1024 * 1024;

type Numbers = Float32Array | Float64Array;

/** Bytes that `summarize` goes over: its progress counts up to this. */
export function summaryWork(tensor: Tensor): number {
  return 2 * tensor.numel * tensor.dtype.bytes;
}

/**
 * The tensor's summary. `onBytes` is called after each piece; what it throws ends the work.
 * Throws TensorDataError when the dtype has no numbers or the bytes cannot be read.
 */
export async function summarize(
  source: ByteSource,
  file: TorchFile,
  tensor: Tensor,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<TensorSummary> {
  const { dtype } = tensor;
  if (!isFloating(dtype) && !isInteger(dtype))
    throw new TensorDataError(`There are no statistics for elements of type ${dtype.name}.`);
  const moments = new Moments();
  for await (const values of numberChunks(source, file, tensor, onBytes)) moments.add(values);
  if (moments.count !== tensor.numel) throw new TensorDataError('The file ends inside the tensor.');
  const histogram = moments.finite === 0 ? null : new Histogram(moments.min, moments.max, isInteger(dtype));
  if (histogram) for await (const values of numberChunks(source, file, tensor, onBytes)) histogram.add(values);
  return {
    of: dtype.kind === 'complex' ? 'magnitudes' : 'values',
    count: moments.count,
    min: moments.finite === 0 ? null : moments.min,
    max: moments.finite === 0 ? null : moments.max,
    mean: finiteOrNull(moments.finite === 0 ? NaN : moments.mean),
    std: finiteOrNull(Math.sqrt(moments.squares / moments.finite)),
    zeros: moments.zeros,
    nan: moments.nan,
    infinite: moments.count - moments.finite - moments.nan,
    histogram: histogram?.counts ?? [],
  };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function isInteger(dtype: DType): boolean {
  return dtype.kind === 'int' || dtype.kind === 'uint' || dtype.kind === 'bool';
}

/** The elements in an order of no meaning. */
async function* numberChunks(
  source: ByteSource,
  file: TorchFile,
  tensor: Tensor,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Numbers> {
  const width = tensor.dtype.bytes;
  const place = file.storages.get(tensor.storage.key);
  if (!place) throw new TensorDataError('The tensor has no data in the file.');
  if (tensor.numel === 0) return;
  if (!isDense(tensor) || (place.record !== null && place.record.method !== 0)) {
    const bytes = await readTensorBytes(source, file, tensor, GATHERED_BYTES);
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const chunk = bytes.subarray(at, at + CHUNK_BYTES);
      yield numbers(tensor.dtype, chunk);
      onBytes(chunk.length);
    }
    return;
  }
  if (place.position < 0) throw new TensorDataError('The record of the tensor cannot be read.');
  const first = tensor.storage.viewOffset * tensor.storage.dtype.bytes + tensor.offset * width;
  for await (const chunk of sourceChunks(source, place.position + first, tensor.numel * width)) {
    if (!file.littleEndian) swapBytes(chunk, swapWidth(tensor));
    yield numbers(tensor.dtype, chunk);
    onBytes(chunk.length);
  }
}

/** No gaps and no element twice: its elements are one stretch of the storage, in whatever order. */
export function isDense(tensor: Tensor): boolean {
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

/** 64-bit integers beyond 2^53 are rounded to doubles. */
function integersOf(dtype: DType, bytes: Uint8Array): Float64Array {
  const count = Math.floor(bytes.length / dtype.bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = new Float64Array(count);
  const read = integerReader(dtype);
  for (let i = 0; i < count; i++) wide[i] = read(view, i * dtype.bytes);
  return wide;
}

function integerReader(dtype: DType): (view: DataView, at: number) => number {
  const signed = dtype.kind === 'int';
  switch (dtype.bytes) {
    case 8:
      return signed
        ? (view, at) => Number(view.getBigInt64(at, true))
        : (view, at) => Number(view.getBigUint64(at, true));
    case 4:
      return signed ? (view, at) => view.getInt32(at, true) : (view, at) => view.getUint32(at, true);
    case 2:
      return signed ? (view, at) => view.getInt16(at, true) : (view, at) => view.getUint16(at, true);
    default:
      return signed ? (view, at) => view.getInt8(at) : (view, at) => view.getUint8(at);
  }
}

class Moments {
  count = 0;
  finite = 0;
  nan = 0;
  zeros = 0;
  min = Infinity;
  max = -Infinity;
  mean = 0;
  /** Sum of squared distances from the mean. */
  squares = 0;

  /** Means and squares of the pieces are joined as Chan, Golub and LeVeque do (1979): a large mean costs no digits. */
  add(values: Numbers): void {
    let sum = 0;
    let finite = 0;
    for (const value of values) {
      if (value - value === 0) {
        finite++;
        sum += value;
        if (value < this.min) this.min = value;
        if (value > this.max) this.max = value;
        if (value === 0) this.zeros++;
      } else if (Number.isNaN(value)) this.nan++;
    }
    this.count += values.length;
    if (finite === 0) return;
    const mean = sum / finite;
    let squares = 0;
    for (const value of values) if (value - value === 0) squares += (value - mean) * (value - mean);
    const total = this.finite + finite;
    const apart = mean - this.mean;
    this.mean += (apart * finite) / total;
    this.squares += squares + (apart * apart * this.finite * finite) / total;
    this.finite = total;
  }
}

class Histogram {
  readonly counts: number[];
  private readonly low: number;
  /** Bins per unit; halves of the limits, because their difference may be more than a double holds. */
  private readonly scale: number;

  constructor(min: number, max: number, integers: boolean) {
    const bins = min === max ? 1 : integers && max - min < HISTOGRAM_BINS ? max - min + 1 : HISTOGRAM_BINS;
    const half = integers && bins < HISTOGRAM_BINS ? bins / 2 : max / 2 - min / 2;
    this.counts = Array.from({ length: bins }, () => 0);
    this.low = min / 2;
    this.scale = half > 0 ? bins / half : 0;
  }

  add(values: Numbers): void {
    const last = this.counts.length - 1;
    for (const value of values) {
      if (value - value !== 0) continue;
      const bin = Math.min(last, Math.floor((value / 2 - this.low) * this.scale)) || 0;
      this.counts[bin] = (this.counts[bin] ?? 0) + 1;
    }
  }
}
