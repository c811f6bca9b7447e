/**
 * Reading many small things without stopping the extension host.
 *
 * Measured on 200 runs × 50 checkpoints × 5 files (2 cores, local disk): synchronous stat and read 0.4 s, the promise API
 * 2.5 s. So the disk is read synchronously in slices of a few milliseconds; a disk that turns out slow (a network mount, a
 * spun-down disk) is read asynchronously from then on, because one blocked call there would block everything.
 */
import fs from 'node:fs';
import { danglingLink, isAbsent, openRegular, openRegularSync, readFailure, requireFolder } from '../files';
import { type Encoding, encodingOf } from '../textEncoding';

/** Longest stretch of synchronous work; the host must never wait 50 ms (UX, item 13). */
const SLICE_MS = 8;
/**
 * Mean time of a call from which on a disk is slow; a local disk's is about 0.01 ms. Each call counts for 5 % of the mean and
 * for at most 20 ms, so that one pause of a busy machine is not taken for the disk's.
 */
const SLOW_MEAN_MS = 2;
const WEIGHT = 0.05;
const MOST_COUNTED_MS = 20;
/** Of a call that takes longer it is found out how long it waited for its turn on a processor, and not for the disk. */
const NOTABLE_MS = 1;

/** From this size of a folder itself on it has thousands of entries on any file system. */
const LARGE_FOLDER_BYTES = 256 * 1024;
/** What is looked at in one call: a checkpoint has a handful of files, and some have ten thousand. */
const AT_ONCE = 16;
/** Stands for the entries of a folder that is too large to be listed in one call. */
const LARGE = Symbol('large');

function isLarge(path: string): boolean {
  return (fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LARGE_FOLDER_BYTES;
}

/** A large folder's entries, a few hundred at a time, and whatever else there is to do in between. */
async function inPieces(path: string): Promise<fs.Dirent[]> {
  const entries: fs.Dirent[] = [];
  for await (const entry of await fs.promises.opendir(path, { bufferSize: 512 })) entries.push(entry);
  return entries;
}

export interface FolderEntry {
  readonly name: string;
  /** What stat says, links followed; null where it cannot be asked, and `failure` says why. */
  readonly stats: fs.Stats | null;
  readonly failure: string | null;
}

/** Milliseconds that this thread has waited for its turn on a processor (Linux); 0 where the system does not say. */
function queued(): number {
  try {
    return Number(fs.readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]) / 1e6 || 0;
  } catch {
    return 0;
  }
}

export class PacedDisk {
  private sliceStart = performance.now();
  private queuedBefore = queued();
  private mean = 0;

  /** @param slow start asynchronously: the caller knows that this is a network mount */
  constructor(private slow = false) {}

  get isSlow(): boolean {
    return this.slow;
  }

  /** Entries of a folder; null where there is nothing. Rejects with WrongKindError for what is no folder. */
  list(path: string): Promise<fs.Dirent[] | null> {
    return this.listed(
      path,
      () => fs.readdirSync(path, { withFileTypes: true }),
      () => fs.promises.readdir(path, { withFileTypes: true }),
      (entry) => entry,
    );
  }

  /** Their names alone. */
  names(path: string): Promise<string[] | null> {
    return this.listed(
      path,
      () => fs.readdirSync(path),
      () => fs.promises.readdir(path),
      ({ name }) => name,
    );
  }

  /** Entries of a folder with what stat says of each, by name; entries that went meanwhile are left out. */
  async listWithStats(path: string): Promise<FolderEntry[] | null> {
    const listed = await this.ofFolder(
      path,
      this.read(
        () => fs.readdirSync(path),
        () => fs.promises.readdir(path),
      ),
    );
    if (listed === null) return null;
    const names = listed.sort((a, b) => (a < b ? -1 : 1));
    const entries: FolderEntry[] = [];
    for (let from = 0; from < names.length; from += AT_ONCE) {
      const some = names.slice(from, from + AT_ONCE);
      const found = await this.read(
        () => some.flatMap((name) => statEntry(path, name)),
        async () => (await Promise.all(some.map((name) => askEntry(path, name)))).flat(),
      );
      entries.push(...(found ?? []));
    }
    return entries;
  }

  /** Follows symbolic links; null where there is nothing. */
  stat(path: string): Promise<fs.Stats | null> {
    return this.read(
      () => fs.statSync(path, { throwIfNoEntry: false }) ?? null,
      () => fs.promises.stat(path),
    );
  }

  /** The same of many; null, too, of what cannot be asked. */
  async statEach(paths: readonly string[]): Promise<readonly (fs.Stats | null)[]> {
    const all: (fs.Stats | null)[] = [];
    for (let from = 0; from < paths.length; from += AT_ONCE) {
      const some = paths.slice(from, from + AT_ONCE);
      const found = await this.read(
        () => some.map(statOrNull),
        () => Promise.all(some.map((each) => fs.promises.stat(each).catch(() => null))),
      );
      all.push(...(found ?? some.map(() => null)));
    }
    return all;
  }

  /**
   * A regular file's bytes. Rejects with WrongKindError for anything else, which is not opened.
   *
   * @param found what stat said of it a moment ago
   */
  readBytes(path: string, found: fs.Stats): Promise<Buffer | null> {
    return this.read(
      () => {
        const { descriptor, stats } = openRegularSync(path, found);
        try {
          // What readFileSync does, without asking for the size once more: a scan reads thousands of small files.
          const buffer = Buffer.allocUnsafe(stats.size);
          return buffer.subarray(0, fs.readSync(descriptor, buffer, 0, buffer.length, 0));
        } finally {
          fs.closeSync(descriptor);
        }
      },
      async () => {
        const { handle } = await openRegular(path);
        try {
          return await handle.readFile();
        } finally {
          await handle.close();
        }
      },
    );
  }

  /** The last `bytes` of a regular file as text, from the first whole line on when the beginning was cut off. */
  readTail(path: string, bytes: number): Promise<string | null> {
    return this.read(
      () => {
        const { descriptor, stats } = openRegularSync(path);
        try {
          const head = Buffer.alloc(4);
          const buffer = Buffer.alloc(Math.min(stats.size, bytes));
          fs.readSync(descriptor, head, 0, head.length, 0);
          const read = fs.readSync(descriptor, buffer, 0, buffer.length, stats.size - buffer.length);
          return tailText(head, buffer.subarray(0, read), stats.size > bytes);
        } finally {
          fs.closeSync(descriptor);
        }
      },
      async () => {
        const { handle, stats } = await openRegular(path);
        try {
          const head = Buffer.alloc(4);
          const buffer = Buffer.alloc(Math.min(stats.size, bytes));
          await handle.read(head, 0, head.length, 0);
          const { bytesRead } = await handle.read(buffer, 0, buffer.length, stats.size - buffer.length);
          return tailText(head, buffer.subarray(0, bytesRead), stats.size > bytes);
        } finally {
          await handle.close();
        }
      },
    );
  }

  private listed<T>(
    path: string,
    sync: () => T[],
    async: () => Promise<T[]>,
    ofEntry: (entry: fs.Dirent) => T,
  ): Promise<T[] | null> {
    const found = this.read<T[] | typeof LARGE>(() => (isLarge(path) ? LARGE : sync()), async);
    return this.ofFolder(
      path,
      found.then(async (all) => (all === LARGE ? (await inPieces(path)).map(ofEntry) : all)),
    );
  }

  /** readdir says of everything that is no folder only that it is none, and of a link to nothing that nothing is there. */
  private async ofFolder<T>(path: string, listed: Promise<T | null>): Promise<T | null> {
    const entries = await listed;
    if (entries !== null) return entries;
    const stats = await this.stat(path);
    if (stats !== null) requireFolder(path, stats);
    if (stats === null) await this.refuseDanglingLink(path);
    return null;
  }

  /** For a path that stat finds nothing at. @throws WrongKindError where it is a link that leads nowhere */
  async refuseDanglingLink(path: string): Promise<void> {
    const link = await this.read(
      () => fs.lstatSync(path, { throwIfNoEntry: false }) ?? null,
      () => fs.promises.lstat(path),
    );
    const dangling = link?.isSymbolicLink() === true ? danglingLink(path) : null;
    if (dangling !== null) throw dangling;
  }

  /** Whether whatever else waits for the thread has waited long enough. */
  get isSliceOver(): boolean {
    return performance.now() - this.sliceStart > SLICE_MS;
  }

  /** Lets that go first. */
  async giveWay(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.sliceStart = performance.now();
    this.queuedBefore = queued();
  }

  private async read<T>(sync: () => T, async: () => Promise<T>): Promise<T | null> {
    try {
      if (this.slow) return await async();
      if (this.isSliceOver) await this.giveWay();
      const before = performance.now();
      const result = sync();
      let took = performance.now() - before;
      // Where others want the processors (whoever trains does), a call takes long on any disk.
      if (took > NOTABLE_MS) {
        const now = queued();
        took = Math.min(Math.max(0, took - (now - this.queuedBefore)), MOST_COUNTED_MS);
        this.queuedBefore = now;
      }
      this.mean += WEIGHT * (took - this.mean);
      if (this.mean > SLOW_MEAN_MS) this.slow = true;
      return result;
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }
}

function statOrNull(path: string): fs.Stats | null {
  try {
    return fs.statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}

function statEntry(folder: string, name: string): FolderEntry[] {
  const path = `${folder}/${name}`;
  try {
    return entryOf(name, path, fs.statSync(path, { throwIfNoEntry: false }));
  } catch (error) {
    return [{ name, stats: null, failure: readFailure(error) }];
  }
}

async function askEntry(folder: string, name: string): Promise<FolderEntry[]> {
  const path = `${folder}/${name}`;
  try {
    return entryOf(name, path, await fs.promises.stat(path));
  } catch (error) {
    return isAbsent(error) ? entryOf(name, path, undefined) : [{ name, stats: null, failure: readFailure(error) }];
  }
}

function entryOf(name: string, path: string, stats: fs.Stats | undefined): FolderEntry[] {
  if (stats !== undefined) return [{ name, stats, failure: null }];
  const dangling = danglingLink(path);
  return dangling === null ? [] : [{ name, stats: null, failure: dangling.clause }];
}

/** Lines of a log's end, in whatever encoding its head shows; what is no character in it spoils its own line only. */
function tailText(head: Buffer, tail: Buffer, cut: boolean): string {
  let encoding: Encoding = 'utf-8';
  try {
    encoding = encodingOf(head);
  } catch {
    // no line of it is one of ours
  }
  const text = new TextDecoder(encoding).decode(tail);
  return cut ? text.slice(text.indexOf('\n') + 1) : text;
}
