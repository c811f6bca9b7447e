/**
 * Which run another trainer's run went on from (contract section 7: their trainer resumes into a new folder). They have no
 * run.json; the arguments in the run's config.json name the checkpoint by a path, on whatever machine that was.
 */
import path from 'node:path';
import { CHECKPOINTS } from '../checkpoint/fileNames';
import { stepOfFolder } from '../checkpoint/folderNames';
import { stringIn, type JsonObject } from '../jsonText';
import type { RunParent } from './model';

/** What trainers call the argument. */
const NAMES = ['resume_from', 'resume_from_checkpoint', 'resume_checkpoint'];

/**
 * Null where nothing is named, or what has no step in its name, or the run itself, which was resumed in place.
 *
 * @param runPath absolute
 * @param name the run's, as shown
 */
export function fieldParent(config: JsonObject | null, runPath: string, name: string): RunParent | null {
  if (config === null) return null;
  const typed = NAMES.map((argument) => stringIn(config, argument)).find((text) => text !== null && text !== '');
  if (typed === undefined || typed === null) return null;
  const parts = typed.split(/[\\/]+/).filter((part) => part !== '' && part !== '.');
  // A file of the checkpoint may be named.
  const at = parts.findLastIndex((part) => stepOfFolder(part) !== null);
  const checkpoint = parts[at];
  const step = checkpoint === undefined ? null : stepOfFolder(checkpoint);
  if (checkpoint === undefined || step === null) return null;
  const above = parts.slice(0, parts[at - 1] === CHECKPOINTS ? at - 1 : at);
  const experiments = path.basename(path.resolve(runPath, ...name.split('/').map(() => '..')));
  const from = above.lastIndexOf(experiments);
  const run = from !== -1 && from < above.length - 1 ? above.slice(from + 1).join('/') : above.at(-1);
  if (run === undefined || run === '..' || run === name || run === path.basename(runPath)) return null;
  return { id: null, run, checkpoint, step };
}
