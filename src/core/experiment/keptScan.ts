/**
 * What scans found of finished checkpoints, kept in this user's cache folder, one file a folder of runs: windows and the command
 * line share it. A shortcut and nothing else. A checkpoint is taken over from it only where its folder is the very one (device
 * and inode) in which nothing came, went or was renamed since (its times, of which nobody can set the system's own); a file that
 * is damaged, cut off, of another version or not there gives nothing, and what it would have given is looked up.
 */
import { createHash } from 'node:crypto';
import { readdir, realpath, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { version } from '../../../package.json';
import type { CheckpointLayout } from '../checkpoint/layouts/layout';
import { openRegular } from '../files';
import { cacheFolder, DRAFT, keepInCache } from '../userCache';
import type { Findings, FolderListing, KeptFolder } from './checkpointContent';
import { type Named, lineOf, parsed, readLine } from './keptLine';
import type { Kept } from './watch';

/** Another version may find something else in the same files. The number is raised while there is no new version yet. */
const MAGIC = `npt-scan 2 ${version}`;
/** Half a million checkpoints; what is beyond is looked up. */
const MOST_BYTES = 64 * 2 ** 20;
/** Of all folders of runs together: the files that were written longest ago go. */
const MOST_BYTES_OF_ALL = 256 * 2 ** 20;
const MOST_FILES = 32;
const DRAFT_LEFT_MS = 3_600_000;
/** Fewer are looked up sooner than it would be worth a file. */
const FEWEST = 200;
const CHECKSUM = /^[0-9a-f]{64}\n$/;
const CHECKSUM_BYTES = 65;
const [TAB, NEWLINE] = [9, 10];

/** What a run that trains saves is kept for the next window this often. */
const AGAIN_MS = 600_000;
/** One in so many has to be new. */
const LEAST_NEWS = 50;

export interface KeepingHow {
  /** Absolute path of the folder that it is kept in. */
  readonly cache?: string;
  /** From how many checkpoints on they are kept. */
  readonly fewest?: number;
}

/** What was kept of a folder of runs. */
export class KeptScan implements Kept {
  /** On the clock of `performance`. */
  private keptAt = -Infinity;

  /**
   * @param experiments absolute path of the folder of runs, links followed
   * @param lines by folders of checkpoints, relative to it; not parsed yet
   */
  constructor(
    private readonly file: string,
    private readonly named: string,
    private readonly experiments: string,
    private lines: ReadonlyMap<string, Buffer>,
    private readonly fewest: number,
  ) {}

  /** Whether anything is known of a folder of checkpoints. */
  knows(folder: string): boolean {
    return this.lines.has(path.relative(this.named, folder));
  }

  in(folder: string, layout: CheckpointLayout): KeptFolder | undefined {
    if (this.lines.size === 0) return undefined;
    const line = this.lines.get(path.relative(this.named, folder));
    return line === undefined ? undefined : readLine(line.toString('utf8'), layout, false);
  }

  /** It is some megabytes. */
  scanned(): void {
    this.lines = new Map();
  }

  letGo(): void {
    this.scanned();
  }

  /**
   * Keeps these for the next process, in place of what was kept, unless that would be much work for little: it is all written
   * each time. Never rejects for what the disk says.
   */
  async keep(findings: Findings): Promise<void> {
    const { settled, listings, news } = findings;
    // What turned out to be wrong must not wait.
    const recently = performance.now() - this.keptAt < AGAIN_MS && Number.isFinite(news);
    if (recently || news <= settled.size / LEAST_NEWS) return;
    findings.news = 0;
    this.keptAt = performance.now();
    const byParent = new Map<string, Named[]>();
    let count = 0;
    for (const [folder, checkpoint] of settled) {
      if (!checkpoint.keepable) continue;
      // In one go for tens of thousands: path's own functions would take too long.
      const cut = folder.lastIndexOf(path.sep);
      const parent = folder.slice(0, cut);
      const named: Named = [folder.slice(cut + 1), checkpoint];
      const beside = byParent.get(parent);
      if (beside === undefined) byParent.set(parent, [named]);
      else beside.push(named);
      count += 1;
    }
    if (count < this.fewest) {
      await rm(this.file, { force: true, recursive: true }).catch(() => undefined);
      return;
    }
    // A line is made when the one before it is written: nobody waits for all of them.
    if (await keepInCache(this.file, linesOf(this.experiments, this.named, byParent, listings)))
      await makeRoom(path.dirname(this.file));
  }
}

/**
 * What is kept of a folder of runs. Never rejects for what is on disk.
 *
 * @param experiments absolute; it need not exist
 */
export async function openKeptScan(experiments: string, how: KeepingHow = {}): Promise<KeptScan> {
  const { cache = cacheFolder('scans'), fewest = FEWEST } = how;
  const [real, there] = await Promise.all([
    realpath(experiments).catch(() => experiments),
    // Homes are shared by machines that have other disks under the same paths.
    stat(experiments).catch(() => null),
  ]);
  const key = createHash('sha256')
    .update(JSON.stringify([real, there?.dev, there?.ino]))
    .digest('hex');
  const file = path.join(cache, key.slice(0, 32));
  return new KeptScan(file, experiments, real, await readLines(file, real), fewest);
}

/** The file's lines but for the first, by the folder that each begins with; none where it is not whole, or of something else. */
async function readLines(file: string, experiments: string): Promise<ReadonlyMap<string, Buffer>> {
  const lines = new Map<string, Buffer>();
  const bytes = await readWhole(file).catch(() => null);
  if (bytes === null || bytes.length < CHECKSUM_BYTES) return lines;
  const end = bytes.length - CHECKSUM_BYTES;
  const checksum = bytes.toString('latin1', end);
  const content = bytes.subarray(0, end);
  if (!CHECKSUM.test(checksum) || createHash('sha256').update(content).digest('hex') !== checksum.trimEnd())
    return lines;
  const first = content.indexOf(NEWLINE);
  if (content.toString('utf8', 0, first) !== headOf(experiments)) return lines;
  for (let from = first + 1; from < end;) {
    const until = content.indexOf(NEWLINE, from);
    if (until === -1) break;
    const tab = content.indexOf(TAB, from);
    if (tab > from && tab < until) {
      const folder = parsed(content.toString('utf8', from, tab));
      if (typeof folder === 'string') lines.set(folder, content.subarray(tab + 1, until));
    }
    from = until + 1;
  }
  return lines;
}

async function readWhole(file: string): Promise<Buffer | null> {
  const { handle, stats } = await openRegular(file);
  try {
    return stats.size > MOST_BYTES + CHECKSUM_BYTES ? null : await handle.readFile();
  } finally {
    await handle.close();
  }
}

function headOf(experiments: string): string {
  return `${MAGIC} ${JSON.stringify(experiments)}`;
}

function* linesOf(
  experiments: string,
  named: string,
  byParent: ReadonlyMap<string, readonly Named[]>,
  listings: ReadonlyMap<string, FolderListing>,
): Generator<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  const write = (line: string): string => {
    hash.update(line);
    bytes += Buffer.byteLength(line);
    return line;
  };
  yield write(`${headOf(experiments)}\n`);
  for (const [parent, checkpoints] of byParent) {
    const line = `${JSON.stringify(path.relative(named, parent))}\t${lineOf(checkpoints, listings.get(parent))}\n`;
    if (bytes + Buffer.byteLength(line) <= MOST_BYTES) yield write(line);
  }
  yield `${hash.digest('hex')}\n`;
}

/** Takes away what is too much, oldest first, and what killed processes left half-written. */
async function makeRoom(folder: string): Promise<void> {
  const found: { file: string; bytes: number; at: number }[] = [];
  const drafts: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const file = path.join(folder, name);
    const stats = await stat(file).catch(() => null);
    if (stats === null) continue;
    if (!name.endsWith(DRAFT)) found.push({ file, bytes: stats.size, at: stats.mtimeMs });
    else if (Date.now() - stats.mtimeMs > DRAFT_LEFT_MS) drafts.push(file);
  }
  found.sort((a, b) => b.at - a.at);
  let bytes = 0;
  const old = found.filter((each, index) => (bytes += each.bytes) > MOST_BYTES_OF_ALL || index >= MOST_FILES);
  for (const file of [...drafts, ...old.map((each) => each.file)])
    await rm(file, { force: true }).catch(() => undefined);
}
