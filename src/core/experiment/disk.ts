/**
 * Reading many small things without stopping the extension host.
 *
 * Measured on 200 runs × 50 checkpoints × 5 files (2 cores, local disk): synchronous stat and read 0.4 s, the promise API
 * 2.5 s. So the disk is read synchronously in slices of a few milliseconds; a disk that turns out slow (a network mount, a
 * spun-down disk) is read asynchronously from then on, because one blocked call there would block everything.
 */
import fs from 'node:fs';

/** Longest stretch of synchronous work; the host must never wait 50 ms (UX, item 13). */
const SLICE_MS = 8;
/**
 * Mean time of a call from which on a disk is slow; a local disk's is about 0.01 ms. Each call counts for 5 % of the mean and
 * for at most 20 ms, so that one pause of a busy machine is not taken for the disk's.
 */
const SLOW_MEAN_MS = 2;
const WEIGHT = 0.05;
const MOST_COUNTED_MS = 20;

export interface FolderEntry {
  readonly name: string;
  readonly stats: fs.Stats;
}

export class PacedDisk {
  private sliceStart = performance.now();
  private mean = 0;

  /** @param slow start asynchronously: the caller knows that this is a network mount */
  constructor(private slow = false) {}

  get isSlow(): boolean {
    return this.slow;
  }

  /** Entries of a folder; null where there is no such folder. */
  list(path: string): Promise<fs.Dirent[] | null> {
    return this.read(
      () => fs.readdirSync(path, { withFileTypes: true }),
      () => fs.promises.readdir(path, { withFileTypes: true }),
    );
  }

  /** Entries of a folder with what stat says of each, by name; entries that went meanwhile are left out. */
  listWithStats(path: string): Promise<FolderEntry[] | null> {
    const byName = (a: string, b: string): number => (a < b ? -1 : 1);
    return this.read(
      () =>
        fs
          .readdirSync(path)
          .sort(byName)
          .flatMap((name) => {
            const stats = fs.statSync(`${path}/${name}`, { throwIfNoEntry: false });
            return stats === undefined ? [] : [{ name, stats }];
          }),
      async () => {
        const names = (await fs.promises.readdir(path)).sort(byName);
        const stats = await Promise.all(names.map((name) => fs.promises.stat(`${path}/${name}`).catch(() => null)));
        return names.flatMap((name, i) => {
          const found = stats[i];
          return found === null || found === undefined ? [] : [{ name, stats: found }];
        });
      },
    );
  }

  /** Follows symbolic links; null where there is nothing. */
  stat(path: string): Promise<fs.Stats | null> {
    return this.read(
      () => fs.statSync(path, { throwIfNoEntry: false }) ?? null,
      () => fs.promises.stat(path),
    );
  }

  readText(path: string): Promise<string | null> {
    return this.read(
      () => fs.readFileSync(path, 'utf8'),
      () => fs.promises.readFile(path, 'utf8'),
    );
  }

  /** The last `bytes` of a file, from the first whole line on when the beginning was cut off. */
  readTail(path: string, bytes: number): Promise<string | null> {
    const text = (buffer: Buffer, cut: boolean): string => {
      const from = cut ? buffer.indexOf(0x0a) + 1 : 0;
      return buffer.toString('utf8', from);
    };
    return this.read(
      () => {
        const file = fs.openSync(path, 'r');
        try {
          const { size } = fs.fstatSync(file);
          const buffer = Buffer.alloc(Math.min(size, bytes));
          const read = fs.readSync(file, buffer, 0, buffer.length, size - buffer.length);
          return text(buffer.subarray(0, read), size > bytes);
        } finally {
          fs.closeSync(file);
        }
      },
      async () => {
        const file = await fs.promises.open(path, 'r');
        try {
          const { size } = await file.stat();
          const buffer = Buffer.alloc(Math.min(size, bytes));
          const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
          return text(buffer.subarray(0, bytesRead), size > bytes);
        } finally {
          await file.close();
        }
      },
    );
  }

  private async read<T>(sync: () => T, async: () => Promise<T>): Promise<T | null> {
    try {
      if (this.slow) return await async();
      const start = performance.now();
      if (start - this.sliceStart > SLICE_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        this.sliceStart = performance.now();
      }
      const before = performance.now();
      const result = sync();
      const took = Math.min(performance.now() - before, MOST_COUNTED_MS);
      this.mean += WEIGHT * (took - this.mean);
      if (this.mean > SLOW_MEAN_MS) this.slow = true;
      return result;
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }
}

/** True for errors that only say that something is not (or no longer) there. */
export function isAbsent(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

export function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** A failed read in words for one line: what the system said, without the call and the path that Node puts around it. */
export function readFailure(error: unknown): string {
  switch (errorCode(error)) {
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read it';
    case 'EISDIR':
      return 'is a folder where a file belongs';
    case 'ELOOP':
      return 'its symbolic links go in a circle';
    case 'EIO':
      return 'the disk reports a read error';
    case null:
    default:
      return `cannot be read: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`;
  }
}
