/** Random access to bytes: a file or a piece of memory. All that the readers know of the world outside. */
import { closeSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { openRegular, openRegularSync } from '../../files';

export interface ByteSource {
  readonly size: number;
  /** Fills `target` from `position` on; resolves to the bytes read, fewer only at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/** Reads exactly `length` bytes, not to be written to; fewer when the source ends before. */
export async function readBytes(source: ByteSource, position: number, length: number): Promise<Uint8Array> {
  if (source instanceof MemorySource) return source.view(position, length);
  const bytes = new Uint8Array(Math.max(0, Math.min(length, source.size - position)));
  const count = await source.read(bytes, position);
  return count === bytes.length ? bytes : bytes.subarray(0, count);
}

/** For the extension host: every read leaves the thread free. */
class AsyncFile implements ByteSource {
  constructor(
    private readonly handle: FileHandle,
    readonly size: number,
  ) {}

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await this.handle.read(target, done, target.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** Fewer than `target` holds only at the file's end. */
function readFully(descriptor: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(descriptor, target, done, target.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** For workers and the command line: a blocking read of a few kilobytes is ten times faster than a trip to a thread pool. */
class BlockingFile implements ByteSource {
  constructor(
    private readonly descriptor: number,
    readonly size: number,
  ) {}

  read(target: Uint8Array, position: number): Promise<number> {
    return Promise.resolve(readFully(this.descriptor, target, position));
  }

  close(): Promise<void> {
    closeSync(this.descriptor);
    return Promise.resolve();
  }
}

/**
 * Files up to this are read whole where reads block: hardly more than the end that a zip's directory is looked for in, and
 * one system call in place of a hundred (a header before each record).
 */
const WHOLE_BYTES = 128 * 1024;

function openBlocking(path: string): ByteSource {
  const {
    descriptor,
    stats: { size },
  } = openRegularSync(path);
  let keep = false;
  try {
    if (size > WHOLE_BYTES) {
      keep = true;
      return new BlockingFile(descriptor, size);
    }
    const bytes = new Uint8Array(size);
    return new MemorySource(bytes.subarray(0, readFully(descriptor, bytes, 0)));
  } finally {
    if (!keep) closeSync(descriptor);
  }
}

/**
 * Opens a file; `blocking` only where the thread may wait (workers, the command line). Rejects with Node's own errors, and
 * with WrongKindError for what is no file: that is never opened.
 */
export async function openFile(path: string, blocking = false): Promise<ByteSource> {
  if (blocking) return openBlocking(path);
  const { handle, stats } = await openRegular(path);
  return new AsyncFile(handle, stats.size);
}

export class MemorySource implements ByteSource {
  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length;
  }

  /** The bytes themselves, not a copy; none outside. */
  view(position: number, length: number): Uint8Array {
    return position < 0 ? new Uint8Array(0) : this.bytes.subarray(position, position + Math.max(0, length));
  }

  read(target: Uint8Array, position: number): Promise<number> {
    const part = this.view(position, target.length);
    target.set(part);
    return Promise.resolve(part.length);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
