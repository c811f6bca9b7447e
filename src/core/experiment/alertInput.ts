/** What alerts are found in: a run's metrics with what the model knows of the run, its past and its siblings. */
import { stageAt } from '../curriculum';
import type { AlertInput } from '../metrics/alerts/runAlerts';
import type { Room } from '../metrics/alerts/room';
import type { Sibling } from '../metrics/alerts/siblings';
import type { MetricsLog } from '../metrics/log';
import type { Series } from '../metrics/series';
import type { Lineage } from './lineage';
import type { Run } from './model';

/** So many siblings are enough to tell what is usual among them. */
const MOST_SIBLINGS = 4;

/** What a loss is made of and measured on: with another of these it is another loss. */
const OBJECTIVE = [
  'lambda_reg',
  'direct_mlp_weight',
  'fidelity_weight',
  'layer_weights',
  'train_layers',
  'dataset_preset',
  'train_file',
  'max_length',
] as const;

/** The runs that a branch is held against: those of the same checkpoint, the newest first, and the parent, which may have gone on. */
export function siblingsOf(run: Run, lineage: Lineage): readonly Run[] {
  const parent = lineage.parentOf(run);
  if (parent === undefined) return [];
  const beside = lineage
    .childrenOf(parent)
    .filter((each) => each.path !== run.path && each.parent?.step === run.parent?.step);
  return [parent, ...beside].filter((each) => hasSameObjective(each, run)).slice(0, MOST_SIBLINGS);
}

function hasSameObjective(one: Run, other: Run): boolean {
  return OBJECTIVE.every((name) => JSON.stringify(one.config?.[name]) === JSON.stringify(other.config?.[name]));
}

/** @returns those of the siblings whose loss is there */
export function siblingLosses(
  run: Run,
  siblings: readonly Run[],
  lossOf: (run: Run) => Series | undefined,
): readonly Sibling[] {
  return siblings.flatMap((sibling) => {
    const loss = lossOf(sibling);
    if (loss === undefined) return [];
    return [{ name: sibling.name, loss, isComparable: (step: number) => isSameStage(run, sibling, step) }];
  });
}

function isSameStage(one: Run, other: Run, step: number): boolean {
  const stages = [one, other].map(({ curriculum }) =>
    curriculum === null || curriculum.stages.length === 0 ? null : stageAt(curriculum, step).stage,
  );
  const [a, b] = stages;
  return a?.mixingRatio === b?.mixingRatio && a?.mlpMixingRatio === b?.mlpMixingRatio;
}

export interface AlertSources {
  readonly log: MetricsLog;
  /** The loss after what the run's ancestors logged; undefined where nothing was logged. */
  readonly line: Series | undefined;
  readonly siblings: readonly Sibling[];
  readonly room: Room;
  /** Paths of checkpoints that were validated and are not valid. */
  readonly notValid: ReadonlyMap<string, unknown>;
  /** Unix seconds. */
  readonly now: number;
}

export function alertInput(run: Run, { log, line, siblings, room, notValid, now }: AlertSources): AlertInput {
  return {
    series: log.series,
    ...(line === undefined || run.parent === null ? {} : { line: { loss: line, origin: run.parent.step } }),
    siblings,
    curriculum: run.curriculum,
    checkpointSteps: run.checkpoints
      .filter(({ state, path }) => state === 'complete' && !notValid.has(path))
      .map(({ step }) => step),
    training: run.state === 'training',
    now,
    lastTime: log.lastTime,
    // A segment that has just begun has logged nothing yet: its silence counts from its start, not from the one before.
    started: run.process?.started ?? Number.NaN,
    segmentStart: log.segments.at(-1)?.from ?? Number.NEGATIVE_INFINITY,
    room,
  };
}
