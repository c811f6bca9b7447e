/** How much room a plan's checkpoints have, and need. */
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { readLayers } from '../../arguments/argumentValues';
import { allCheckpoints } from '../../experiment/checkpoints';
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

/** Of the folder, or of the first one above it that is there: it is made when its run starts. */
async function freeBytesAt(folder: string): Promise<number | null> {
  for (let at = folder; ; at = path.dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at);
      return bavail * bsize;
    } catch {
      if (at === path.dirname(at)) return null;
    }
  }
}
