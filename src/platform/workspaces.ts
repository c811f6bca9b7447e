/** The model of the opened training workspaces, kept true by a watcher for each experiments folder. */
import { realpath } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { messageOf } from '../core/errors';
import { exists } from '../core/files';
import { checkpointIn } from '../core/experiment/checkpoints';
import { Lineage } from '../core/experiment/lineage';
import type { Checkpoint, Run, Workspace } from '../core/experiment/model';
import {
  experimentsFolders,
  folderHolding,
  nearest,
  rootHolding,
  type ExperimentsFolder,
  type OpenFolder,
} from '../core/experiment/openFolders';
import { experimentsPath, type Look } from '../core/experiment/scan';
import { WorkspaceWatcher } from '../core/experiment/watch';
import { Disposable } from '../core/disposable';
import { askProcess } from '../core/training/launchers';
import { settings } from './settings';

/** Which runs changed in a scan; paths of runs, empty when only problems or the degraded state changed. */
export interface WorkspacesChange {
  readonly changedRuns: readonly string[];
}

interface Watched extends ExperimentsFolder {
  readonly watcher: WorkspaceWatcher;
}

interface ModelIndex {
  /** The models that it is of. */
  readonly of: readonly Workspace[];
  readonly runs: readonly Run[];
  readonly byPath: ReadonlyMap<string, Run>;
  readonly lineage: Lineage;
}

/**
 * One watcher an experiments folder, however many workspace folders name it. Features read `runs`, `all` or the lookups, and
 * listen to `onDidChange`; nobody else scans the disk.
 */
export class Workspaces extends Disposable {
  private readonly changed = this._register(new vscode.EventEmitter<WorkspacesChange>());
  readonly onDidChange = this.changed.event;
  private watched: readonly Watched[] = [];
  /** The newest start; it is done when every folder that was open when it began was scanned once. */
  private started: Promise<void> = Promise.resolve();
  private wasReady = false;
  private known: ModelIndex | undefined;

  constructor(private readonly report: (message: string) => void) {
    super();
    this._register({
      dispose: () => {
        for (const { watcher } of this.watched) watcher.dispose();
        this.watched = [];
      },
    });
    this._register(
      vscode.workspace.onDidChangeWorkspaceFolders(() => {
        this.start();
      }),
    );
    this._register(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (settings.affects(event, 'experimentsFolder') || settings.affects(event, 'trainScript')) this.start();
      }),
    );
    // Watching can miss changes (network disks, exhausted inotify): coming back to the window looks again.
    this._register(
      vscode.window.onDidChangeWindowState((state) => {
        if (state.focused) void this.rescan('folders');
      }),
    );
    this.start();
  }

  get all(): readonly Workspace[] {
    return this.watched.map(({ watcher }) => watcher.current);
  }

  /** Why watching is blind for a folder, in one line; null while it sees. */
  get degraded(): string | null {
    for (const { watcher } of this.watched) if (watcher.degraded !== null) return watcher.degraded;
    return null;
  }

  /** False while a folder is scanned for the first time: then there are the runs that were found so far. */
  get isComplete(): boolean {
    return this.wasReady && this.watched.every(({ watcher }) => watcher.isComplete);
  }

  /** Every run, the newest of the first folder first. */
  get runs(): readonly Run[] {
    return this.index.runs;
  }

  /** Who branched from whom. */
  get lineage(): Lineage {
    return this.index.lineage;
  }

  /** What is looked up in the model, made once a model. */
  private get index(): ModelIndex {
    const { all } = this;
    const { known } = this;
    if (known?.of.length === all.length && known.of.every((each, i) => each === all[i])) return known;
    const runs = all.flatMap((workspace) => workspace.runs);
    this.known = {
      of: all,
      runs,
      byPath: new Map(runs.map((run) => [run.path, run])),
      lineage: new Lineage(all),
    };
    return this.known;
  }

  /** Resolves when every open folder was scanned once, those that were opened meanwhile too. */
  async ready(): Promise<void> {
    for (let awaited: Promise<void> | undefined; awaited !== this.started;) {
      awaited = this.started;
      await awaited;
    }
  }

  /** Resolves when there is something to show: the first runs of a scan that takes long, or what `ready` waits for. */
  async begun(): Promise<void> {
    await this.until(() => this.runs.length > 0 || this.wasReady || undefined);
  }

  /** Resolves after a scan of everything that began after this call. */
  async rescan(look: Look): Promise<void> {
    await this.ready();
    await Promise.all(this.watched.map(({ watcher }) => watcher.rescan(look)));
  }

  /** The training workspace that a run belongs to (scripts, settings, interpreter): the owner of the folder it was found in. */
  rootOf(run: Run): string {
    return this.workspaceOf(run.path)?.root ?? path.resolve(run.path, '..', '..');
  }

  /** Waits until the model has what `find` looks for; undefined after `withinMs` without it. */
  async until<T>(find: () => T | undefined, withinMs = Infinity): Promise<T | undefined> {
    const now = find();
    if (now !== undefined) return now;
    return new Promise((resolve) => {
      const end = (found: T | undefined): void => {
        clearTimeout(timer);
        listener.dispose();
        resolve(found);
      };
      const listener = this.onDidChange(() => {
        const found = find();
        if (found !== undefined) end(found);
      });
      const timer = Number.isFinite(withinMs) ? setTimeout(end, withinMs, undefined) : undefined;
    });
  }

  /** The workspace whose experiments folder holds this path, else the innermost one that it lies in. */
  workspaceOf(target: string): Workspace | undefined {
    const { all } = this;
    const holding = folderHolding(all, target);
    if (holding !== undefined) return holding;
    const root = rootHolding(
      all.map((workspace) => workspace.root),
      target,
    );
    return all.find((workspace) => workspace.root === root);
  }

  /** The run whose folder is, or holds, this path; the innermost one, since sequential runs nest. */
  runAt(target: string): Run | undefined {
    return nearest(this.index.byPath, path.normalize(target));
  }

  checkpointAt(target: string): { run: Run; checkpoint: Checkpoint } | undefined {
    const run = this.runAt(target);
    if (run === undefined) return undefined;
    const checkpoint = checkpointIn(run, target);
    return checkpoint === undefined ? undefined : { run, checkpoint };
  }

  /** Brings the watchers in line with what is open and set; one after the other, the newest last. */
  private start(): void {
    this.started = this.started
      .then(() => this.followOpenFolders())
      // What failed once must not keep the next change from being followed.
      .catch((error: unknown) => {
        this.report(`The open folders could not be followed: ${messageOf(error)}`);
      })
      .then(() => {
        this.wasReady = true;
        this.announce([]);
      });
  }

  private async followOpenFolders(): Promise<void> {
    const wanted = await openExperiments();
    if (this.isDisposed) return;
    const kept = this.watched.filter((known) => wanted.some((each) => sameFolder(known, each)));
    for (const known of this.watched) if (!kept.includes(known)) known.watcher.dispose();
    const added = wanted
      .filter((each) => !kept.some((known) => sameFolder(known, each)))
      .map((folder): Watched => ({ ...folder, watcher: this.watch(folder) }));
    // In the order in which the folders are open.
    this.watched = wanted.flatMap((each) => [...kept, ...added].filter((known) => sameFolder(known, each)));
    await Promise.all(
      added.map(({ watcher, experiments }) =>
        watcher.rescan('changes').catch((error: unknown) => {
          this.report(`Scanning ${experiments} failed: ${messageOf(error)}`);
        }),
      ),
    );
  }

  private announce(changedRuns: readonly string[]): void {
    if (!this.isDisposed) this.changed.fire({ changedRuns });
  }

  private watch({ root, experiments, named }: ExperimentsFolder): WorkspaceWatcher {
    return new WorkspaceWatcher(root, {
      experimentsFolder: experiments,
      ask: askProcess,
      keep: async (folder) => (await import('../core/experiment/lookAhead')).openLookAhead(folder),
      mustExist: named ? 'npt.experimentsFolder' : undefined,
      onDidChange: (change) => {
        this.announce(change.changedRuns);
      },
    });
  }
}

function sameFolder(a: ExperimentsFolder, b: ExperimentsFolder): boolean {
  return a.root === b.root && a.experiments === b.experiments && a.named === b.named;
}

/** The experiments folders of the folders that are open. */
async function openExperiments(): Promise<ExperimentsFolder[]> {
  const open = (vscode.workspace.workspaceFolders ?? [])
    .filter((folder) => folder.uri.scheme === 'file')
    .map((folder): OpenFolder => {
      const root = folder.uri.fsPath;
      const { folder: named, isDefault } = settings.experimentsFolder(folder);
      return { root, experiments: experimentsPath(root, named), named: !isDefault };
    });
  const real = new Map<string, string>();
  const trains = new Map<string, boolean>();
  await Promise.all(
    open.flatMap(({ root, experiments }) => [
      realPathOf(experiments).then((found) => real.set(experiments, found)),
      exists(path.resolve(root, settings.trainScript(vscode.Uri.file(root)))).then((found) => trains.set(root, found)),
    ]),
  );
  return experimentsFolders(
    open,
    (folder) => real.get(folder) ?? folder,
    (root) => trains.get(root) ?? false,
  );
}

/** What the path really names; of one that does not exist, what the folders above it that do exist are. */
async function realPathOf(target: string): Promise<string> {
  try {
    return await realpath(target);
  } catch {
    const above = path.dirname(target);
    return above === target ? target : path.join(await realPathOf(above), path.basename(target));
  }
}
