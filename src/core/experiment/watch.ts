/**
 * Keeps the model of a workspace true while the disk changes.
 *
 * Events are hints, the scan is the truth. Watched are the experiments folder, the folders in it, and each run's
 * `checkpoints`, each for the names of what comes and goes directly in it: about two watches a run, and what is no run costs
 * nothing while it changes. A run that trains is looked at every second by a few stat calls.
 */
import type { Stats } from 'node:fs';
import path from 'node:path';
import { CHECKPOINTS } from '../checkpoint/fileNames';
import { errorCode } from '../files';
import type { Findings, FolderState, KeptCheckpoints } from './checkpointContent';
import { PacedDisk } from './disk';
import { FolderWatches } from './folderWatches';
import { LiveRuns } from './liveRuns';
import type { AskProcess, Run, Workspace } from './model';
import { isNetworkMount, networkMount } from './networkMount';
import { queueFolder, readQueue, type QueueState } from './queueFiles';
import {
  type Look,
  type Scanned,
  type ScannedRun,
  ScanContext,
  assembleWorkspace,
  experimentsPath,
  scanFolder,
  scanRunAt,
  scanRuns,
} from './scan';
import { REWRITTEN } from './runLayout';
import { type FactsReader, LOOKS, SAME_TIME_SECONDS } from './scanContext';
import { meaningOf } from './watchScope';

/** Events within this time make one scan: saving a checkpoint gives several. */
const COALESCE_MS = 200;
const RESCAN_MS = 30_000;
/** Without events, scanning is all there is; at 200 runs × 50 checkpoints a scan costs about 0.2 s, in slices. */
const BLIND_RESCAN_MS = 5_000;
const TICK_MS = 1_000;
const NO_QUEUE: Scanned['queue'] = { entries: [], problems: [] };
/** From when on the first scan shows what it has found so far; then at intervals that double, since each redraws the tree. */
const FIRST_SHOWN_MS = 300;
/** From the first model on, until what it took over of earlier processes' is looked at: not while the window draws it. */
const SURE_MS = 1_000;
/** Folders beside the runs that are watched for becoming one; of more than these a scan finds it. */
const MOST_OTHERS = 2_000;

export interface WorkspaceChange {
  readonly workspace: Workspace;
  /** Paths of the runs that appeared, changed or went; empty when only problems or `degraded` changed. */
  readonly changedRuns: readonly string[];
}

export interface WatchOptions {
  readonly experimentsFolder?: string;
  /** The setting that names the folder: that there is no such folder is then a problem, and said. */
  readonly mustExist?: string | undefined;
  readonly onDidChange?: (change: WorkspaceChange) => void;
  /** Reads the tensor files of other trainers' checkpoints (see fieldFacts.ts). */
  readonly readFacts?: FactsReader;
  /** Who knows how a run's process is (see ScanContextOptions). */
  readonly ask?: AskProcess;
  /** Opens what earlier processes found in the experiments folder; it never rejects. */
  readonly keep?: (experiments: string) => Promise<Kept>;
  /** Scan only, as on a disk that cannot be watched; for tests and for users who ran out of inotify watches. */
  readonly scanOnly?: boolean;
}

/** What earlier processes found of finished checkpoints (keptScan.ts, which no window needs before it scans). */
export interface Kept extends KeptCheckpoints {
  /** The first scan is done: `in` will not be called any more. */
  scanned(): void;
  /**
   * Finds out beside this process whether what the scan took over unseen is still true.
   *
   * @param folders of checkpoints, with the state that each checkpoint's folder is taken to have, by name
   * @returns whether all were looked at
   */
  differing?(
    folders: Iterable<readonly [folder: string, states: ReadonlyMap<string, FolderState>]>,
    onDiffers: (folder: string) => void,
  ): Promise<boolean>;
  /** Nobody will ask for anything any more. */
  letGo(): void;
  /** For the next process, where it is worth it. Never rejects for what the disk says. */
  keep(findings: Findings): Promise<void>;
}

export class WorkspaceWatcher {
  private readonly root: string;
  private readonly experiments: string;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly live: LiveRuns;
  private context: ScanContext | undefined;
  private watcher: FolderWatches | undefined;
  /** Folders that are runs, or may become one. */
  private folders: ReadonlySet<string> = new Set();
  /** What tells each watched folder from one made anew in its place; null where there is none. */
  private identities = new Map<string, string | null>();
  private scanned = new Map<string, ScannedRun>();
  private problems: Workspace['problems'] = [];
  private queue: QueueState | undefined;
  private queueSigns = '';
  private kept: Kept | undefined;
  private model: Workspace;
  private blind: string | null = null;
  /** Paths of folders that hold runs of their own. */
  private sequential: ReadonlySet<string> = new Set();
  private disposed = false;

  /** What is to be scanned: everything; runs; folders of which it is not known whether they are runs, or there. */
  private dirty = { all: false, queue: false, runs: new Set<string>(), places: new Set<string>() };
  /** How closely the next scan of everything looks. */
  private look: Look = 'changes';
  private coalescing: NodeJS.Timeout | undefined;
  private scanning: Promise<void> | undefined;
  private nextScan: Promise<void> | undefined;
  private lastFullScan = 0;
  /** When it began, by the clock; milliseconds. */
  private scanBegan = 0;
  private ticking = false;
  /** Which folder is watched: one that was removed and made again is another, even under the same inode. */
  private watchedFolder: string | null = null;
  private publishedBlind: string | null = null;

  /** @param root the folder that holds the experiments folder; neither needs to exist yet */
  constructor(
    root: string,
    private readonly options: WatchOptions = {},
  ) {
    this.root = path.resolve(root);
    this.experiments = experimentsPath(this.root, options.experimentsFolder);
    this.model = { root: this.root, experiments: this.experiments, runs: [], problems: [] };
    this.live = new LiveRuns();
    this.dirty.all = true;
    // Not at once: an owner that calls rescan() right away would otherwise cause two scans.
    this.coalescing = setTimeout(() => void this.scanSoon(), 0);
    const tick = setInterval(() => void this.tick(), TICK_MS);
    tick.unref();
    this.timers.push(tick);
  }

  /** The newest model; empty until the first scan is done. */
  get current(): Workspace {
    return this.model;
  }

  /** False until the first scan is done; meanwhile the model may have the runs that were found so far. */
  get isComplete(): boolean {
    return this.queue !== undefined;
  }

  /** The queue as the model has it; undefined before the first scan. */
  get currentQueue(): QueueState | undefined {
    return this.queue;
  }

  /** Why changes are only found by scanning, in one line for people; null while watching works. */
  get degraded(): string | null {
    return this.blind;
  }

  /** Resolves after a scan of everything that began after this call. */
  async rescan(look: Look = 'everything'): Promise<void> {
    this.dirty.all = true;
    this.lookAtLeast(look);
    // What kept it from watching may be over.
    if (look === 'everything' && this.blind !== null) this.watchedFolder = null;
    await this.scanSoon();
  }

  private lookAtLeast(look: Look): void {
    if (LOOKS.indexOf(look) > LOOKS.indexOf(this.look)) this.look = look;
  }

  dispose(): void {
    this.disposed = true;
    clearTimeout(this.coalescing);
    for (const timer of this.timers) clearInterval(timer);
    this.kept?.letGo();
    this.stopWatching();
  }

  /** Run one, queue one: a scan that is asked for during a scan runs right after it, once. */
  private scanSoon(): Promise<void> {
    clearTimeout(this.coalescing);
    this.coalescing = undefined;
    if (this.scanning === undefined) {
      this.scanning = this.scan().finally(() => {
        this.scanning = undefined;
      });
      return this.scanning;
    }
    this.nextScan ??= this.scanning.then(() => {
      this.nextScan = undefined;
      return this.disposed ? undefined : this.scanSoon();
    });
    return this.nextScan;
  }

  private async scan(): Promise<void> {
    const { all, queue, runs, places } = this.dirty;
    this.dirty = { all: false, queue: false, runs: new Set(), places: new Set() };
    if (this.disposed) return;
    const { look } = this;
    if (all) this.look = 'changes';
    // In a window that opens, each answer that is waited for comes after much else.
    const [context] = await Promise.all([this.contextFor(look), this.keepWatching()]);
    // The first time, beside the scan: what comes while it is read is found by the next look.
    const first = this.queue === undefined ? this.readQueue(context.disk) : undefined;
    if (all) {
      this.scanBegan = Date.now();
      const trusted =
        look === 'changes' ? (folder: string): boolean => (this.identities.get(folder) ?? null) !== null : undefined;
      for (const runPath of runs) context.disturb(runPath);
      const onFound = this.isComplete ? undefined : this.showSoFar(context.disk);
      const result = await scanRuns(this.experiments, context, look, trusted, onFound);
      this.kept?.scanned();
      this.scanned = result.runs;
      this.folders = new Set(result.folders);
      this.problems = [...(await this.missingFolder(context.disk)), ...result.problems];
      this.lastFullScan = performance.now();
      // What an event told of may be what a scan that trusts events passes over.
      if (trusted !== undefined) for (const place of places) await this.scanPlace(place, context);
    } else {
      for (const place of places) await this.scanPlace(place, context);
      for (const runPath of runs) this.setScanned(runPath, await scanRunAt(runPath, this.nameOf(runPath), context));
    }
    if (all || queue || first !== undefined)
      [this.queueSigns, this.queue] = await (first ?? this.readQueue(context.disk));
    // What the scan took over as it was, it saw to be the same folders.
    const looked = new Set([...places, ...runs]);
    await this.follow(context.disk, all ? (folder) => !context.tookOver(folder) : (folder) => looked.has(folder));
    this.publish();
    if (!all) return;
    void this.kept?.keep(context);
    if (context.trustsKept) this.timers.push(setTimeout(() => void this.makeSure(context), SURE_MS));
  }

  /** Whether what the first scan took over unseen is true: files may have gone out of checkpoints while no window was open. */
  private async makeSure(context: ScanContext): Promise<void> {
    const all = await this.kept?.differing?.(context.takeTrusted(), (folder) => {
      context.distrust(folder);
      this.dirty.runs.add(path.dirname(folder));
      this.scanAfterEvents();
    });
    if (all !== true && !this.disposed) this.lookAgain();
  }

  /** Made for the first scan. */
  private async contextFor(look: Look): Promise<ScanContext> {
    if (this.context !== undefined) return this.context;
    const { readFacts, ask, keep } = this.options;
    const [network, kept] = await Promise.all([
      isNetworkMount(this.experiments),
      look === 'everything' ? undefined : keep?.(this.experiments),
    ]);
    this.kept = kept;
    this.context = new ScanContext({ disk: new PacedDisk(network), readFacts, ask, kept });
    return this.context;
  }

  /** Shows what the first scan has found, now and then while it lasts: without the queue, whose runs it may find yet. */
  private showSoFar(disk: PacedDisk): (runs: ReadonlyMap<string, ScannedRun>) => Promise<void> {
    const began = performance.now();
    let after = FIRST_SHOWN_MS;
    return async (runs) => {
      if (performance.now() - began < after) return;
      after *= 2;
      // Whoever listens works at once: not behind a slice of the scan, and not before the next one.
      await disk.giveWay();
      this.publish(runs, [], NO_QUEUE);
      await disk.giveWay();
    };
  }

  private nameOf(runPath: string): string {
    return path.relative(this.experiments, runPath).split(path.sep).join('/');
  }

  private setScanned(runPath: string, result: ScannedRun): void {
    if (result.run === null && result.problems.length === 0) this.scanned.delete(runPath);
    else this.scanned.set(runPath, result);
  }

  /** Finds out what is in a place now: a run, runs inside of a folder, or nothing. */
  private async scanPlace(place: string, context: ScanContext): Promise<void> {
    if (path.dirname(place) !== this.experiments) {
      this.setScanned(place, await scanRunAt(place, this.nameOf(place), context));
      return;
    }
    const stats = await context.disk.stat(place).catch(() => null);
    const there = stats?.isDirectory() === true;
    context.noteFolder(this.experiments, path.basename(place), there);
    const found = await scanFolder(place, context);
    const isOurs = (known: string): boolean => known === place || path.dirname(known) === place;
    for (const known of this.scanned.keys()) {
      if (isOurs(known) && !found.runs.has(known)) this.scanned.delete(known);
    }
    for (const [runPath, scanned] of found.runs) this.scanned.set(runPath, scanned);
    const others = [...this.folders].filter((known) => !isOurs(known));
    this.folders = new Set([...others, ...(there ? found.folders : [])]);
  }

  private async missingFolder(disk: PacedDisk): Promise<Workspace['problems']> {
    const folder = await disk.stat(this.experiments).catch(() => null);
    if (folder !== null && !folder.isDirectory()) {
      return [{ path: this.experiments, message: 'is a file: the folder of the runs belongs here' }];
    }
    if (folder !== null || this.options.mustExist === undefined) return [];
    return [{ path: this.experiments, message: `does not exist: the setting ${this.options.mustExist} names it` }];
  }

  private publish(
    runs: ReadonlyMap<string, ScannedRun> = this.scanned,
    problems = this.problems,
    queue: Scanned['queue'] = this.queue ?? NO_QUEUE,
  ): void {
    if (this.disposed) return;
    const before = this.model;
    const next = assembleWorkspace(this.root, this.experiments, { runs, problems, queue }, before);
    this.model = next;
    const same = next.runs.length === before.runs.length && next.runs.every((run, at) => run === before.runs[at]);
    const changedRuns = same ? [] : this.followRuns(next.runs, before.runs);
    if (changedRuns.length > 0 || next.problems !== before.problems || this.blind !== this.publishedBlind) {
      this.publishedBlind = this.blind;
      this.options.onDidChange?.({ workspace: next, changedRuns });
    }
  }

  /** Follows what trains among these runs; returns the paths of those that appeared, changed or went. */
  private followRuns(runs: readonly Run[], before: readonly Run[]): readonly string[] {
    this.live.follow(runs);
    this.sequential = new Set(runs.flatMap((run) => (run.name.includes('/') ? [path.dirname(run.path)] : [])));
    const old = new Map(before.map((run) => [run.path, run]));
    const changed = runs.filter((run) => old.get(run.path) !== run).map((run) => run.path);
    for (const run of runs) old.delete(run.path);
    return [...changed, ...old.keys()];
  }

  private readonly onNamed = (folder: string, name: string | null, written: boolean): void => {
    if (this.disposed) return;
    const meaning = meaningOf(this.experiments, folder, name, written, {
      isRun: (each) => this.scanned.has(each),
      holdsRuns: (each) => this.sequential.has(each),
    });
    if (meaning === null) return;
    if (meaning.kind === 'all') this.dirty.all = true;
    else if (meaning.kind === 'run') this.dirty.runs.add(meaning.path);
    else {
      void this.consider(meaning.path);
      return;
    }
    this.scanAfterEvents();
  };

  /** A file that nobody knows is none of ours, however many come. */
  private async consider(place: string): Promise<void> {
    const known = this.folders.has(place) || this.scanned.has(place);
    const stats = await (this.context?.disk ?? new PacedDisk()).stat(place).catch(() => null);
    if (this.disposed || (!known && stats?.isDirectory() !== true)) return;
    this.dirty.places.add(place);
    this.scanAfterEvents();
  }

  private scanAfterEvents(): void {
    this.coalescing ??= setTimeout(() => void this.scanSoon(), COALESCE_MS);
  }

  /** Scans everything once more: what changed may have given no event. */
  private lookAgain(): void {
    this.lookAtLeast('folders');
    this.scanAllAfterEvents();
  }

  private scanAllAfterEvents(): void {
    this.dirty.all = true;
    this.scanAfterEvents();
  }

  /** Once a second: training runs, a folder that came or went, and the rescan that is due. */
  private async tick(): Promise<void> {
    if (this.disposed || this.ticking || this.scanning !== undefined) return;
    this.ticking = true;
    try {
      await this.lookAround();
    } finally {
      this.ticking = false;
    }
  }

  private async lookAround(): Promise<void> {
    const due = this.blind === null ? RESCAN_MS : BLIND_RESCAN_MS;
    if (performance.now() - this.lastFullScan > due) this.dirty.all = true;
    const { context } = this;
    if (context !== undefined) {
      const { disk, ask } = context;
      const folder = await disk.stat(this.experiments).catch(() => null);
      if (identity(folder) !== this.watchedFolder) this.dirty.all = true;
      for (const run of await this.live.changed(disk, ask)) this.dirty.runs.add(run);
      if ((await this.signsOfQueue(disk)) !== this.queueSigns) this.dirty.queue = true;
    }
    if (this.dirty.all || this.dirty.queue || this.dirty.runs.size > 0 || this.dirty.places.size > 0)
      await this.scanSoon();
  }

  private async readQueue(disk: PacedDisk): Promise<[signs: string, queue: QueueState]> {
    return [await this.signsOfQueue(disk), await readQueue(this.root)];
  }

  /** Changes when an entry comes, goes or is renamed: each change of the queue is one of its folder. */
  private async signsOfQueue(disk: PacedDisk): Promise<string> {
    const folder = await disk.stat(queueFolder(this.root)).catch(() => null);
    return folder === null ? '' : `${folder.ino}:${folder.mtimeMs}`;
  }

  /** Watches the experiments folder that is there now. */
  private async keepWatching(): Promise<void> {
    const disk = this.context?.disk ?? new PacedDisk();
    const folder = await disk.stat(this.experiments).catch(() => null);
    const found = identity(folder);
    if (found === this.watchedFolder) return;
    this.stopWatching();
    this.watchedFolder = found;
    if (found === null) {
      this.blind = null;
      return;
    }
    const network = await networkMount(this.experiments);
    if (this.options.scanOnly === true) this.goBlind('Watching is off');
    else if (network !== null)
      this.goBlind(
        `${this.experiments} is on a network disk (${network}), which tells nothing of other machines' changes`,
      );
    else this.watch();
  }

  private watch(): void {
    this.blind = null;
    this.watcher = new FolderWatches();
    this.watcher.on('named', this.onNamed);
    this.watcher.on('error', (error) => {
      this.onWatchError(error);
    });
  }

  /**
   * Watches the folders that tell something, now that it is known which they are. What happened between the look at a folder
   * and its watch gave no event: those that are new to it are looked at again.
   *
   * @param mayDiffer which folders of runs, or of what may become one, may be others now
   */
  private async follow(disk: PacedDisk, mayDiffer: (folder: string) => boolean): Promise<void> {
    if (this.watcher === undefined) return;
    const runs = [...this.scanned.keys()];
    const others = [...this.folders].filter((folder) => !this.scanned.has(folder)).slice(0, MOST_OTHERS);
    const identities = new Map<string, string | null>([[this.experiments, this.watchedFolder]]);
    for (const owner of [...runs, ...others]) {
      const differs = mayDiffer(owner);
      for (const folder of [owner, path.join(owner, CHECKPOINTS)]) {
        const known = differs ? undefined : this.identities.get(folder);
        identities.set(folder, known === undefined ? identity(await disk.stat(folder).catch(() => null)) : known);
      }
    }
    this.identities = identities;
    const there = [...identities].filter((entry): entry is [string, string] => entry[1] !== null);
    const { watcher } = this;
    const added = await watcher.follow(new Map(there), disk);
    if (watcher.closed) return;
    // No event tells of what changes in the others: nothing of them is taken to be as it was.
    for (const [folder] of there) if (!watcher.has(folder)) identities.set(folder, null);
    const all = added.includes(this.experiments);
    if (all) this.scanAllAfterEvents();
    for (const folder of added) {
      // A scan of everything compares a run's folders with how they were before it was looked at. Of what else may have
      // changed it knows less.
      if (!all || !this.isOfRun(folder)) this.onNamed(folder, null, false);
      else if (await this.wasRewritten(folder, disk)) this.dirty.runs.add(folder);
    }
  }

  private isOfRun(folder: string): boolean {
    return this.scanned.has(folder) || this.scanned.has(path.dirname(folder));
  }

  /** Whether a run's small files may have been written anew, in place, since the last scan of everything began. */
  private async wasRewritten(run: string, disk: PacedDisk): Promise<boolean> {
    if (!this.scanned.has(run)) return false;
    const files = await disk.statEach([...REWRITTEN].map((name) => path.join(run, name)));
    return files.some((file) => file !== null && file.mtimeMs > this.scanBegan - 1000 * SAME_TIME_SECONDS);
  }

  private onWatchError(error: unknown): void {
    const code = errorCode(error);
    if (code === 'ENOSPC')
      this.goBlind('The system has no file watches left (raise fs.inotify.max_user_watches, then refresh)');
    else if (code === 'EMFILE' || code === 'ENFILE')
      this.goBlind(
        'Too many files are open or watched (raise ulimit -n or fs.inotify.max_user_instances, then refresh)',
      );
    // Anything else concerns one path that changed while it was being looked at: the scan will see what became of it.
    else this.scanAllAfterEvents();
  }

  private goBlind(reason: string): void {
    if (this.disposed) return;
    this.stopWatching();
    this.blind = `${reason}: changes are found by scanning every ${BLIND_RESCAN_MS / 1000} s.`;
    // Said with the next scan, which is due at once: nobody knows what was missed.
    this.scanAllAfterEvents();
  }

  private stopWatching(): void {
    this.watcher?.close();
    this.watcher = undefined;
    this.identities.clear();
  }
}

function identity(folder: Stats | null): string | null {
  return folder?.isDirectory() === true ? `${folder.dev}:${folder.ino}:${folder.birthtimeMs}` : null;
}
