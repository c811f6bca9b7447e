/** The model of the opened training workspaces, kept true by a watcher for each folder. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { allCheckpoints } from '../core/experiment/checkpoints';
import type { Checkpoint, Run, Workspace } from '../core/experiment/model';
import { WorkspaceWatcher } from '../core/experiment/watch';
import { Disposable } from '../core/disposable';
import { settings } from './settings';

/** Which runs changed in a scan; paths of runs, empty when only problems or the degraded state changed. */
export interface WorkspacesChange {
  readonly changedRuns: readonly string[];
}

/**
 * One watcher a workspace folder. Features read `current` (first folder's; what most people have) or `all`, and listen to
 * `onDidChange`; nobody else scans the disk.
 */
export class Workspaces extends Disposable {
  private readonly changed = this._register(new vscode.EventEmitter<WorkspacesChange>());
  readonly onDidChange = this.changed.event;
  private watchers = new Map<string, WorkspaceWatcher>();
  private firstScan: Promise<void> = Promise.resolve();

  constructor(private readonly report: (message: string) => void) {
    super();
    this._register({
      dispose: () => {
        this.stopAll();
      },
    });
    this._register(
      vscode.workspace.onDidChangeWorkspaceFolders(() => {
        this.start();
      }),
    );
    this._register(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (!settings.affects(event, 'experimentsFolder')) return;
        this.stopAll();
        this.start();
      }),
    );
    // Watching can miss changes (network disks, exhausted inotify): coming back to the window looks again.
    this._register(
      vscode.window.onDidChangeWindowState((state) => {
        if (state.focused) void this.rescan();
      }),
    );
    this.start();
  }

  get all(): readonly Workspace[] {
    return [...this.watchers.values()].map((watcher) => watcher.current);
  }

  get current(): Workspace | undefined {
    return this.all[0];
  }

  /** Why watching is blind for a folder, in one line; null while it sees. */
  get degraded(): string | null {
    for (const watcher of this.watchers.values()) if (watcher.degraded !== null) return watcher.degraded;
    return null;
  }

  get runs(): readonly Run[] {
    return this.all.flatMap((workspace) => workspace.runs);
  }

  /** Resolves when every folder was scanned once. */
  ready(): Promise<void> {
    return this.firstScan;
  }

  async rescan(): Promise<void> {
    await Promise.all([...this.watchers.values()].map((watcher) => watcher.rescan()));
  }

  /** The training workspace that a run belongs to: its folder holds experiments/ and scripts/. */
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

  workspaceOf(path: string): Workspace | undefined {
    return this.all.find(
      (workspace) =>
        path === workspace.root || path.startsWith(workspace.root + '/') || path.startsWith(workspace.root + '\\'),
    );
  }

  /** The run whose folder is, or holds, this path. The longest match wins: sequential runs nest. */
  runAt(path: string): Run | undefined {
    return this.runs
      .filter((run) => path === run.path || path.startsWith(run.path + '/') || path.startsWith(run.path + '\\'))
      .sort((a, b) => b.path.length - a.path.length)[0];
  }

  checkpointAt(path: string): { run: Run; checkpoint: Checkpoint } | undefined {
    const run = this.runAt(path);
    if (run === undefined) return undefined;
    const checkpoint = allCheckpoints(run).find((candidate) => candidate.path === path);
    return checkpoint === undefined ? undefined : { run, checkpoint };
  }

  private start(): void {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter((folder) => folder.uri.scheme === 'file');
    const wanted = new Set(folders.map((folder) => folder.uri.fsPath));
    for (const [root, watcher] of this.watchers) {
      if (wanted.has(root)) continue;
      watcher.dispose();
      this.watchers.delete(root);
    }
    const scans: Promise<void>[] = [];
    for (const folder of folders) {
      const root = folder.uri.fsPath;
      if (this.watchers.has(root)) continue;
      const watcher = new WorkspaceWatcher(root, {
        experimentsFolder: settings.experimentsFolder(folder),
        onDidChange: (change) => {
          if (!this.isDisposed) this.changed.fire({ changedRuns: change.changedRuns });
        },
      });
      this.watchers.set(root, watcher);
      scans.push(
        watcher.rescan().catch((error: unknown) => {
          this.report(`Scanning ${root} failed: ${error instanceof Error ? error.message : String(error)}`);
        }),
      );
    }
    this.firstScan = Promise.all(scans).then(() => {
      if (!this.isDisposed) this.changed.fire({ changedRuns: [] });
    });
  }

  private stopAll(): void {
    for (const watcher of this.watchers.values()) watcher.dispose();
    this.watchers.clear();
  }
}
