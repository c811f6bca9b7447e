/** The queue: taking runs out, changing their order, starting one now, pausing. */
import * as vscode from 'vscode';
import type { QueuedRun, Run } from '../../core/experiment/model';
import { queueFolder, readQueue } from '../../core/experiment/queueFiles';
import { dispatch, startNow } from '../../core/training/queue/dispatcher';
import { cancel, move, queueAgain, QueueError, setQueue, type Move } from '../../core/training/queue/queue';
import { showError, showInformation } from '../../platform/messages';
import { findPython, needingPython } from '../../platform/python';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseRuns, type Named } from '../targets';
import { QueueKeeper } from './keeper';

interface Change {
  readonly title: string;
  /** Which of the queue's runs it is for. */
  readonly accepts: (queue: QueuedRun) => boolean;
  readonly none: string;
  readonly apply: (root: string, id: string) => Promise<void>;
}

class QueueCommands {
  constructor(private readonly deps: FeatureDeps) {}

  cancel(named: Named): Promise<void> {
    return this.change(named, {
      title: vscode.l10n.t('Take out of the Queue'),
      accepts: () => true,
      none: vscode.l10n.t('Nothing waits in the queue.'),
      apply: cancel,
    });
  }

  move(named: Named, where: Move): Promise<void> {
    return this.change(named, {
      title: where === 'up' ? vscode.l10n.t('Move up in the Queue') : vscode.l10n.t('Move down in the Queue'),
      accepts: ({ position }) => position !== null,
      none: vscode.l10n.t('Nothing waits in the queue.'),
      apply: (root, id) => move(root, id, where),
    });
  }

  startNow(named: Named): Promise<void> {
    return this.change(named, {
      title: vscode.l10n.t('Start Now'),
      accepts: ({ position }) => position !== null,
      none: vscode.l10n.t('Nothing waits in the queue.'),
      apply: async (root, id) => {
        await startNow(queueFolder(root), id, await findPython(root), this.deps.starter.supervisor);
      },
    });
  }

  again(named: Named): Promise<void> {
    return this.change(named, {
      title: vscode.l10n.t('Queue Again'),
      accepts: ({ position }) => position === null,
      none: vscode.l10n.t('Nothing in the queue failed to start.'),
      apply: async (root, id) => {
        await queueAgain(root, id);
        await dispatch(queueFolder(root), await findPython(root), this.deps.starter.supervisor);
      },
    });
  }

  /** Of every workspace in this window that has a queue: what trains goes on. */
  async pause(paused: boolean): Promise<void> {
    if (!this.isTrusted()) return;
    await this.deps.workspaces.ready();
    const { workspaces, starter } = this.deps;
    const roots = new Set(
      workspaces.runs.filter((run) => run.queue !== undefined).map((run) => workspaces.rootOf(run)),
    );
    if (roots.size === 0) {
      void showInformation(vscode.l10n.t('Nothing waits in the queue.'));
      return;
    }
    await this.telling(async () => {
      for (const root of roots) {
        await setQueue(root, { paused });
        const { entries, folder } = await readQueue(root);
        if (!paused && entries.length > 0) await dispatch(folder, await findPython(root), starter.supervisor);
      }
      void showInformation(
        paused
          ? vscode.l10n.t('The queue is paused: what trains goes on, and nothing else is started.')
          : vscode.l10n.t('The queue goes on.'),
      );
    });
  }

  private async change(named: Named, { title, accepts, none, apply }: Change): Promise<void> {
    if (!this.isTrusted()) return;
    const runs = await chooseRuns(this.deps, named, {
      title,
      none,
      accepts: ({ queue }) => queue !== undefined && accepts(queue),
    });
    for (const run of runs) {
      const id = idOf(run);
      if (id !== undefined && !(await this.telling(() => apply(this.deps.workspaces.rootOf(run), id)))) break;
    }
    await this.deps.workspaces.rescan('changes');
  }

  private async telling(change: () => Promise<void>): Promise<boolean> {
    try {
      await change();
      return true;
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      void showError(error.message);
      return false;
    }
  }

  /** What is queued will be started. */
  private isTrusted(): boolean {
    if (!vscode.workspace.isTrusted)
      void showError(vscode.l10n.t('The queue starts training: trust this workspace first.'));
    return vscode.workspace.isTrusted;
  }
}

function idOf({ queue }: Run): string | undefined {
  return queue?.id;
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const commands = new QueueCommands(deps);
  registerCommands(context, deps, {
    'npt.queue.cancel': (named) => commands.cancel(named),
    'npt.queue.moveUp': (named) => commands.move(named, 'up'),
    'npt.queue.moveDown': (named) => commands.move(named, 'down'),
    'npt.queue.startNow': (named) => needingPython(() => commands.startNow(named)),
    'npt.queue.again': (named) => needingPython(() => commands.again(named)),
    'npt.queue.pause': () => commands.pause(true),
    'npt.queue.resume': () => needingPython(() => commands.pause(false)),
  });
  context.subscriptions.push(new QueueKeeper(deps));
}
