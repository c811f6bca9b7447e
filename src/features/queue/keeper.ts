/**
 * Sees to it that what waits in a workspace's queue has somebody to start it, after a reboot or a dispatcher that was killed, and
 * that the queue follows the settings.
 */
import * as vscode from 'vscode';
import { readQueue } from '../../core/experiment/queueFiles';
import { Disposable } from '../../core/disposable';
import { messageOf } from '../../core/errors';
import { dispatch, hasWork, isDispatched } from '../../core/training/queue/dispatcher';
import { DEFAULT_CPU_SLOTS, setQueue } from '../../core/training/queue/queue';
import { findPython } from '../../platform/python';
import { settings } from '../../platform/settings';
import type { FeatureDeps } from '../deps';

/** A dispatcher that ends at once again, on a full disk for instance, is not started all the time. */
const AGAIN_AFTER_MS = 30_000;

export class QueueKeeper extends Disposable {
  /** When a queue was last looked at, by its workspace. */
  private readonly looked = new Map<string, number>();

  constructor(private readonly deps: FeatureDeps) {
    super();
    const look = (): void => {
      for (const root of this.rootsWithQueue()) void this.look(root);
    };
    this._register(deps.workspaces.onDidChange(look));
    this._register(vscode.workspace.onDidGrantWorkspaceTrust(look));
    this._register(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (settings.affects(event, 'queue.cpuSlots')) void this.takeSlots();
      }),
    );
  }

  private rootsWithQueue(): Set<string> {
    if (!vscode.workspace.isTrusted) return new Set();
    const { workspaces } = this.deps;
    const waiting = workspaces.runs.filter(({ queue }) => queue !== undefined && queue.failure === null);
    return new Set(waiting.map((run) => workspaces.rootOf(run)));
  }

  private async takeSlots(): Promise<void> {
    for (const root of this.rootsWithQueue()) {
      try {
        await setQueue(root, { cpuSlots: settings.cpuSlots(root) ?? DEFAULT_CPU_SLOTS });
      } catch (error) {
        this.deps.log.warn(`queue of ${root}: ${messageOf(error)}`);
      }
    }
  }

  private async look(root: string): Promise<void> {
    const now = performance.now();
    if (now - (this.looked.get(root) ?? -Infinity) < AGAIN_AFTER_MS) return;
    this.looked.set(root, now);
    try {
      const state = await readQueue(root);
      if (!hasWork(state) || (await isDispatched(state)) || this.isDisposed) return;
      await dispatch(state.folder, await findPython(root), this.deps.starter.supervisor);
      this.deps.log.info(`queue of ${root}: its dispatcher was started`);
    } catch (error) {
      this.deps.log.warn(`queue of ${root}: ${messageOf(error)}`);
    }
  }
}
