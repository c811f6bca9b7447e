/** Runs as the picture of the lineage has them, made as the extension makes them. */
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import type { LaneRun } from '../../../src/core/lanes/laneRun';
import { LaneKeys, laneRunOf } from '../../../src/core/lanes/laneRuns';
import { aRun } from '../model/builders';

export function laneRuns(runs: readonly Run[]): LaneRun[] {
  const lineage = new Lineage([{ runs }]);
  const keys = new LaneKeys();
  return runs.map((run) => laneRunOf(run, lineage, keys));
}

export function branchOf(parent: string, step: number, name: string, rest: Partial<Run> = {}): Run {
  return aRun(name, { parent: { id: `id-${parent}`, run: parent, checkpoint: `checkpoint-${step}`, step }, ...rest });
}
