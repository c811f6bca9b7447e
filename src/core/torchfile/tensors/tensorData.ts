/** One tensor's elements, gathered from wherever its strides put them. For small tensors: probes, statistics, tests. */
import { readRecord } from '../container/chunks';
import { readBytes, type ByteSource } from '../container/source';
import type { TorchFile } from '../torchFile';
import type { Tensor } from '../pickle/values';

export class TensorDataError extends Error {}

/**
 * The tensor's elements in row-major order, little endian, as `tensor.contiguous()` has them in memory.
 * Throws TensorDataError when they are longer than `limit` bytes or their record cannot be read.
 */
export async function readTensorBytes(
  source: ByteSource,
  file: TorchFile,
  tensor: Tensor,
  limit: number,
): Promise<Uint8Array> {
  const width = tensor.dtype.bytes;
  if (tensor.numel * width > limit)
    throw new TensorDataError(`The tensor has ${tensor.numel * width} bytes, more than ${limit}.`);
  const result = new Uint8Array(tensor.numel * width);
  if (tensor.numel === 0) return result;
  const first = tensor.storage.viewOffset * tensor.storage.dtype.bytes + tensor.offset * width;
  const extent =
    (tensor.shape.reduce((last, size, i) => last + (size - 1) * (tensor.stride[i] as number), 0) + 1) * width;
  if (extent > limit) throw new TensorDataError(`The tensor is spread over ${extent} bytes, more than ${limit}.`);
  const place = file.storages.get(tensor.storage.key);
  if (!place) throw new TensorDataError('The tensor has no data in the file.');
  if (place.position < 0) throw new TensorDataError('The record of the tensor cannot be read.');
  let span: Uint8Array;
  if (place.record === null || place.record.method === 0)
    span = await readBytes(source, place.position + first, extent);
  else {
    const all = await readRecord(source, place.record, limit);
    if (!all) throw new TensorDataError('The record of the tensor cannot be read.');
    span = all.subarray(first, first + extent);
  }
  if (span.length !== extent) throw new TensorDataError('The file ends inside the tensor.');
  gather(tensor, span, result);
  if (!file.littleEndian) swapBytes(result, swapWidth(tensor));
  turnSigns(tensor, result);
  return result;
}

/** The bytes mean what they say: no change of sign was put off when they were saved. */
export function isAsStored({ dtype, lazySigns: { conjugated, negated } }: Tensor): boolean {
  return !negated && !(conjugated && dtype.kind === 'complex');
}

/** Carries out, on whole little-endian elements and in place, the changes of sign that torch had put off when it saved. */
export function turnSigns(tensor: Tensor, bytes: Uint8Array): void {
  if (isAsStored(tensor)) return;
  const { dtype, lazySigns } = tensor;
  if (dtype.kind === 'int' || dtype.kind === 'uint') {
    turnIntegers(bytes, dtype.bytes);
    return;
  }
  const parts = dtype.kind === 'complex' ? 2 : 1;
  const width = dtype.bytes / parts;
  for (let part = 0, at = width - 1; at < bytes.length; part++, at += width) {
    const imaginary = part % parts === 1;
    if (lazySigns.negated !== (lazySigns.conjugated && imaginary)) (bytes[at] as number) ^= 0x80;
  }
}

/** Two's complement. */
function turnIntegers(bytes: Uint8Array, width: number): void {
  for (let start = 0; start < bytes.length; start += width) {
    let carry = 1;
    for (let at = start; at < start + width; at++) {
      const turned = (~(bytes[at] as number) & 0xff) + carry;
      bytes[at] = turned;
      carry = turned >> 8;
    }
  }
}

function gather(tensor: Tensor, span: Uint8Array, result: Uint8Array): void {
  const width = tensor.dtype.bytes;
  const index = tensor.shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; to += width) {
    for (let b = 0; b < width; b++) result[to + b] = span[from * width + b] as number;
    for (let axis = index.length - 1; axis >= 0; axis--) {
      const stride = tensor.stride[axis] as number;
      if (++(index[axis] as number) < (tensor.shape[axis] as number)) {
        from += stride;
        break;
      }
      from -= stride * ((tensor.shape[axis] as number) - 1);
      index[axis] = 0;
    }
  }
}

/** Bytes that belong together in an element: a complex number is two. */
export function swapWidth(tensor: Tensor): number {
  return tensor.dtype.kind === 'complex' ? tensor.dtype.bytes / 2 : tensor.dtype.bytes;
}

/** Turns the byte order of every element of `width` bytes, in place; a rest that is no whole element stays. */
export function swapBytes(bytes: Uint8Array, width: number): void {
  if (width <= 1) return;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - (bytes.length % width));
  if (width === 2) buffer.swap16();
  else if (width === 4) buffer.swap32();
  else if (width === 8) buffer.swap64();
}
