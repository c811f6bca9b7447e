/** Follows a run's metrics: a log, or files of records, from where it last stopped reading; a document when it was written anew. */
import type { Stats } from 'node:fs';
import { stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { isAbsent, isThere, openRegular } from '../files';
import { readDocument } from '../jsonFile';
import { FileContentError, parseObject } from '../jsonText';
import { Utf8Pieces } from '../textEncoding';
import { MetricsLog, type Keep } from './log';
import { METRICS_SOURCES } from './sources';
import { LOG_SOURCES } from './sources/logs';
import type { DocumentSource, Logged, LogSource, RecordsReader, RecordsSource } from './sources/source';

const CHUNK = 1 << 20;
/** Bytes before the offset that are compared, so that a file rewritten in place is noticed even if it is longer than before. */
const ANCHOR = 64;

/** How much is read, and kept. */
export interface TailOptions {
  readonly keep?: Keep;
  /** Metrics; of a log's lines those that tell of none of them need not be looked at. */
  readonly about?: readonly string[];
  /** Of a log of lines that is longer, only so many bytes of its end are read at first; left out: all of it. */
  readonly mostBytes?: number;
  /** Bytes that are read and parsed at a time, without anything else happening in this thread. */
  readonly pieceBytes?: number;
  /** Called after each of those. */
  readonly onPiece?: () => void;
}

interface Records {
  readonly reader: RecordsReader;
  readonly read: { readonly identity: string; offset: number }[];
}

/**
 * `poll` reads what was appended to a log since the last call; one that shrank, was replaced or rewritten is read from its
 * beginning into a fresh MetricsLog, and so is a document. Asked, not told by a watcher: on network disks that says nothing of
 * what other machines write.
 */
export class MetricsTail {
  private current: MetricsLog;
  private text = new Utf8Pieces();
  private offset = 0;
  /** Where in the file it began. */
  private from = 0;
  private hasRead = false;
  private identity = '';
  private anchor = Buffer.alloc(0);
  /** Of files of records: how far each was read. */
  private records: Records | undefined;
  private running: Promise<boolean> | undefined;
  private fresh = 0;
  private changes = 0;

  constructor(
    readonly runPath: string,
    private readonly options: TailOptions = {},
  ) {
    this.current = this.newLog();
  }

  /** What the file says as of the last poll. Another object after the file was replaced: see `epoch`. */
  get log(): MetricsLog {
    return this.current;
  }

  /** Whether it has read everything there is, and not a log's end alone. */
  get isWhole(): boolean {
    return this.from === 0;
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
   * `openRegular` does, except that a missing file is an empty one, and FileContentError for a document that is none.
   */
  poll(): Promise<boolean> {
    this.running ??= this.read().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** The first source's that is there, else ours, which will be. */
  private async read(): Promise<boolean> {
    for (const source of METRICS_SOURCES) {
      if (source.kind === 'log') {
        if (await isThere(path.join(this.runPath, source.file))) return this.readOn(source);
        continue;
      }
      const files = await source.find(this.runPath);
      if (files.length === 0) continue;
      return source.kind === 'document' ? this.readAnew(source, files) : this.readRecords(source, files);
    }
    return this.readOn(LOG_SOURCES[0]);
  }

  private async readOn(source: LogSource): Promise<boolean> {
    const file = path.join(this.runPath, source.file);
    let handle: FileHandle;
    let stats: Stats;
    try {
      ({ handle, stats } = await openRegular(file));
    } catch (error) {
      if (!isAbsent(error)) throw error;
      const hadRead = this.hasRead;
      this.startOver('', this.newLog(source));
      return hadRead;
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
        changed = this.hasRead;
        this.startOver(identity, this.newLog(source));
        // Its first line is then a torn one.
        this.offset = Math.max(0, size - (this.options.mostBytes ?? size));
        this.from = this.offset;
      }
      const before = this.offset;
      await this.pieces(handle, before, size, (piece) => {
        this.current.push(this.text.next(piece));
        this.anchor = Buffer.concat([this.anchor, piece.subarray(Math.max(0, piece.length - ANCHOR))]).subarray(
          -ANCHOR,
        );
        this.offset += piece.length;
      });
      return changed || this.offset > before;
    } finally {
      await handle.close();
    }
  }

  private async readAnew(source: DocumentSource, files: readonly string[]): Promise<boolean> {
    const identity = (await Promise.all(files.map(identityOf))).join('|');
    if (identity === this.identity) return false;
    const read = await Promise.allSettled(files.map((file) => loggedIn(source, file)));
    const failed = read.find((each) => each.status === 'rejected');
    // It may be being written; what was read before is better than what an older one says, until it is written again.
    if (failed !== undefined && this.hasRead) {
      this.identity = identity;
      return false;
    }
    const [furthest] = read
      .flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
      .sort((a, b) => b.step - a.step);
    if (furthest === undefined) {
      if (isAbsent(failed?.reason)) return false;
      throw failed?.reason;
    }
    const log = this.newLog();
    for (const event of furthest.events) log.take(event);
    this.startOver(identity, log);
    this.hasRead = true;
    this.changes += 1;
    return true;
  }

  private async readRecords(source: RecordsSource, files: readonly string[]): Promise<boolean> {
    // Read in order; what is not the same files, with others behind them at most, is read anew.
    const opened: { readonly file: string; readonly identity: string; readonly size: number }[] = [];
    for (const file of files) {
      const stats = await stat(file).catch(() => null);
      // One that goes away meanwhile is missed at the next poll.
      if (stats === null) return false;
      opened.push({ file, identity: `${file}:${stats.dev}:${stats.ino}`, size: stats.size });
    }
    let changed = false;
    let records = this.records;
    if (
      records === undefined ||
      records.read.length > opened.length ||
      records.read.some(({ identity, offset }, at) => {
        const now = opened[at];
        return now?.identity !== identity || now.size < offset;
      })
    ) {
      changed = this.hasRead;
      this.startOver(source.kind, this.newLog());
      records = this.records = { reader: source.reader(), read: [] };
    }
    for (const [at, { file, identity, size }] of opened.entries()) {
      const read = (records.read[at] ??= { identity, offset: 0 });
      if (read.offset >= size) continue;
      const { handle } = await openRegular(file);
      try {
        await this.pieces(handle, read.offset, size, (piece) => {
          for (const event of records.reader.push(at, piece)) this.current.take(event);
          read.offset += piece.length;
        });
      } finally {
        await handle.close();
      }
      changed = true;
    }
    return changed;
  }

  /** Reads a file piece by piece; each is `taken` before the next is read into the same memory. */
  private async pieces(
    handle: FileHandle,
    from: number,
    to: number,
    taken: (piece: Uint8Array) => void,
  ): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(this.options.pieceBytes ?? CHUNK, Math.max(1, to - from)));
    for (let at = from; at < to;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, to - at), at);
      if (bytesRead === 0) return;
      taken(buffer.subarray(0, bytesRead));
      at += bytesRead;
      this.hasRead = true;
      this.changes += 1;
      this.options.onPiece?.();
    }
  }

  private newLog(source?: LogSource): MetricsLog {
    return new MetricsLog(source, this.options.keep, this.options.about);
  }

  private async anchorHolds(handle: FileHandle): Promise<boolean> {
    if (this.anchor.length === 0) return true;
    const there = Buffer.alloc(this.anchor.length);
    await handle.read(there, 0, there.length, this.offset - there.length);
    return there.equals(this.anchor);
  }

  private startOver(identity: string, log: MetricsLog): void {
    if (this.hasRead) {
      this.fresh += 1;
      this.changes += 1;
    }
    this.current = log;
    this.text = new Utf8Pieces();
    this.offset = 0;
    this.from = 0;
    this.hasRead = false;
    this.anchor = Buffer.alloc(0);
    this.records = undefined;
    this.identity = identity;
  }
}

/** Differs once the file was written again. One that is gone by now has none. */
async function identityOf(file: string): Promise<string> {
  const stats = await stat(file).catch(() => null);
  return stats === null ? '' : `${file}:${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}`;
}

/** @throws FileContentError with the file's name, and Node's own errors */
async function loggedIn(source: DocumentSource, file: string): Promise<Logged> {
  const content = await readDocument(file);
  try {
    return source.parse(parseObject(content));
  } catch (error) {
    throw error instanceof FileContentError ? new FileContentError(`${file} ${error.message}`) : error;
  }
}
