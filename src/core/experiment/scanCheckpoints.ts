/** The checkpoints in a run's folder of them. */
import path from 'node:path';
import { FINAL } from '../checkpoint/fileNames';
import { stepBeingSaved, stepOfFolder } from '../checkpoint/folderNames';
import { readFailure } from '../files';
import type { CheckpointPlace, FoundCheckpoint } from './checkpointContent';
import { readCheckpointContent } from './scanCheckpoint';
import type { ScanContext } from './scanContext';

/** What a folder of checkpoints holds: `final`, and the others in the order in which the folder lists them. */
export interface FoundCheckpoints {
  readonly checkpoints: readonly FoundCheckpoint[];
  readonly final: FoundCheckpoint | null;
}

/**
 * Looks into each checkpoint of a run. A folder that cannot be read becomes a problem.
 *
 * @param folder absolute; it need not exist
 * @param training whether the run trains: what is being saved is a checkpoint then, too
 */
export async function scanCheckpoints(
  folder: string,
  training: boolean,
  context: ScanContext,
): Promise<FoundCheckpoints> {
  const found = new Map<string, FoundCheckpoint>();
  try {
    const listed = await context.checkpointNames(folder);
    const { names = [], paths = [], same = false, kept } = listed ?? {};
    const places = names.flatMap((entry, at) => placeOf(paths[at] ?? '', entry, training) ?? []);
    if (listed?.same === false) await context.lookAtFinished(places, kept);
    for (const place of places) {
      if (place.folder !== place.path && found.has(place.name)) continue;
      const content = await context.contentOf(place.folder, same, () => readCheckpointContent(place, context));
      if (content !== null) found.set(place.name, { place, content });
    }
  } catch (error) {
    context.problem(folder, readFailure(error));
  }
  const final = found.get(FINAL) ?? null;
  found.delete(FINAL);
  return { checkpoints: [...found.values()], final };
}

/**
 * The checkpoint that an entry of a folder of checkpoints is: `best` (a full copy in other trainers' runs) and leftovers of
 * deletes and dead saves are none of their own.
 *
 * @param at its absolute path
 * @param training what is being saved is one, too
 */
function placeOf(at: string, entry: string, training: boolean): CheckpointPlace | null {
  const saving = training ? stepBeingSaved(entry) : null;
  const step = saving ?? stepOfFolder(entry);
  if (step === null && entry !== FINAL) return null;
  if (saving === null) return { name: entry, path: at, folder: at, step };
  const name = `checkpoint-${saving}`;
  return { name, path: path.join(path.dirname(at), name), folder: at, step };
}
