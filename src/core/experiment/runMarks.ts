/** What makes a folder in the experiments folder a run, and what else lies there: models, configurations, notes. */
import path from 'node:path';
import type { Dirent } from 'node:fs';
import { parseDocument, type JsonObject } from '../jsonText';
import { CHECKPOINTS, CONFIG, TORCH_FILES } from '../checkpoint/fileNames';
import { isCheckpointName, stepOfFolder } from '../checkpoint/folderNames';
import { marksRun } from './runLayout';
import type { ScanContext } from './scanContext';

/** Arguments of a trainer that a model's own config.json, or any other, does not have. */
const OF_TRAINING = ['max_steps', 'curriculum_stages', 'train_layers', 'layers_to_train', 'np_rank'];

/** Folders that hold one run a layer (contract section 7) have these in them. */
const LAYER_RUN = /^layer_\d+/;

/**
 * Whether a folder is a run: by what a trainer writes there, or by checkpoints that are in it. A folder that is only named
 * like one of those, or a config.json of something else (a downloaded model, a collection of settings), makes none.
 *
 * @param entries what is directly in the folder
 */
export async function isRun(runPath: string, entries: readonly Dirent[], context: ScanContext): Promise<boolean> {
  const names = new Set(entries.map((entry) => entry.name));
  if (entries.some((entry) => marksRun(entry.name) && !entry.isDirectory())) return true;
  // Some keep them beside each other at the top.
  if (entries.some((entry) => stepOfFolder(entry.name) !== null && !entry.isFile())) return true;
  if (names.has(CHECKPOINTS)) {
    const inside = await context.disk.list(path.join(runPath, CHECKPOINTS)).catch(() => null);
    if (inside?.some((entry) => isCheckpointName(entry.name)) === true) return true;
  }
  // A checkpoint without a run around it (merged, or copied here) has arguments of its own.
  if (!names.has(CONFIG) || TORCH_FILES.some((file) => names.has(file))) return false;
  // One that cannot be read is no mark: what it is of, nobody knows.
  const config = await context.readCached<JsonObject>(path.join(runPath, CONFIG), parseDocument).catch(() => null);
  return config !== null && OF_TRAINING.some((name) => name in config);
}

/** Where in a run its checkpoints are, relative to it: in a folder of their own, or where there is none beside its other files. */
export function checkpointsIn(names: readonly string[]): string {
  return names.includes(CHECKPOINTS) || !names.some((name) => stepOfFolder(name) !== null) ? CHECKPOINTS : '.';
}

/**
 * Which folders inside of a folder may be runs of their own. Beside one run a layer there are branches of them, under any
 * name.
 *
 * @param inside names of the folders directly in it
 */
export function nestedRunNames(inside: readonly string[]): readonly string[] {
  return inside.some((name) => LAYER_RUN.test(name)) ? inside.filter((name) => name !== CHECKPOINTS) : [];
}

/** Whether a folder that appears in this place may be a run inside of another folder. */
export function mayBeNested(name: string, holdsRuns: boolean): boolean {
  return LAYER_RUN.test(name) || (holdsRuns && name !== CHECKPOINTS);
}
