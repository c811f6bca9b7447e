/**
 * Which run another trainer's run went on from (contract section 7: their trainer resumes into a new folder). They have no
 * run.json; the arguments in the run's config.json name the checkpoint by a path, on whatever machine that was.
 */
import path from 'node:path';
import { CHECKPOINTS } from '../checkpoint/fileNames';
import { stepOfFolder } from '../checkpoint/folderNames';
import { stringIn, type JsonObject } from '../jsonText';
import type { RunParent } from './model';

/**
 * Null where nothing is named, or what has no step in its name, or the run itself, which was resumed in place.
 *
 * @param runPath absolute
 * @param name the run's, as shown
 */
export function fieldParent(config: JsonObject | null, runPath: string, name: string): RunParent | null {
  const parts = ((config && stringIn(config, 'resume_from')) ?? '').split(/[\\/]+/);
  // A file of the checkpoint may be named.
  const at = parts.findLastIndex((part) => stepOfFolder(part) !== null);
  const checkpoint = parts[at] ?? '';
  const step = stepOfFolder(checkpoint);
  const above = parts.slice(0, Math.max(0, at)).filter((part) => !['', '.', CHECKPOINTS].includes(part));
  const experiments = above.lastIndexOf(path.basename(runPath.slice(0, -name.length - 1)));
  const run = above.slice(experiments === -1 ? -1 : experiments + 1).join('/');
  if (step === null || ['', '..', name, path.basename(runPath)].includes(run)) return null;
  return { id: null, run, checkpoint, step };
}
