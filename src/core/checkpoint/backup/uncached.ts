/**
 * Reading a file from its disk rather than from the system's memory of what was just written to it: where the system can, past
 * its cache. That a copy was written says little of what a disk gives back.
 */
import type { Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { errorCode } from '../../files';
import { pageAligned } from '../../torchfile/tensors/kernels/wasm';

export const CHUNK_BYTES = 1024 * 1024;
/** Disks are read in blocks of at most this many bytes. */
const BLOCK_BYTES = 4096;
const DIRECT = (constants.O_DIRECT as number | undefined) ?? 0;
const NO_FOLLOW = (constants.O_NOFOLLOW as number | undefined) ?? 0;

/** A piece of memory that such reads take. */
export function readingBuffer(): Uint8Array {
  return pageAligned(CHUNK_BYTES) ?? Buffer.allocUnsafe(CHUNK_BYTES);
}

/**
 * Puts a file's bytes into a hash, from `from` to its end.
 *
 * @param file not a link
 * @param buffer of `readingBuffer`, used by nobody else meanwhile
 * @param told is given the bytes of each piece; what it throws ends the reading
 * @returns where the file ended. Rejects with Node's own errors
 */
export async function hashFrom(
  file: string,
  from: number,
  hash: Hash,
  buffer: Uint8Array,
  told: (bytes: number) => void,
): Promise<number> {
  let direct = DIRECT !== 0;
  let handle = await open(file, constants.O_RDONLY | NO_FOLLOW | DIRECT).catch((error: unknown) => {
    // File systems that cannot do it say so.
    if (!direct || errorCode(error) !== 'EINVAL') throw error;
    direct = false;
    return open(file, constants.O_RDONLY | NO_FOLLOW);
  });
  try {
    for (let at = from - (from % BLOCK_BYTES); ;) {
      const read = await handle.read(buffer, 0, CHUNK_BYTES, at).then(
        ({ bytesRead }) => bytesRead,
        (error: unknown) => {
          if (!direct || errorCode(error) !== 'EINVAL') throw error;
          return null;
        },
      );
      if (read === 0) return Math.max(at, from);
      const known = Math.max(0, from - at);
      if (read !== null && read > known) {
        hash.update(buffer.subarray(known, read));
        told(read - known);
      }
      at += read ?? 0;
      if (direct && (read === null || read % BLOCK_BYTES !== 0)) {
        // Such reads begin and end at blocks: the rest of a file is read as any other.
        direct = false;
        await handle.close();
        handle = await open(file, constants.O_RDONLY | NO_FOLLOW);
      }
    }
  } finally {
    await handle.close();
  }
}

/** Fewer than `length` bytes only at the file's end. */
export async function readFully(
  handle: FileHandle,
  target: Uint8Array,
  length: number,
  position: number,
): Promise<number> {
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(target, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}
