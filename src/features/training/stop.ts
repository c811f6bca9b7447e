/** Stop, Stop Now, and Treat as Ended: the ends of a training that a person brings about. */
import * as vscode from 'vscode';
import { newestComplete } from '../../core/experiment/checkpoints';
import type { Run, RunProcess } from '../../core/experiment/model';
import { networkMount } from '../../core/experiment/networkMount';
import { processIn } from '../../core/experiment/processFolder';
import { lockState } from '../../core/experiment/runLock';
import { StopError } from '../../core/experiment/runningProcess';
import { treatAsEnded } from '../../core/experiment/treatAsEnded';
import { formatCount } from '../../core/format';
import { askProcess, stopCommand, stopRun, type StopHow } from '../../core/training/launchers';
import { ask, showError, showInformation, showWarning } from '../../platform/messages';
import { withCancellableProgress } from '../../platform/progress';
import { findPython, PythonNotFound } from '../../platform/python';
import { showStatus } from '../../platform/statusBar';
import type { FeatureDeps } from '../deps';
import { chooseRuns, type Named } from '../targets';

/** How long a restart waits for a run that was asked to stop: a step and a save on a slow disk may take minutes. */
const RESTART_WAITS_MS = 15 * 60_000;

export class StopCommands {
  /** Processes that this window has asked already. */
  private readonly asked = new Set<string>();

  constructor(
    private readonly deps: FeatureDeps,
    private readonly supervisor: string,
  ) {}

  /** Finish the step, save, stop. May be asked any number of times, from anywhere. */
  async stop(named: Named): Promise<void> {
    await Promise.all((await this.chosen(named, vscode.l10n.t('Stop Training'))).map((run) => this.stopOne(run)));
  }

  /** End at once and without a save, once the loss is confirmed. */
  async stopNow(named: Named): Promise<void> {
    for (const run of await this.chosen(named, vscode.l10n.t('Stop Now'))) await this.stopNowOne(run);
  }

  /**
   * Asks runs to save and stop, as `stop` does, and waits for those that could be asked; whoever waits sees it and can cancel.
   *
   * @returns the runs that have ended, as they are now; of the others the user was told
   */
  async stopped(named: Named): Promise<readonly Run[]> {
    const chosen = await this.chosen(named, vscode.l10n.t('Restart'));
    const answers = await Promise.all(chosen.map((run) => this.stopOne(run)));
    const asked = chosen.filter((_, index) => answers[index]);
    if (asked.length === 0) return [];
    const names = asked.map(({ name }) => name).join(', ');
    const ended = await withCancellableProgress(
      vscode.l10n.t('{0} saves and stops, and is resumed then. Cancel leaves it stopped.', names),
      (signal) =>
        new Promise<readonly Run[]>((resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('cancelled'));
          });
          void Promise.all(asked.map((run) => this.ended(run.path, RESTART_WAITS_MS))).then((all) => {
            resolve(asked.filter((_, index) => all[index]));
          }, reject);
        }),
    );
    if (ended === undefined) return [];
    for (const { name } of asked.filter((run) => !ended.includes(run))) {
      void showWarning(
        vscode.l10n.t('{0} has not stopped for {1} minutes and was not restarted.', name, RESTART_WAITS_MS / 60_000),
      );
    }
    await this.deps.workspaces.rescan('changes');
    return ended.flatMap(({ path }) => this.deps.workspaces.runAt(path) ?? []);
  }

  /** For a process that cannot be asked whether it still runs. */
  async treatAsEnded(named: Named): Promise<void> {
    for (const run of await this.chosen(named, vscode.l10n.t('Treat as Ended'))) {
      const process = await this.processOf(run);
      if (process === undefined) continue;
      if ((await askProcess(process)).liveness === 'elsewhere') await this.settle(run, process, { asked: true });
      else
        void showInformation(vscode.l10n.t('{0} is trained by a process of this machine: stop it instead.', run.name));
    }
  }

  /**
   * What to do about a run that a process on another host trains: a container that was rebuilt, another machine on the same
   * disk. Its lock tells where it can; otherwise the user is asked.
   *
   * @param how `asked` where the user has already said what to do
   * @returns whether the run now counts as ended
   */
  async settle(run: Run, process: RunProcess, how: { readonly asked?: boolean } = {}): Promise<boolean> {
    const lock = await this.lockOf(run);
    const who = vscode.l10n.t('process {0} on {1}', process.pid, process.host);
    if (lock === 'free') {
      await this.markEnded(run, process);
      void showInformation(
        vscode.l10n.t('{0} was trained by {1}, which has ended: nothing holds the run’s lock any more.', run.name, who),
      );
      return true;
    }
    if (lock === 'held') {
      void showWarning(
        vscode.l10n.t(
          '{0} is being trained by {1}, which holds the run’s lock and cannot be reached from here: stop it there.',
          run.name,
          who,
        ),
      );
      return false;
    }
    const treat = vscode.l10n.t('Treat as Ended…');
    if (how.asked !== true) {
      const command = stopCommand(process);
      const answer = await showWarning(
        vscode.l10n.t(
          '{0} is trained by {1}, or was: from here nobody can tell. Stop it there{2}, or treat it as ended.',
          run.name,
          who,
          command === null ? '' : ` (${command})`,
        ),
        treat,
      );
      if (answer !== treat) return false;
    }
    const confirm = vscode.l10n.t('Treat as Ended');
    const answer = await ask(
      vscode.l10n.t('Treat the training of {0} as ended?', run.name),
      vscode.l10n.t(
        'Its process ({0}) cannot be asked from here. If it still runs, it goes on writing into this run, and a second trainer that you start would mix its checkpoints and metrics with its own.',
        who,
      ),
      confirm,
    );
    if (answer !== confirm) return false;
    await this.markEnded(run, process);
    return true;
  }

  /** @returns whether it has ended, or will: it was asked to */
  private async stopOne(run: Run): Promise<boolean> {
    const process = await this.processOf(run);
    if (process === undefined) return false;
    const { liveness } = await askProcess(process);
    if (liveness === 'elsewhere') return this.settle(run, process);
    if (liveness === 'waiting') {
      await this.takeFromQueue(run, process);
      return false;
    }
    const key = `${process.pid}:${process.startTicks}:${process.job ?? ''}`;
    const again = this.asked.has(key);
    this.asked.add(key);
    // A trainer without a supervisor gets one request from here: there are some that a second one ends unsaved.
    if (!again || process.supervisor !== undefined) {
      if (!(await this.end(run, process, 'save'))) {
        // It has heard of nothing: the next request is the first.
        if (!again) this.asked.delete(key);
        return false;
      }
      this.deps.log.info(`stop ${run.path}: asked pid ${process.pid}`);
    }
    if (again) {
      void this.tellAgain(run);
      return true;
    }
    const message = vscode.l10n.t('{0}: finishing the step, saving and stopping…', run.name);
    showStatus('debug-stop', message, this.ended(run.path));
    return true;
  }

  private async tellAgain(run: Run): Promise<void> {
    const now = vscode.l10n.t('Stop Now…');
    const answer = await showInformation(
      vscode.l10n.t('{0} is already stopping: it is finishing its step and will then save.', run.name),
      now,
    );
    if (answer === now) await this.stopNowOne(run);
  }

  private async stopNowOne(run: Run): Promise<void> {
    const process = await this.processOf(run);
    if (process === undefined) return;
    const { liveness } = await askProcess(process);
    if (liveness === 'elsewhere') {
      await this.settle(run, process);
      return;
    }
    if (liveness === 'waiting') {
      await this.takeFromQueue(run, process);
      return;
    }
    const end = vscode.l10n.t('End Without Saving');
    const answer = await ask(
      vscode.l10n.t('End the training of {0} without saving?', run.name),
      whatIsLost(this.deps.workspaces.runAt(run.path) ?? run),
      end,
    );
    if (answer !== end) return;
    if (await this.end(run, process, 'now')) this.deps.log.info(`stop now ${run.path}: pid ${process.pid}`);
  }

  /** Ends a job that has not started: there is nothing to save, and nothing to lose. */
  private async takeFromQueue(run: Run, process: RunProcess): Promise<void> {
    if (!(await this.end(run, process, 'now'))) return;
    this.deps.log.info(`stop ${run.path}: job ${process.job ?? ''} taken out of the queue`);
    void showInformation(vscode.l10n.t('{0} was taken out of the queue.', run.name));
    await this.deps.workspaces.rescan('changes');
  }

  private async end(run: Run, process: RunProcess, how: StopHow): Promise<boolean> {
    try {
      await stopRun(process, how);
      return true;
    } catch (error) {
      if (!(error instanceof StopError)) throw error;
      void showError(vscode.l10n.t('{0} could not be stopped. {1}', run.name, error.message));
      return false;
    }
  }

  /** The runs that are meant. */
  private chosen(named: Named, title: string): Promise<readonly Run[]> {
    return chooseRuns(this.deps, named, {
      title,
      untrusted: vscode.l10n.t('Stopping signals a process: trust this workspace first.'),
      none: vscode.l10n.t('Nothing is training in this workspace.'),
      accepts: (candidate) => candidate.process !== null,
    });
  }

  /**
   * Who trains the run at this moment, which the model may not know yet. Where nobody does, it is taken out of our queue, if it
   * waits there, and the user is told.
   */
  private async processOf(run: Run): Promise<RunProcess | undefined> {
    const process = await processIn(run.path);
    if (process !== null) return process;
    if (run.state === 'queued' && run.queue !== undefined) {
      await vscode.commands.executeCommand('npt.queue.cancel', run.path);
      void showInformation(vscode.l10n.t('{0} was taken out of the queue.', run.name));
      return undefined;
    }
    void showInformation(vscode.l10n.t('{0} is not training.', run.name));
    return undefined;
  }

  /** `free` only where a lock is the truth: on a network disk it may say nothing of another machine's process. */
  private async lockOf(run: Run): Promise<'held' | 'free' | 'unknown'> {
    try {
      const python = await findPython(this.deps.workspaces.rootOf(run));
      const lock = await lockState(run.path, python, this.supervisor);
      return lock === 'free' && (await networkMount(run.path)) !== null ? 'unknown' : lock;
    } catch (error) {
      if (error instanceof PythonNotFound) return 'unknown';
      throw error;
    }
  }

  private async markEnded(run: Run, process: RunProcess): Promise<void> {
    const changed = await treatAsEnded(run.path, process);
    this.deps.log.info(`treat as ended ${run.path}: pid ${process.pid} on ${process.host}${changed ? '' : ', gone'}`);
    await this.deps.workspaces.rescan('changes');
  }

  /**
   * Resolves when a run's process has ended: its last step and its save may take long.
   *
   * @returns whether it has, where it was waited for only so long
   */
  private async ended(runPath: string, withinMs?: number): Promise<boolean> {
    const { workspaces } = this.deps;
    const found = await workspaces.until(() => {
      const run = workspaces.runs.find((each) => each.path === runPath);
      return run === undefined || run.process === null || run.processState?.liveness === 'dead' ? true : undefined;
    }, withinMs);
    return found === true;
  }
}

/** What ending a run unsaved loses, in one sentence. */
function whatIsLost(run: Run): string {
  const newest = newestComplete(run);
  if (newest === undefined) {
    return vscode.l10n.t('It has no checkpoint yet: everything since its start is lost.');
  }
  const steps = run.step - newest.step;
  if (steps <= 0) {
    return vscode.l10n.t('What was trained since {0} is lost.', newest.name);
  }
  return vscode.l10n.t('The {0} steps since {1}, and those not yet logged, are lost.', formatCount(steps), newest.name);
}
