/** Tells how runs ended while nobody looked, and of checkpoints that broke: each once, by one of the windows. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { bestEvaluated, newestComplete } from '../../core/experiment/checkpoints';
import { Disposable } from '../../core/disposable';
import { messageOf } from '../../core/errors';
import { badEnding } from '../../core/experiment/ending';
import type { Checkpoint, Run } from '../../core/experiment/model';
import { endedWithMachine } from '../../core/experiment/runningProcess';
import { firstToTell } from '../../core/experiment/toldOnce';
import { formatCount, formatValue } from '../../core/format';
import { showError, showInformation, showWarning } from '../../platform/messages';
import type { FeatureDeps } from '../deps';
import { isWanted } from './settings';

/** What was told of already, by whichever window: in the storage that all of them have in common. */
const TOLD = 'endingsTold.json';
/**
 * What ended may be going on again a moment later (a restart, a requeued job), and how it ended may be written only after its
 * process is gone.
 */
const SETTLES_MS = 3000;

interface News {
  /** Tells it from all other news. */
  readonly key: string;
  readonly isError: boolean;
  tell(): Promise<void>;
}

export class Endings extends Disposable {
  private readonly file: string;
  /** The runs as they were when this was last looked at. */
  private before = new Map<string, Run>();
  /** What is to be told unless it turns out to be over: by path, of a run or a checkpoint. */
  private readonly pending = new Map<string, NodeJS.Timeout>();
  private waited = false;

  constructor(
    context: vscode.ExtensionContext,
    private readonly deps: FeatureDeps,
  ) {
    super();
    this.file = path.join(context.globalStorageUri.fsPath, TOLD);
    this.remember();
    this._register({
      dispose: () => {
        for (const timer of this.pending.values()) clearTimeout(timer);
        this.pending.clear();
      },
    });
  }

  /** The model changed: runs ended, checkpoints came. */
  modelChanged(): void {
    const { runs } = this.deps.workspaces;
    for (const run of runs) {
      const before = this.before.get(run.path);
      if (before === undefined || before === run) continue;
      if (before.state === 'training' && newsOf(run) !== undefined)
        this.settle(run.path, () => {
          const now = this.deps.workspaces.runAt(run.path);
          return now === undefined ? undefined : newsOf(now);
        });
      for (const { path: broken } of brokenSince(before, run))
        this.settle(broken, () => {
          const now = this.deps.workspaces.checkpointAt(broken);
          return now?.checkpoint.state === 'broken' ? newsOfBroken(now.run, now.checkpoint) : undefined;
        });
    }
    this.lookAtQueue(runs);
    this.remember();
  }

  /** A queue is done when nothing waits any more, and what it started has ended. */
  private lookAtQueue(runs: readonly Run[]): void {
    if (runs.some(isInLine)) this.waited = true;
    else if (this.waited && !runs.some(isGoingOn)) {
      this.waited = false;
      this.settle('queue', () => {
        const now = this.deps.workspaces.runs;
        if (now.some((run) => isGoingOn(run) || isInLine(run))) {
          this.waited = true;
          return undefined;
        }
        return newsOfQueue(now);
      });
    }
  }

  private remember(): void {
    this.before = new Map(this.deps.workspaces.runs.map((run) => [run.path, run]));
  }

  /** Tells in a moment what is still so then. */
  private settle(about: string, find: () => News | undefined): void {
    if (this.pending.has(about)) return;
    this.pending.set(
      about,
      setTimeout(() => {
        this.pending.delete(about);
        const news = find();
        if (news !== undefined) void this.tell(news);
      }, SETTLES_MS),
    );
  }

  private async tell(news: News): Promise<void> {
    if (!isWanted(news.isError)) return;
    try {
      if ((await firstToTell(this.file, [news.key])).length > 0 && !this.isDisposed) await news.tell();
    } catch (error) {
      this.deps.log.error(`${news.key}: could not be told: ${messageOf(error)}`);
    }
  }
}

function isGoingOn({ state }: Run): boolean {
  return state === 'training' || state === 'queued';
}

function isInLine({ queue }: Run): boolean {
  return queue !== undefined && queue.position !== null;
}

/** Checkpoints that are broken and were not, or were not there. */
function brokenSince(before: Run, run: Run): Checkpoint[] {
  if (before.checkpoints === run.checkpoints) return [];
  const broken = run.checkpoints.filter(({ state }) => state === 'broken');
  return broken.filter(
    ({ path: each }) => !before.checkpoints.some((known) => known.path === each && known.state === 'broken'),
  );
}

/** How a run came to its end, where that is to be told: not what somebody stopped. */
function newsOf(run: Run): News | undefined {
  const key = `${run.id ?? run.path} ${run.process?.started ?? run.exit?.time ?? ''} ${run.state}`;
  // What ended with its machine is told of on its own.
  if (run.process !== null && endedWithMachine(run.process)) return undefined;
  const ending = badEnding(run);
  if (run.state === 'finished') return { key, isError: false, tell: () => tellFinished(run) };
  if (ending === null) return undefined;
  return {
    key,
    isError: run.exit?.why !== 'preempted',
    tell: async () => {
      const log = vscode.l10n.t('Open Log');
      const newest = vscode.workspace.isTrusted ? newestComplete(run) : undefined;
      const resume = newest === undefined ? [] : [vscode.l10n.t('Resume from {0}', newest.name)];
      // An error has to be read before it is repeated.
      const ways = run.state === 'failed' ? [log, ...resume] : [...resume, log];
      const show = run.exit?.why === 'preempted' ? showWarning : showError;
      const reason = ending.reason.split('\n')[0] ?? '';
      const answer = await show(`${run.name}: ${ending.title}. ${reason}`, ...ways);
      if (answer === log) await vscode.commands.executeCommand('npt.openTrainLog', run.path);
      else if (answer !== undefined) await vscode.commands.executeCommand('npt.resume', run.path);
    },
  };
}

async function tellFinished(run: Run): Promise<void> {
  const best = bestEvaluated(run);
  const text = vscode.l10n.t('{0} finished at step {1}.', run.name, formatCount(run.step));
  const good =
    best === undefined
      ? ''
      : ` ${vscode.l10n.t('Best evaluation: {0}, at step {1}.', formatValue(best.evalLoss), formatCount(best.step))}`;
  const open = vscode.l10n.t('Open Dashboard');
  const answer = await showInformation(`${text}${good}`, open);
  if (answer === open) await vscode.commands.executeCommand('npt.openDashboard', run.path);
}

function newsOfBroken(run: Run, checkpoint: Checkpoint): News {
  return {
    key: `${run.id ?? run.path} ${checkpoint.name} ${checkpoint.time} broken`,
    isError: true,
    tell: async () => {
      const validate = vscode.l10n.t('Validate');
      const reason = checkpoint.stateReason === null ? '' : ` ${checkpoint.stateReason}`;
      const text = vscode.l10n.t('{0} of {1} is broken.', checkpoint.name, run.name);
      if ((await showError(`${text}${reason}`, validate)) === validate)
        await vscode.commands.executeCommand('npt.validate', checkpoint.path);
    },
  };
}

function newsOfQueue(runs: readonly Run[]): News {
  const failed = runs.filter(({ queue }) => queue !== undefined).length;
  return {
    key: `queue ${runs.map((run) => run.exit?.time ?? 0).reduce((a, b) => Math.max(a, b), 0)}`,
    isError: failed > 0,
    tell: async () => {
      const show = vscode.l10n.t('Show Runs');
      const text =
        failed === 0
          ? vscode.l10n.t('The queue is done: nothing waits and nothing trains.')
          : vscode.l10n.t('The queue is done, but for {0} that could not be started.', failed);
      if ((await (failed === 0 ? showInformation : showWarning)(text, show)) === show)
        await vscode.commands.executeCommand('npt.showRuns');
    },
  };
}
