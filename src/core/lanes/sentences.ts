/** What the picture of the lineage says of a lane and of a checkpoint in it, to whoever points at it or hears it. */
import { formatCount, formatValue } from '../format';
import { BEST, BROKEN, FINAL, PINNED, WRITING, type LaneRun } from './laneRun';
import type { Lane, Layout } from './layout';

function joined(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(', ');
}

function branches(count: number): string | null {
  if (count === 0) return null;
  return count === 1 ? '1 branch' : `${formatCount(count)} branches`;
}

/** Run, state, step, stage, best evaluation; then where it came from. */
export function laneSentence(lane: Lane, layout: Layout): string {
  const { run } = lane;
  if (run === null) {
    return `${lane.name} is gone: deleted, or moved out of the workspace. ${branches(lane.children.length) ?? 'No branch'} of it, by the records of these.`;
  }
  const step = `step ${formatCount(run.step)}`;
  const facts = joined([
    run.state,
    run.maxSteps === null ? step : `${step} of ${formatCount(run.maxSteps)}`,
    run.stage === null ? null : `${run.stage} stage`,
    run.best === null
      ? run.loss === null
        ? null
        : `last loss ${formatValue(run.loss)}`
      : `best evaluation ${formatValue(run.best.value)} at step ${formatCount(run.best.step)}`,
    run.steps.length === 1 ? '1 checkpoint' : `${formatCount(run.steps.length)} checkpoints`,
    branches(lane.children.length),
  ]);
  const origin = originSentence(run, lane, layout);
  return `${run.name}: ${facts}.${origin === '' ? '' : ` ${origin}`}`;
}

/** Where a run came from, and what of that is no longer so; '' for one that began by itself. */
function originSentence(run: LaneRun, lane: Lane, { lanes }: Layout): string {
  if (run.parent === null) return '';
  const { name, step, lost, origin } = run.parent;
  const at = `step ${formatCount(step)}`;
  switch (lost) {
    case 'gone':
      return `Branched from ${name} at ${at}, which is gone.`;
    case 'self':
      return 'Its record names the run itself as its parent, which counts as none.';
    case 'circle':
      return `Its record says that it branched from ${name}, which descends from it: that circle counts for nothing.`;
    case null: {
      const parent = lanes[lane.parent]?.run ?? null;
      if (parent === null) return `Branched from ${name} at ${at}.`;
      const renamed = lastPart(parent.name) === lastPart(name) ? '' : ` (then ${name})`;
      const furthest = Math.max(parent.step, parent.steps.at(-1) ?? 0);
      const lacks =
        step > furthest
          ? ', a step that it does not have any more'
          : origin
            ? ''
            : ', whose checkpoint is no longer there';
      return `Branched from ${parent.name}${renamed} at ${at}${lacks}.`;
    }
  }
}

/** Records name a nested run by its folder or with the one around it. */
function lastPart(name: string): string {
  return name.split('/').at(-1) ?? name;
}

/** @param place of the checkpoint among the run's */
export function checkpointSentence(lane: Lane, place: number, layout: Layout): string {
  const { run } = lane;
  const step = run?.steps[place];
  if (run === null || step === undefined) return '';
  const marks = run.marks[place] ?? 0;
  const branched = lane.children.filter((child) => layout.lanes[child]?.left === step).length;
  const stage = stageOf(run, step);
  const value = run.best !== null && (marks & BEST) !== 0 ? `, evaluation ${formatValue(run.best.value)}` : '';
  const facts = joined([
    stage === null ? null : `${stage} stage`,
    (marks & BROKEN) === 0 ? null : 'broken',
    (marks & WRITING) === 0 ? null : 'being written',
    (marks & BEST) === 0 ? null : `best${value}`,
    (marks & FINAL) === 0 ? null : 'final',
    (marks & PINNED) === 0 ? null : 'pinned',
    branched === 0 ? null : `${branches(branched) ?? ''} from here`,
  ]);
  return `${run.name}, checkpoint at step ${formatCount(step)}${facts === '' ? '' : `: ${facts}`}.`;
}

/** The stage that a step is in, by the curriculum as it is now; null where none is known. After the last end the last one stays. */
function stageOf({ stages }: LaneRun, step: number): string | null {
  return (stages.find(({ until }) => step < until) ?? stages.at(-1))?.name ?? null;
}
