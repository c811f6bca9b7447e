/** What an assistant asks, answered: from the model, the logs, the validations and the plans that everything else goes by, too. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { answerText, textFrom } from '../../core/assistant/answer';
import { comparisonAnswer, type CompareInput, type ComparedWeights } from '../../core/assistant/comparison';
import { listExperiments, type ListInput } from '../../core/assistant/experiments';
import { InputProblem, readInput, type InputSchema } from '../../core/assistant/input';
import { metricsAnswer, type MetricsInput } from '../../core/assistant/metrics';
import { commandOf, obstaclesOf, planAnswer, requestFrom, type PlanInput } from '../../core/assistant/plans';
import type { Experiments } from '../../core/assistant/runFacts';
import { ShownPlans } from '../../core/assistant/shownPlans';
import { validationAnswer, type ValidateInput } from '../../core/assistant/validation';
import { Disposable } from '../../core/disposable';
import { newestComplete } from '../../core/experiment/checkpoints';
import type { Checkpoint, Run } from '../../core/experiment/model';
import { NameProblem, placeNamed, runNamed, type NamedPlace } from '../../core/experiment/named';
import { SharedMetrics } from '../../core/metrics/runMetrics';
import { newestCheckpoint } from '../../core/table/rows';
import type { Plan } from '../../core/training/plan/plan';
import type { ToolCalls } from '../../platform/languageModel';
import { settings } from '../../platform/settings';
import { callsOf, type Confirmation, type Tools } from '../../platform/toolTexts';
import type { FeatureDeps } from '../deps';
import { planFor } from '../training/plans';
import { confirmationOf } from './confirmation';

const START = 'npt_start_training';

/** What of package.json says which tools there are. */
export interface Manifest {
  readonly contributes: { readonly languageModelTools: readonly ToolManifest[] };
}

interface ToolManifest {
  readonly name: string;
  readonly inputSchema: InputSchema;
}

/** @param tools as package.json has them */
export function toolCalls(
  context: vscode.ExtensionContext,
  deps: FeatureDeps,
  tools: readonly ToolManifest[],
): ToolCalls {
  const assistant = new Assistant(deps, new Map(tools.map(({ name, inputSchema }) => [name, inputSchema])));
  context.subscriptions.push(assistant);
  return callsOf(assistant);
}

interface PlanAsked {
  readonly plan: Plan;
  readonly asked: string;
}

class Assistant extends Disposable implements Tools {
  private readonly metrics = this._register(new SharedMetrics());
  private readonly shown = new ShownPlans();

  /** @param schemas of the tools' inputs, by the tools' names */
  constructor(
    private readonly deps: FeatureDeps,
    private readonly schemas: ReadonlyMap<string, InputSchema>,
  ) {
    super();
  }

  async answer(name: string, input: unknown, signal: AbortSignal): Promise<string> {
    const read = this.read(name, input);
    await this.deps.workspaces.ready();
    return answerText(await this.answerTo(name, read, signal));
  }

  async confirmation(name: string, input: unknown): Promise<Confirmation | undefined> {
    if (name !== START) return undefined;
    const read = this.read(name, input);
    await this.deps.workspaces.ready();
    const { plan } = await this.planOf(read as unknown as PlanInput);
    refuseBlocked(plan);
    this.shown.show(read, plan);
    return confirmationOf(plan);
  }

  private read(name: string, input: unknown): Readonly<Record<string, unknown>> {
    const schema = this.schemas.get(name);
    if (schema === undefined) throw new InputProblem(`There is no tool ${name}.`);
    return readInput(schema, input);
  }

  /** @param input as the tool's schema has it */
  private answerTo(name: string, input: unknown, signal: AbortSignal): object | Promise<object> {
    switch (name) {
      case 'npt_list_experiments':
        return listExperiments(input as ListInput, this.experiments);
      case 'npt_get_metrics':
        return this.getMetrics(input as MetricsInput);
      case 'npt_validate_checkpoint':
        return this.validate(input as ValidateInput, signal);
      case 'npt_compare_runs':
        return this.compare(input as CompareInput, signal);
      case 'npt_plan_resume':
        return this.plan(input as PlanInput);
      case START:
        return this.start(input as PlanInput);
      default:
        throw new InputProblem(`There is no tool ${name}.`);
    }
  }

  private get experiments(): Experiments {
    const { workspaces, validations } = this.deps;
    return {
      workspaces: workspaces.all,
      lineage: workspaces.lineage,
      report: (checkpoint) => validations.get(checkpoint),
      now: Date.now() / 1000,
    };
  }

  /** What is looked for in the model; where it is not there, once more after a look at the disk: it may be new. */
  private async found<T>(look: () => T): Promise<T> {
    try {
      return look();
    } catch (error) {
      if (!(error instanceof NameProblem)) throw error;
      await this.deps.workspaces.rescan('changes');
      return look();
    }
  }

  private place(run: string, checkpoint?: string): Promise<NamedPlace> {
    return this.found(() => placeNamed(this.deps.workspaces.all, run, checkpoint));
  }

  private async getMetrics(input: MetricsInput): Promise<object> {
    const { workspaces } = this.deps;
    const { run } = await this.place(input.run);
    const ancestors = input.ancestors === true ? workspaces.lineage.ancestorsOf(run) : [];
    const looks = [run, ...ancestors.map((each) => each.run)].map(({ path: at }) => this.metrics.look(at));
    try {
      for (const { metrics } of looks) await metrics.poll();
      const byPath = new Map(looks.map(({ metrics }) => [metrics.runPath, metrics]));
      return await metricsAnswer(input, {
        run,
        ancestors,
        series: (at, metric) => byPath.get(at)?.series(metric),
        names: (at) => [...(byPath.get(at)?.log.series.keys() ?? [])],
      });
    } finally {
      for (const look of looks) look.dispose();
    }
  }

  private async validate(input: ValidateInput, signal: AbortSignal): Promise<object> {
    const { validations, checkpoints, log } = this.deps;
    const named = await this.place(input.run, input.checkpoint);
    const { run } = named;
    // The one that a resume would take.
    const checkpoint = named.checkpoint ?? newestComplete(run) ?? newestOf(run);
    const level = input.level ?? settings.validationLevel();
    const report = await validations.run(checkpoint.path, () =>
      checkpoints.validate(checkpoint.path, { level, signal }),
    );
    log.info(`validate ${checkpoint.path}: ${report.verdict} (asked by an assistant)`);
    return validationAnswer(report, run, validations.notValid());
  }

  private async compare({ runs: typed, weights }: CompareInput, signal: AbortSignal): Promise<object> {
    const named = await this.found(() => typed.map((name) => runNamed(this.deps.workspaces.all, name)));
    const runs = [...new Set(named)];
    if (runs.length < 2) throw new InputProblem('"runs" names one run: write at least two.');
    const compared = weights === true ? await this.weightsOf(runs, signal) : undefined;
    return comparisonAnswer(runs, this.experiments, compared);
  }

  private async weightsOf(runs: readonly Run[], signal: AbortSignal): Promise<ComparedWeights> {
    const [a, b] = runs;
    if (a === undefined || b === undefined || runs.length > 2) {
      throw new InputProblem(`"weights" is for two runs, and these are ${runs.length}.`);
    }
    const [left, right] = [newestOf(a), newestOf(b)];
    const comparison = await this.deps.checkpoints.compare(left.path, right.path, { signal });
    return { checkpoints: [`${a.name}/${left.name}`, `${b.name}/${right.name}`], comparison };
  }

  private async plan(input: PlanInput): Promise<object> {
    const { plan, asked } = await this.planOf(input);
    return planAnswer(plan, asked, vscode.workspace.isTrusted);
  }

  private async planOf(input: PlanInput): Promise<PlanAsked> {
    const place = await this.place(input.run, input.checkpoint);
    const request = requestFrom(input, place);
    return { plan: await planFor(this.deps, this.deps.workspaces.rootOf(place.run), request), asked: request.kind };
  }

  /** Starts the plan that was shown: a person agreed to that one and to no other, and to one start. */
  private async start(input: PlanInput): Promise<object> {
    const { plan, asked } = await this.planOf(input);
    const agreed = this.shown.take(input, plan);
    refuseBlocked(plan);
    switch (agreed) {
      case 'shown':
        break;
      case 'changed':
        throw new Error(
          vscode.l10n.t(
            'Nothing was started: what would run has changed since the user confirmed it. Call the tool again, so that they see what it is now.',
          ),
        );
      case 'unseen':
        throw new Error(
          vscode.l10n.t('Nothing was started: the user has not confirmed a plan for this input. Call the tool again.'),
        );
    }
    const { starter, log } = this.deps;
    const obstacle = await starter.obstacle(plan);
    if (obstacle !== undefined) throw new Error(`${vscode.l10n.t('Nothing was started.')} ${obstacle}`);
    log.info(`${asked} ${plan.run}: asked by an assistant`);
    if (!(await starter.start(plan))) {
      throw new Error(vscode.l10n.t('Nothing was started: a message in the window says why.'));
    }
    return {
      started: true,
      kind: plan.kind,
      run: path.basename(plan.run),
      runFolder: plan.run,
      newRun: plan.newRun,
      startStep: plan.startStep,
      command: commandOf(plan),
      next: 'It appears in npt_list_experiments once its trainer has started, which takes some seconds; the user stops it with Stop Training.',
    };
  }
}

/** @throws NameProblem */
function newestOf(run: Run): Checkpoint {
  const newest = newestCheckpoint(run);
  if (newest === null) throw new NameProblem(`${textFrom(run.name)} has no complete checkpoint.`);
  return newest;
}

/** @throws Error of one line that says what is in a plan's way */
function refuseBlocked(plan: Plan): void {
  const inTheWay = obstaclesOf(plan, vscode.workspace.isTrusted);
  if (inTheWay.length > 0) throw new Error(`${vscode.l10n.t('Nothing was started.')} ${inTheWay.join(' ')}`);
}
