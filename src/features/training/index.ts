/** Resume, Extend and Stop. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { formatCount } from '../../core/format';
import { newestComplete } from '../../core/experiment/checkpoints';
import { processIn } from '../../core/experiment/processFolder';
import { liveness } from '../../core/experiment/runningProcess';
import type { Plan } from '../../core/training/plan/plan';
import { showInformation } from '../../platform/messages';
import { askText } from '../../platform/picks';
import { needingPython } from '../../platform/python';
import { settings } from '../../platform/settings';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoint, type CheckpointOfRun, type Named } from '../targets';
import type { Launcher } from './launch';
import { reviewPlans } from './review';
import { StopCommands } from './stop';
import { planFor, TrainingTasks, type NptTaskDefinition } from './tasks';

export class TrainingCommands {
  constructor(
    private readonly deps: FeatureDeps,
    private readonly launcher: Launcher,
    private readonly stopping: StopCommands,
  ) {}

  /** One click when nothing needs asking; a plan with warnings is shown first. */
  async resume(named: Named): Promise<void> {
    const chosen = await this.checkpoint(named, vscode.l10n.t('Resume'));
    if (chosen === undefined) return;
    const definition = this.definition('resume', chosen);
    await needingPython(async () => {
      const plan = await this.plan(definition, chosen);
      if (plan === undefined) return;
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
      const plan = await this.plan(definition, chosen);
      if (plan === undefined) return;
      if (plan.errors.length > 0 || (await this.review('extend', [plan], chosen)))
        await this.launcher.launch(plan, definition);
    });
  }

  /** The plan; a run whose process on another host cannot be asked is settled first. Undefined when that was given up. */
  private async plan(definition: NptTaskDefinition, chosen: CheckpointOfRun): Promise<Plan | undefined> {
    const make = (): Promise<Plan> => planFor(definition, this.deps.workspaces.rootOf(chosen.run));
    const plan = await make();
    if (!plan.errors.some((error) => error.code === 'run-is-training')) return plan;
    const process = await processIn(chosen.run.path);
    if (process === null || liveness(process) !== 'elsewhere') return plan;
    return (await this.stopping.settle(chosen.run, process)) ? make() : undefined;
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
  const stopping = new StopCommands(deps, launcher.supervisor);
  const commands = new TrainingCommands(deps, launcher, stopping);
  registerCommands(context, deps, {
    'npt.resume': (named) => commands.resume(named),
    'npt.extend': (named) => commands.extend(named),
    'npt.stop': (named) => stopping.stop(named),
    'npt.stopNow': (named) => stopping.stopNow(named),
    'npt.treatAsEnded': (named) => stopping.treatAsEnded(named),
  });
  context.subscriptions.push(vscode.tasks.registerTaskProvider('npt', new TrainingTasks(deps, launcher.supervisor)));
}
