/** Follows a growing metrics file from where it last stopped reading. */
import type { Stats } from 'node:fs';
import { lstat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { isAbsent, openRegular } from '../files';
import { Utf8Pieces } from '../textEncoding';
import { MetricsLog } from './log';
import { METRICS_SOURCES, type MetricsSource } from './sources';

const CHUNK = 1 << 20;
/** Bytes before the offset that are compared, so that a file rewritten in place is noticed even if it is longer than before. */
const ANCHOR = 64;

/** The run's metrics file and whose it is: the first source's that is there, else where ours will be. */
async function metricsFileOf(runPath: string): Promise<{ readonly file: string; readonly source: MetricsSource }> {
  for (const source of METRICS_SOURCES) {
    const file = path.join(runPath, source.file);
    if (await isThere(file)) return { file, source };
  }
  const [source] = METRICS_SOURCES;
  return { file: path.join(runPath, source.file), source };
}

/** Anything but absence is for who opens it to name: a file that may not be read, a pipe in its place. */
async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    return !isAbsent(error);
  }
}

/**
 * An offset-based tail. `poll` reads what was appended since the last call; a file that shrank, was replaced or rewritten is
 * read from its beginning into a fresh log. Asked, not told by a watcher: on network disks that says nothing of what other
 * machines append.
 */
export class MetricsTail {
  private current = new MetricsLog();
  private pieces = new Utf8Pieces();
  private offset = 0;
  private identity = '';
  private anchor = Buffer.alloc(0);
  private running: Promise<boolean> | undefined;
  private fresh = 0;
  private changes = 0;

  constructor(readonly runPath: string) {}

  /** What the file says as of the last poll. Another object after the file was replaced: see `epoch`. */
  get log(): MetricsLog {
    return this.current;
  }

  /** Counts the times that the file was found replaced and read anew. */
  get epoch(): number {
    return this.fresh;
  }

  /** Counts the pieces that were read, and the times that everything was taken back. */
  get revision(): number {
    return this.changes;
  }

  /**
   * Reads on. Resolves to whether anything was read or taken back; a call during another waits for that one. Throws as
   * `openRegular` does, except that a missing file is an empty one.
   */
  poll(): Promise<boolean> {
    this.running ??= this.read().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async read(): Promise<boolean> {
    const { file, source } = await metricsFileOf(this.runPath);
    let handle: FileHandle;
    let stats: Stats;
    try {
      ({ handle, stats } = await openRegular(file));
    } catch (error) {
      if (!isAbsent(error)) throw error;
      if (this.offset === 0) return false;
      this.startOver('', source);
      return true;
    }
    try {
      const { dev, ino, size } = stats;
      const identity = `${file}:${dev}:${ino}`;
      let changed = false;
      if (
        identity !== this.identity ||
        size < this.offset ||
        (size > this.offset && !(await this.anchorHolds(handle)))
      ) {
        changed = this.offset > 0;
        this.startOver(identity, source);
      }
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, size - this.offset)));
      while (this.offset < size) {
        const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - this.offset), this.offset);
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        this.current.push(this.pieces.next(chunk));
        this.anchor = Buffer.concat([this.anchor, chunk.subarray(Math.max(0, bytesRead - ANCHOR))]).subarray(-ANCHOR);
        this.offset += bytesRead;
        this.changes += 1;
        changed = true;
      }
      return changed;
    } finally {
      await handle.close();
    }
  }

  private async anchorHolds(handle: FileHandle): Promise<boolean> {
    if (this.anchor.length === 0) return true;
    const there = Buffer.alloc(this.anchor.length);
    await handle.read(there, 0, there.length, this.offset - there.length);
    return there.equals(this.anchor);
  }

  private startOver(identity: string, source: MetricsSource): void {
    if (this.offset > 0) {
      this.fresh += 1;
      this.changes += 1;
    }
    this.current = new MetricsLog(source);
    this.pieces = new Utf8Pieces();
    this.offset = 0;
    this.anchor = Buffer.alloc(0);
    this.identity = identity;
  }
}
