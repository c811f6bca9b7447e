/** Resume, Extend and Stop. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { formatCount } from '../../core/format';
import { newestComplete, newestUsable } from '../../core/experiment/checkpoints';
import type { Run } from '../../core/experiment/model';
import { processIn } from '../../core/experiment/processFolder';
import { askProcess } from '../../core/training/launchers';
import type { Plan } from '../../core/training/plan/plan';
import type { TrainingRequest } from '../../core/training/plan/taskDefinition';
import { showInformation, showWarning } from '../../platform/messages';
import { askText } from '../../platform/picks';
import { needingPython } from '../../platform/python';
import { settings } from '../../platform/settings';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoint, targetPath, type CheckpointOfRun, type Named } from '../targets';
import { planFor, type ChosenLaunch } from './plans';
import type { StopCommands } from './stop';
import { TrainingTasks } from './tasks';

export class TrainingCommands {
  constructor(
    private readonly deps: FeatureDeps,
    private readonly stopping: () => Promise<StopCommands>,
  ) {}

  /** One click when nothing needs asking; a plan with warnings is shown first. */
  async resume(named: Named): Promise<void> {
    const chosen = await this.checkpoint(named, vscode.l10n.t('Resume'));
    if (chosen === undefined) return;
    await needingPython(async () => {
      const plan = await this.plan({ kind: 'resume', checkpoint: chosen.target }, chosen);
      if (plan === undefined) return;
      // Offered only where that is all: with another error, extending would not start either.
      const [only] = plan.errors;
      if (plan.errors.length === 1 && only?.code === 'training-complete') {
        const extend = vscode.l10n.t('Extend Training…');
        if ((await showInformation(only.message, extend)) === extend) await this.extend({ argument: chosen.target });
        return;
      }
      const { newRun, questions, warnings, errors } = plan;
      const needsAsking = newRun || questions.length + warnings.length + errors.length > 0;
      const agreed = needsAsking && canBeSettled(plan) ? await this.review(chosen, { kind: 'resume' }) : plan;
      if (agreed !== undefined) await this.deps.starter.start(agreed);
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
    await needingPython(async () => {
      const additionalSteps = Number(steps.trim());
      const plan = await this.plan({ kind: 'extend', checkpoint: chosen.target, additionalSteps }, chosen);
      if (plan === undefined) return;
      const agreed = canBeSettled(plan) ? await this.review(chosen, { kind: 'extend', additionalSteps }) : plan;
      if (agreed !== undefined) await this.deps.starter.start(agreed);
    });
  }

  /** Saves and stops runs, and resumes them from what they saved: with the settings, the script and the packages of now. */
  async restart(named: Named): Promise<void> {
    for (const run of await (await this.stopping()).stopped(named)) {
      if (run.state === 'finished') {
        void showInformation(
          vscode.l10n.t('{0} came to its end instead of being restarted: it has no steps to go.', run.name),
        );
      } else if (run.state !== 'failed' || (await this.resumesFailed(run))) await this.resume({ argument: run.path });
    }
  }

  /** Whether a run that failed while it was to be restarted is resumed all the same. */
  private async resumesFailed({ name, exit }: Run): Promise<boolean> {
    const resume = vscode.l10n.t('Resume');
    const message = vscode.l10n.t('{0} failed before it could be restarted: {1}', name, exit?.error ?? '');
    return (await showWarning(message.trimEnd(), resume)) === resume;
  }

  /** The plan; a run whose process on another host cannot be asked is settled first. Undefined when that was given up. */
  private async plan(
    request: TrainingRequest,
    chosen: CheckpointOfRun,
    launch?: ChosenLaunch,
  ): Promise<Plan | undefined> {
    const make = (): Promise<Plan> => planFor(this.deps, this.deps.workspaces.rootOf(chosen.run), request, launch);
    const plan = await make();
    if (!plan.errors.some((error) => error.code === 'run-is-training')) return plan;
    const process = await processIn(chosen.run.path);
    if (process === null || (await askProcess(process)).liveness !== 'elsewhere') return plan;
    return (await (await this.stopping()).settle(chosen.run, process)) ? make() : undefined;
  }

  /** The plan that the user starts, perhaps with other values; undefined when it was given up. */
  private async review(
    chosen: Chosen,
    request: Pick<TrainingRequest, 'kind' | 'additionalSteps'>,
  ): Promise<Plan | undefined> {
    const { review } = await import('../../onDemand');
    const plans = await review(this.deps, {
      title: vscode.l10n.t('{0} of {1}: review', chosen.checkpoint.name, chosen.run.name),
      startLabel: ([plan]) => (plan === undefined ? '' : startLabel(plan)),
      requests: [{ ...request, checkpoint: chosen.target }],
      make: async ([asked], launch) => {
        const plan = asked && (await this.plan(asked, chosen, launch));
        return plan && [plan];
      },
    });
    return plans === 'elsewhere' ? undefined : plans?.[0];
  }

  /** The checkpoint meant: a checkpoint's node, a run's newest that can be used, or a pick. */
  private async checkpoint(named: Named, title: string): Promise<Chosen | undefined> {
    const notValid = this.deps.validations.notValid();
    const chosen = await chooseCheckpoint(this.deps, named, {
      title,
      none: vscode.l10n.t('There is no complete checkpoint to go on from.'),
      accepts: (candidate) => candidate.state === 'complete',
      // Where none can be used, the plan of the newest says why.
      ofRun: (run) => [newestUsable(run, notValid) ?? newestComplete(run)].filter((newest) => newest !== undefined),
    });
    if (chosen === undefined) return undefined;
    // A run stays a run: its plan says what was passed over.
    const isRun = targetPath(named.argument) === chosen.run.path;
    return { ...chosen, target: isRun ? chosen.run.path : chosen.checkpoint.path };
  }
}

function startLabel({ kind, run, startStep }: Plan): string {
  return kind === 'branch'
    ? vscode.l10n.t('Start branch {0}', path.basename(run))
    : vscode.l10n.t('Start {0} from step {1}', path.basename(run), formatCount(startStep));
}

/** Whether nothing is in the way that another value would not settle. */
function canBeSettled(plan: Plan): boolean {
  return plan.errors.every((error) => error.argument !== undefined);
}

interface Chosen extends CheckpointOfRun {
  /** What was asked for, absolute: the checkpoint, or its run. */
  readonly target: string;
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  // One for all commands: it knows which processes were asked already.
  let made: Promise<StopCommands> | undefined;
  const stopping = (): Promise<StopCommands> =>
    (made ??= import('../../onDemand').then((loaded) => new loaded.StopCommands(deps, deps.starter.supervisor)));
  const commands = new TrainingCommands(deps, stopping);
  registerCommands(context, deps, {
    'npt.resume': (named) => commands.resume(named),
    'npt.extend': (named) => commands.extend(named),
    'npt.restart': (named) => commands.restart(named),
    'npt.showStacks': async (named) => (await import('../../onDemand')).askForStacks(deps, named),
    'npt.showTerminal': async (named) => (await import('../../onDemand')).showTerminal(deps, named),
    'npt.stop': async (named) => (await stopping()).stop(named),
    'npt.stopNow': async (named) => (await stopping()).stopNow(named),
    'npt.treatAsEnded': async (named) => (await stopping()).treatAsEnded(named),
    'npt.hold': async (named) => (await import('../../onDemand')).holdJobs(deps, named, 'hold'),
    'npt.release': async (named) => (await import('../../onDemand')).holdJobs(deps, named, 'release'),
  });
  const tasks = new TrainingTasks(deps, deps.starter.supervisor);
  context.subscriptions.push(tasks, vscode.tasks.registerTaskProvider('npt', tasks));
}
