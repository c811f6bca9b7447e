/** Sequential reading in pieces that fit a processor's cache, so that memory does not grow with the file. */
import { createInflateRaw, inflateRawSync } from 'node:zlib';
import type { ByteSource } from './source';
import type { ZipRecord } from './zip';

/** Small enough to stay in the L2/L3 cache between the checksum and the statistics, large enough to hide the call. */
export const CHUNK_BYTES = 1024 * 1024;

/**
 * Yields `length` bytes from `position` on. Every piece but the last is a multiple of 16 bytes long and begins at the
 * same buffer, aligned for any element type; it is overwritten by the next one. Ends early when the source does.
 */
export async function* sourceChunks(source: ByteSource, position: number, length: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(length, 16)));
  for (let done = 0; done < length;) {
    const target = buffer.subarray(0, Math.min(buffer.length, length - done));
    const count = await source.read(target, position + done);
    if (count === 0) return;
    yield count === target.length ? target : target.subarray(0, count);
    done += count;
  }
}

/** A stretch of a file. */
export interface Extent {
  readonly position: number;
  readonly length: number;
}

/** Some bytes of the extent of that index; an extent's pieces come in order. */
export interface Piece {
  readonly extent: number;
  readonly bytes: Uint8Array;
}

/** Neighbours closer than this are read in one go: cheaper than another read. */
const MAX_GAP = 64 * 1024;

/**
 * Yields the bytes of stored extents, read chunk by chunk into `space` (CHUNK_BYTES long); each piece is good until the
 * next one. Pieces end on multiples of 16 bytes within their extent, save the last, and begin aligned for any element type
 * where `space` does. Ends early when the source does. Measured on Node 20: reading ahead through libuv's threads takes
 * longer (0.30 s for 600 MB instead of 0.25 s), because each chunk then waits for the event loop and changes cores.
 */
export async function* extentPieces(
  source: ByteSource,
  extents: readonly Extent[],
  space: Uint8Array = new Uint8Array(CHUNK_BYTES),
): AsyncGenerator<Piece> {
  for (const { position, length, pieces } of windowsOf(extents)) {
    const count = await source.read(space.subarray(0, length), position);
    for (const { extent, from, to } of pieces)
      if (from < count) yield { extent, bytes: space.subarray(from, Math.min(to, count)) };
    if (count < length) return;
  }
}

/** A read of at most one chunk, and the extents' parts in it (in bytes from its start). */
interface ReadWindow {
  readonly position: number;
  readonly length: number;
  readonly pieces: readonly { readonly extent: number; readonly from: number; readonly to: number }[];
}

function* windowsOf(extents: readonly Extent[]): Generator<ReadWindow> {
  let index = 0;
  while (index < extents.length) {
    // A run of neighbours that share one alignment is read as if it were one.
    const first = index;
    const begin = (extents[first] as Extent).position;
    let end = begin + (extents[first] as Extent).length;
    for (index++; index < extents.length; index++) {
      const { position, length } = extents[index] as Extent;
      if (position < end || position - end > MAX_GAP || (position - begin) % 16 !== 0) break;
      end = position + length;
    }
    let from = first;
    for (let position = begin; position < end; position += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, end - position);
      const pieces = [];
      for (let at = from; at < index; at++) {
        const extent = extents[at] as Extent;
        if (extent.position >= position + length) break;
        const start = Math.max(extent.position - position, 0);
        const stop = Math.min(extent.position + extent.length - position, length);
        if (stop > start) pieces.push({ extent: at, from: start, to: stop });
        if (extent.position + extent.length <= position + length) from = at + 1;
      }
      yield { position, length, pieces };
    }
  }
}

/** The record's bytes after decompression, in pieces as sourceChunks gives them. A damaged deflate stream throws Node's own error. */
export async function* recordChunks(source: ByteSource, record: ZipRecord): AsyncGenerator<Uint8Array> {
  if (record.method === 0) {
    yield* sourceChunks(source, record.dataStart, record.storedBytes);
    return;
  }
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES });
  const feed = (async () => {
    for await (const chunk of sourceChunks(source, record.dataStart, record.storedBytes)) {
      if (inflate.destroyed) return;
      if (!inflate.write(chunk.slice()))
        await new Promise((resolve) => inflate.once('drain', resolve).once('close', resolve));
    }
    inflate.end();
  })();
  feed.catch((error: unknown) => inflate.destroy(error as Error));
  // Pieces arrive in any length: gather them, so that no element is cut in two.
  const buffer = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  let total = 0;
  try {
    for await (const piece of inflate as AsyncIterable<Uint8Array>) {
      for (let at = 0; at < piece.length;) {
        const part = piece.subarray(at, at + buffer.length - filled);
        buffer.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled === buffer.length) {
          total += filled;
          yield buffer;
          filled = 0;
          // What a bomb claims to hold is bounded by what the directory says it holds.
          if (total > record.bytes) return;
        }
      }
    }
    if (filled > 0) yield buffer.subarray(0, filled);
  } finally {
    inflate.destroy();
  }
}

/** A whole record in memory; null when it is longer than `limit`, lies outside the file or cannot be decompressed. */
export async function readRecord(source: ByteSource, record: ZipRecord, limit: number): Promise<Uint8Array | null> {
  if (record.dataStart < 0 || record.storedBytes > limit || record.bytes > limit) return null;
  const bytes = new Uint8Array(record.storedBytes);
  if ((await source.read(bytes, record.dataStart)) !== bytes.length) return null;
  if (record.method === 0) return bytes;
  if (record.method !== 8) return null;
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(record.bytes, 1) });
  } catch {
    // A stream that does not decompress has no content; the caller reports the record.
    return null;
  }
}
