/** Resume, Extend and Stop. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { formatCount } from '../../core/format';
import { newestComplete } from '../../core/experiment/checkpoints';
import type { Run } from '../../core/experiment/model';
import { StopError, stopRun } from '../../core/experiment/runningProcess';
import { showError, showInformation } from '../../platform/messages';
import { askText } from '../../platform/picks';
import { needingPython } from '../../platform/python';
import { settings } from '../../platform/settings';
import { showStatus } from '../../platform/statusBar';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoint, chooseRuns, type CheckpointOfRun, type Named } from '../targets';
import type { Launcher } from './launch';
import { reviewPlans } from './review';
import { planFor, TrainingTasks, type NptTaskDefinition } from './tasks';

export class TrainingCommands {
  constructor(
    private readonly deps: FeatureDeps,
    private readonly launcher: Launcher,
  ) {}

  /** One click when nothing needs asking; a plan with warnings is shown first. */
  async resume(named: Named): Promise<void> {
    const chosen = await this.checkpoint(named, vscode.l10n.t('Resume'));
    if (chosen === undefined) return;
    const definition = this.definition('resume', chosen);
    await needingPython(async () => {
      const plan = await planFor(definition, this.deps.workspaces.rootOf(chosen.run));
      if (plan.errors.some((error) => error.code === 'training-complete')) {
        const extend = vscode.l10n.t('Extend Training…');
        const message = plan.errors[0]?.message ?? '';
        if ((await showInformation(message, extend)) === extend)
          await this.extend({ argument: chosen.checkpoint.path });
        return;
      }
      const needsAsking = plan.errors.length === 0 && (plan.kind === 'branch' || plan.warnings.length > 0);
      if (needsAsking && !(await this.review(plan.kind === 'branch' ? 'branch' : 'resume', [plan], chosen))) return;
      await this.launcher.launch(plan, definition);
    });
  }

  async extend(named: Named): Promise<void> {
    const chosen = await this.checkpoint(named, vscode.l10n.t('Extend Training'));
    if (chosen === undefined) return;
    const steps = await askText({
      title: vscode.l10n.t('Extend {0} from step {1}', chosen.run.name, formatCount(chosen.checkpoint.step)),
      prompt: vscode.l10n.t('How many steps beyond the checkpoint?'),
      value: String(settings.additionalSteps(vscode.Uri.file(chosen.run.path))),
      problem: (text) =>
        /^[1-9]\d{0,9}$/.test(text.trim()) ? undefined : vscode.l10n.t('A whole number of steps, 1 or more.'),
    });
    if (steps === undefined) return;
    const definition: NptTaskDefinition = {
      ...this.definition('extend', chosen),
      additionalSteps: Number(steps.trim()),
    };
    await needingPython(async () => {
      const plan = await planFor(definition, this.deps.workspaces.rootOf(chosen.run));
      if (plan.errors.length > 0 || (await this.review('extend', [plan], chosen)))
        await this.launcher.launch(plan, definition);
    });
  }

  async stop(named: Named): Promise<void> {
    // process.json comes with the folder: whom it names is signalled only where the folder is trusted.
    if (!vscode.workspace.isTrusted) {
      void showError(vscode.l10n.t('Stopping signals a process: trust this workspace first.'));
      return;
    }
    const runs = await chooseRuns(this.deps, named, {
      title: vscode.l10n.t('Stop Training'),
      none: vscode.l10n.t('Nothing is training in this workspace.'),
      accepts: (candidate) => candidate.process !== null,
    });
    await Promise.all(runs.map((run) => this.stopOne(run)));
  }

  private async stopOne(run: Run): Promise<void> {
    if (run.process === null) {
      void showInformation(vscode.l10n.t('{0} is not training.', run.name));
      return;
    }
    try {
      await stopRun(run.process, 'SIGINT');
    } catch (error) {
      if (!(error instanceof StopError)) throw error;
      void showError(vscode.l10n.t('{0} was not stopped. {1}', run.name, error.message));
      return;
    }
    const message = vscode.l10n.t('{0}: finishing the step, saving and stopping…', run.name);
    showStatus('debug-stop', message, this.ended(run.path));
    this.deps.log.info(`stop ${run.path}: asked pid ${run.process.pid}`);
  }

  /** Resolves when a run's process has ended, however long its last step and its save take. */
  private async ended(runPath: string): Promise<void> {
    const { workspaces } = this.deps;
    await workspaces.until(() => {
      const run = workspaces.runs.find((each) => each.path === runPath);
      return run === undefined || run.process === null ? true : undefined;
    });
  }

  private async review(
    kind: string,
    plans: Parameters<typeof reviewPlans>[2],
    chosen: CheckpointOfRun,
  ): Promise<boolean> {
    const [plan] = plans;
    const run = path.basename(plan?.run ?? chosen.run.path);
    const start =
      kind === 'branch'
        ? vscode.l10n.t('Start branch {0}', run)
        : vscode.l10n.t('Start {0} from step {1}', run, formatCount(chosen.checkpoint.step));
    return reviewPlans(vscode.l10n.t('{0} of {1}: review', chosen.checkpoint.name, chosen.run.name), start, plans);
  }

  private definition(kind: NptTaskDefinition['kind'], chosen: CheckpointOfRun): NptTaskDefinition {
    return {
      type: 'npt',
      kind,
      checkpoint: path.relative(this.deps.workspaces.rootOf(chosen.run), chosen.checkpoint.path),
    };
  }

  /** The checkpoint meant: a checkpoint's node, a run's newest complete one, or a pick. */
  private checkpoint(named: Named, title: string): Promise<CheckpointOfRun | undefined> {
    return chooseCheckpoint(this.deps, named, {
      title,
      none: vscode.l10n.t('There is no complete checkpoint to go on from.'),
      accepts: (candidate) => candidate.state === 'complete',
      ofRun: (run) => [newestComplete(run)].filter((newest) => newest !== undefined),
    });
  }
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps, launcher: Launcher): void {
  const commands = new TrainingCommands(deps, launcher);
  registerCommands(context, deps, {
    'npt.resume': (named) => commands.resume(named),
    'npt.extend': (named) => commands.extend(named),
    'npt.stop': (named) => commands.stop(named),
  });
  context.subscriptions.push(vscode.tasks.registerTaskProvider('npt', new TrainingTasks(deps, launcher.supervisor)));
}
