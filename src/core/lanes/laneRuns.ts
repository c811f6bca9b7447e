/** Makes what the picture of the lineage has of runs, for whoever has the model; the page knows these alone (laneRun.ts). */
import path from 'node:path';
import { FINAL as FINAL_NAME } from '../checkpoint/fileNames';
import { allCheckpoints, bestEvaluated } from '../experiment/checkpoints';
import type { Lineage } from '../experiment/lineage';
import type { Checkpoint, Run } from '../experiment/model';
import { BEST, BROKEN, FINAL, PINNED, WRITING, type LaneParent, type LaneRun, type LostParent } from './laneRun';

/** Numbers for the runs of a page: a path is long, and is in every branch again. */
export class LaneKeys {
  private readonly keys = new Map<string, number>();

  of(runPath: string): number {
    const known = this.keys.get(runPath) ?? this.keys.size;
    this.keys.set(runPath, known);
    return known;
  }

  /** A run was renamed: what is known of its number is known of the run. */
  moved(from: string, to: string): void {
    this.keys.set(to, this.of(from));
    this.keys.delete(from);
  }
}

/** Why the parent that the run's record names is not its parent in the lineage; null where it is, or where none is recorded. */
function lostParentOf(run: Run, lineage: Lineage): LostParent | null {
  const { parent } = run;
  if (parent === null || lineage.parentOf(run) !== undefined) return null;
  if (lineage.isInCircle(run)) return 'circle';
  const namesItself =
    parent.id === null ? parent.run === run.name || parent.run === path.basename(run.path) : parent.id === run.id;
  return namesItself ? 'self' : 'gone';
}

/** What of its lineage a run's lane shows: where this is the same, so is the lane of an unchanged run. */
export function relationOf(run: Run, lineage: Lineage): string {
  const parent = lineage.parentOf(run);
  return `${parent?.path ?? lostParentOf(run, lineage) ?? ''}\n${lineage.originOf(run)?.path ?? ''}`;
}

export function laneRunOf(run: Run, lineage: Lineage, keys: LaneKeys): LaneRun {
  const checkpoints = [...allCheckpoints(run)].sort((a, b) => a.step - b.step);
  const best = bestEvaluated(run);
  return {
    key: keys.of(run.path),
    path: run.path,
    name: run.name,
    state: run.state,
    step: run.step,
    maxSteps: run.maxSteps,
    stage: run.stage,
    created: run.created,
    best: best === undefined || !Number.isFinite(best.evalLoss) ? null : { value: best.evalLoss, step: best.step },
    loss: run.loss !== null && Number.isFinite(run.loss) ? run.loss : null,
    parent: parentOf(run, lineage, keys),
    steps: checkpoints.map(({ step }) => step),
    marks: checkpoints.map(marksOf),
    stages: (run.curriculum?.stages ?? []).map(({ name, until }) => ({ name, until })),
  };
}

function marksOf({ best, pinned, name, state }: Checkpoint): number {
  return (
    (best ? BEST : 0) |
    (pinned ? PINNED : 0) |
    (name === FINAL_NAME ? FINAL : 0) |
    (state === 'broken' ? BROKEN : 0) |
    (state === 'writing' ? WRITING : 0)
  );
}

function parentOf(run: Run, lineage: Lineage, keys: LaneKeys): LaneParent | null {
  if (run.parent === null) return null;
  const { id, run: name, step } = run.parent;
  const parent = lineage.parentOf(run);
  const lost = lostParentOf(run, lineage);
  // Names are a workspace's own.
  const home = path.resolve(run.path, ...run.name.split('/').map(() => '..'));
  return {
    key: parent === undefined ? null : keys.of(parent.path),
    lost,
    ghost: lost !== 'gone' ? '' : id === null ? `${home}\n${name}` : id,
    name,
    step,
    origin: lineage.originOf(run) !== undefined,
  };
}
