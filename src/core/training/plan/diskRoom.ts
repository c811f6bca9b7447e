/** How much room a plan's checkpoints have, and need. */
import { readLayers } from '../../arguments/argumentValues';
import { allCheckpoints } from '../../experiment/checkpoints';
import { freeBytesAt } from '../../freeSpace';
import type { PlannedArgument } from './plan';
import type { PlanDraft } from './planDraft';
import type { PlanSource } from './planSource';

/** Null where the size of a checkpoint or the room on the disk is not known. @param run absolute path, perhaps of a new run */
export async function diskRoom(
  source: PlanSource,
  planned: readonly PlannedArgument[],
  run: string,
): Promise<PlanDraft['disk']> {
  const saved = source.run === null ? undefined : allCheckpoints(source.run).find(({ path: at }) => at === source.path);
  const freeBytes = await freeBytesAt(run);
  if (saved === undefined || saved.bytes === 0 || freeBytes === null) return null;
  return { freeBytes, checkpointBytes: Math.round(saved.bytes * growth(planned)) };
}

/** Every layer has as many parameters as another. */
function growth(planned: readonly PlannedArgument[]): number {
  const layers = planned.find(({ name }) => name === 'train_layers');
  if (layers?.source !== 'changed') return 1;
  const [before, after] = [readLayers(layers.previous), readLayers(layers.value)];
  return before === null || after === null ? 1 : after.length / before.length;
}
