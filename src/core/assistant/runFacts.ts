/** What an answer says of a run: how it is doing and what it has come to, each figure with what it is. */
import type { ValidationReport } from '../checkpoint/report/report';
import { allCheckpoints, bestEvaluated } from '../experiment/checkpoints';
import type { Lineage } from '../experiment/lineage';
import type { Checkpoint, Run, Workspace } from '../experiment/model';
import { newestCheckpoint } from '../table/rows';
import { figure, type Figure, textFrom } from './answer';

/** The model, and what is known beside it. */
export interface Experiments {
  readonly workspaces: readonly Workspace[];
  readonly lineage: Lineage;
  /** The newest validation of a checkpoint that still counts, by its path. */
  readonly report: (checkpoint: string) => ValidationReport | undefined;
  /** Unix seconds. */
  readonly now: number;
}

/** Said once in an answer, so that no figure has to say it by itself. */
export const ABOUT_FIGURES = {
  loss: 'loss/total of the last logged step: of training, raw, not averaged',
  evaluation: 'eval_loss/total as evaluated at that checkpoint (always in student mode); lower is better',
} as const;

/** An evaluation, and the checkpoint that it is of. */
interface Evaluation {
  readonly value: Figure;
  readonly step: number;
  readonly checkpoint: string;
}

export interface RunFacts {
  readonly name: string;
  readonly path: string;
  readonly state: Run['state'];
  readonly step: number;
  readonly maxSteps: number | null;
  readonly stage: string | null;
  readonly loss: Figure;
  readonly bestEvaluation: Evaluation | null;
  readonly newestEvaluation?: Evaluation;
  readonly branchedFrom?: {
    readonly run: string;
    readonly step: number;
    readonly checkpoint?: string;
    /** What is not there any more. */
    readonly gone?: 'run' | 'checkpoint';
  };
  readonly checkpoints: {
    readonly count: number;
    /** The complete one of the highest step. */
    readonly newest: string | null;
    /** Those that are not complete. */
    readonly other?: Readonly<Record<string, string>>;
  };
  /** What validations found, by checkpoint; those that are missing were not validated in this window. */
  readonly verdicts?: Readonly<Record<string, string>>;
  /** What people wrote of it; "star" is a star. */
  readonly tags?: readonly string[];
  readonly notes?: string;
  readonly error?: string;
  /** A job's state, or its place in the queue. */
  readonly waiting?: string;
}

/** Checkpoints of a run that an answer says something of by name. */
const MOST_NAMED = 8;

export function runFacts(run: Run, experiments: Experiments): RunFacts {
  const checkpoints = allCheckpoints(run);
  const newestFirst = checkpoints.toReversed();
  const evaluated = newestFirst.find(({ evalLoss }) => evalLoss !== null);
  const best = bestEvaluated(run);
  const other = named(newestFirst, ({ state, stateReason }) =>
    state === 'complete' ? undefined : `${state}${stateReason === null ? '' : `: ${textFrom(stateReason)}`}`,
  );
  const verdicts = named(newestFirst, ({ path }) => {
    const report = experiments.report(path);
    return report && `${report.verdict} (level ${report.level})`;
  });
  const error = run.exit?.error ?? run.queue?.failure;
  const waiting = waitingText(run);
  return {
    name: textFrom(run.name),
    path: textFrom(run.path, 1000),
    state: run.state,
    step: run.step,
    maxSteps: run.maxSteps,
    stage: run.stage,
    loss: figure(run.loss),
    bestEvaluation: best === undefined ? null : evaluationOf(best),
    ...(evaluated === undefined || evaluated.path === best?.path ? {} : { newestEvaluation: evaluationOf(evaluated) }),
    ...parentOf(run, experiments.lineage),
    checkpoints: {
      count: checkpoints.length,
      newest: newestCheckpoint(run)?.name ?? null,
      ...(other === undefined ? {} : { other }),
    },
    ...(verdicts === undefined ? {} : { verdicts }),
    ...(run.notes === undefined || run.notes.tags.length === 0
      ? {}
      : { tags: run.notes.tags.map((tag) => textFrom(tag)) }),
    ...(run.notes === undefined || run.notes.summary === '' ? {} : { notes: textFrom(run.notes.summary) }),
    ...(error === null || error === undefined ? {} : { error: textFrom(error) }),
    ...(waiting === undefined ? {} : { waiting }),
  };
}

function evaluationOf({ evalLoss, step, name }: Checkpoint): Evaluation {
  return { value: figure(evalLoss), step, checkpoint: textFrom(name) };
}

function named(
  checkpoints: readonly Checkpoint[],
  say: (checkpoint: Checkpoint) => string | undefined,
): Readonly<Record<string, string>> | undefined {
  const said = checkpoints.flatMap((each): [string, string][] => {
    const text = say(each);
    return text === undefined ? [] : [[textFrom(each.name), text]];
  });
  return said.length === 0 ? undefined : Object.fromEntries(said.slice(0, MOST_NAMED));
}

function parentOf(run: Run, lineage: Lineage): Pick<RunFacts, 'branchedFrom'> {
  if (run.parent === null) return {};
  const { step, checkpoint } = run.parent;
  const parent = lineage.parentOf(run);
  const origin = lineage.originOf(run);
  const named = origin?.name ?? checkpoint;
  return {
    branchedFrom: {
      run: textFrom(parent?.name ?? run.parent.run),
      step,
      ...(named === null ? {} : { checkpoint: textFrom(named) }),
      ...(parent === undefined ? { gone: 'run' } : origin === undefined ? { gone: 'checkpoint' } : {}),
    },
  };
}

function waitingText({ state, queue, processState }: Run): string | undefined {
  if (queue !== undefined && queue.position !== null) return `number ${queue.position} in the queue`;
  const detail = state === 'queued' || state === 'training' ? processState?.detail : null;
  return detail === null || detail === undefined ? undefined : textFrom(detail);
}
