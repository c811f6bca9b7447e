/**
 * Keeps the model of a workspace true while the disk changes.
 *
 * Events are hints, the scan is the truth. What is watched is bounded (measured on 200 runs × 50 checkpoints: everything
 * costs 12.8 s and 70,000 inotify watches, run folders and their checkpoints' names 1.3 s and about 1,000); a run that trains
 * is looked at every second by a few stat calls, because its metrics file says nothing to a folder's watcher.
 */
import { FSWatcher } from 'chokidar';
import type { Stats } from 'node:fs';
import path from 'node:path';
import { errorCode } from '../files';
import { PacedDisk } from './disk';
import { LiveRuns } from './liveRuns';
import type { Workspace } from './model';
import { networkMount } from './networkMount';
import { mayBeNested } from './runMarks';
import { type ScannedRun, ScanContext, assembleWorkspace, experimentsPath, scanRunAt, scanRuns } from './scan';
import type { FactsReader } from './scanContext';
import { tellsSomething, watchIgnores } from './watchScope';

/** Events within this time make one scan: saving a checkpoint gives several. */
const COALESCE_MS = 200;
const RESCAN_MS = 30_000;
/** Without events, scanning is all there is; at 200 runs × 50 checkpoints a scan costs about 0.2 s, in slices. */
const BLIND_RESCAN_MS = 5_000;
const TICK_MS = 1_000;

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
  /** Reads the tensor files of other trainers' checkpoints (see foreignFacts.ts). */
  readonly readFacts?: FactsReader;
  /** Scan only, as on a disk that cannot be watched; for tests and for users who ran out of inotify watches. */
  readonly scanOnly?: boolean;
}

export class WorkspaceWatcher {
  private readonly root: string;
  private readonly experiments: string;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly live: LiveRuns;
  private context: ScanContext | undefined;
  private watcher: FSWatcher | undefined;
  private nested: FSWatcher | undefined;
  private nestedFolders: ReadonlySet<string> = new Set();
  private scanned = new Map<string, ScannedRun>();
  private problems: Workspace['problems'] = [];
  private model: Workspace;
  private blind: string | null = null;
  /** Names of folders that hold runs of their own. */
  private sequential: ReadonlySet<string> = new Set();
  private disposed = false;

  private dirty: { all: boolean; runs: Set<string> } = { all: false, runs: new Set() };
  private coalescing: NodeJS.Timeout | undefined;
  private scanning: Promise<void> | undefined;
  private queued: Promise<void> | undefined;
  private lastFullScan = 0;
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

  /** Why changes are only found by scanning, in one line for people; null while watching works. */
  get degraded(): string | null {
    return this.blind;
  }

  /** Resolves after a scan of everything that began after this call. */
  async rescan(): Promise<void> {
    this.dirty.all = true;
    await this.scanSoon();
  }

  dispose(): void {
    this.disposed = true;
    clearTimeout(this.coalescing);
    for (const timer of this.timers) clearInterval(timer);
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
    this.queued ??= this.scanning.then(() => {
      this.queued = undefined;
      return this.disposed ? undefined : this.scanSoon();
    });
    return this.queued;
  }

  private async scan(): Promise<void> {
    const { all, runs } = this.dirty;
    this.dirty = { all: false, runs: new Set() };
    if (this.disposed) return;
    await this.keepWatching();
    const context = (this.context ??= new ScanContext(
      new PacedDisk((await networkMount(this.experiments)) !== null),
      undefined,
      this.options.readFacts,
    ));
    if (all) {
      const result = await scanRuns(this.experiments, context);
      this.scanned = result.runs;
      this.problems = [...(await this.missingFolder(context.disk)), ...result.problems];
      this.lastFullScan = performance.now();
    } else {
      for (const runPath of runs) {
        const name = path.relative(this.experiments, runPath).split(path.sep).join('/');
        const result = await scanRunAt(runPath, name, context);
        if (result.run === null && result.problems.length === 0) this.scanned.delete(runPath);
        else this.scanned.set(runPath, result);
      }
    }
    this.publish();
  }

  private async missingFolder(disk: PacedDisk): Promise<Workspace['problems']> {
    const folder = await disk.stat(this.experiments).catch(() => null);
    if (folder !== null && !folder.isDirectory()) {
      return [{ path: this.experiments, message: 'is a file: the folder of the runs belongs here' }];
    }
    if (folder !== null || this.options.mustExist === undefined) return [];
    return [{ path: this.experiments, message: `does not exist: the setting ${this.options.mustExist} names it` }];
  }

  private publish(): void {
    if (this.disposed) return;
    const before = this.model;
    const next = assembleWorkspace(this.root, this.experiments, this.scanned, this.problems, before);
    const old = new Map(before.runs.map((run) => [run.path, run]));
    const changed = next.runs.filter((run) => old.get(run.path) !== run).map((run) => run.path);
    for (const run of next.runs) old.delete(run.path);
    const changedRuns = [...changed, ...old.keys()];
    this.model = next;
    this.live.follow(next.runs);
    this.sequential = new Set(next.runs.flatMap((run) => (run.name.includes('/') ? run.name.split('/', 1) : [])));
    this.watchNested();
    if (changedRuns.length > 0 || next.problems !== before.problems || this.blind !== this.publishedBlind) {
      this.publishedBlind = this.blind;
      this.options.onDidChange?.({ workspace: next, changedRuns });
    }
  }

  private onEvent(changedPath: string): void {
    if (this.disposed) return;
    const parts = path.relative(this.experiments, changedPath).split(path.sep);
    const [run, inside, deeper] = parts;
    const nested = inside !== undefined && mayBeNested(inside, this.sequential.has(run ?? ''));
    if (run === undefined || run === '' || run === '..') this.dirty.all = true;
    // A run that appears or goes, and folders that may be nested runs: which runs there are has to be looked up.
    else if (inside === undefined || (nested && deeper === undefined)) this.dirty.all = true;
    else this.dirty.runs.add(path.join(this.experiments, run, ...(nested ? [inside] : [])));
    this.coalescing ??= setTimeout(() => void this.scanSoon(), COALESCE_MS);
  }

  /**
   * The system's own events. chokidar tells what differs from what it saw in a folder before, so it says nothing when
   * something goes that came between its look into the folder and its watch on it.
   */
  private readonly onRawEvent = (event: string, name: string | null, details: unknown): void => {
    if (event !== 'rename') return; // something written to: what counts there has a watch of its own
    const { watchedPath } = details as { watchedPath: string };
    const candidate = path.join(watchedPath, name ?? '');
    if (tellsSomething(this.experiments, candidate, (folder) => this.scanned.has(folder))) this.onEvent(candidate);
  };

  /** Once a second: training runs, a folder that came or went, and the rescan that is due. */
  private async tick(): Promise<void> {
    if (this.disposed || this.ticking || this.scanning !== undefined) return;
    this.ticking = true;
    try {
      await this.look();
    } finally {
      this.ticking = false;
    }
  }

  private async look(): Promise<void> {
    const due = this.blind === null ? RESCAN_MS : BLIND_RESCAN_MS;
    if (performance.now() - this.lastFullScan > due) this.dirty.all = true;
    const disk = this.context?.disk;
    if (disk !== undefined) {
      const folder = await disk.stat(this.experiments).catch(() => null);
      if (identity(folder) !== this.watchedFolder) this.dirty.all = true;
      for (const run of await this.live.changed(disk)) this.dirty.runs.add(run);
    }
    if (this.dirty.all || this.dirty.runs.size > 0) await this.scanSoon();
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
    const watcher = new FSWatcher({
      ignoreInitial: true,
      depth: 2,
      ignored: watchIgnores(this.experiments, (folder) => this.sequential.has(folder)),
      // Runs on another disk are linked in; depth and `ignored` keep a link from leading anywhere else.
      followSymlinks: true,
    });
    this.watcher = watcher;
    watcher.on('all', (event, changed) => {
      if (event === 'unlinkDir' && changed === this.experiments) this.watchedFolder = 'gone';
      this.onEvent(changed);
    });
    watcher.on('raw', this.onRawEvent);
    watcher.on('error', (error) => {
      this.onWatchError(error);
    });
    // What happened while the watches were being set up gave no events.
    watcher.on('ready', () => {
      this.onEvent(this.experiments);
    });
    watcher.add(this.experiments);
  }

  /** Depth 2 ends at a nested run's `checkpoints`: those folders are watched one by one. */
  private watchNested(): void {
    if (this.watcher === undefined) return;
    const wanted = this.model.runs
      .filter((run) => run.name.includes('/'))
      .map((run) => path.join(run.path, 'checkpoints'));
    if (wanted.length === 0 && this.nested === undefined) return;
    if (this.nested === undefined) {
      this.nestedFolders = new Set();
      this.nested = new FSWatcher({ ignoreInitial: true, depth: 0, ignored: (_, stats) => stats?.isFile() ?? false });
      this.nested.on('all', (_, changed) => {
        this.onEvent(changed);
      });
      this.nested.on('raw', this.onRawEvent);
      this.nested.on('error', (error) => {
        this.onWatchError(error);
      });
    }
    this.nested.add(wanted.filter((folder) => !this.nestedFolders.has(folder)));
    this.nestedFolders = new Set(wanted);
  }

  private onWatchError(error: unknown): void {
    const code = errorCode(error);
    if (code === 'ENOSPC') this.goBlind('The system has no file watches left (raise fs.inotify.max_user_watches)');
    else if (code === 'EMFILE')
      this.goBlind('Too many files are open or watched (raise ulimit -n or fs.inotify.max_user_instances)');
    // Anything else concerns one path that changed while it was being looked at: the scan will see what became of it.
    else this.onEvent(this.experiments);
  }

  private goBlind(reason: string): void {
    if (this.disposed) return;
    this.stopWatching();
    this.blind = `${reason}: changes are found by scanning every ${BLIND_RESCAN_MS / 1000} s.`;
    // Said with the next scan, which is due at once: nobody knows what was missed.
    this.onEvent(this.experiments);
  }

  private stopWatching(): void {
    void this.watcher?.close();
    void this.nested?.close();
    this.watcher = undefined;
    this.nested = undefined;
  }
}

function identity(folder: Stats | null): string | null {
  return folder?.isDirectory() === true ? `${folder.dev}:${folder.ino}:${folder.birthtimeMs}` : null;
}
