/** What makes a folder in the experiments folder a run, and what else lies there: models, configurations, notes. */
import path from 'node:path';
import type { Dirent } from 'node:fs';
import { parseDocument, type JsonObject } from '../jsonText';
import { METRICS_FILES } from '../metrics/sources';
import type { ScanContext } from './scanContext';

/** Only a trainer or its supervisor writes these. process.json is there before the trainer has said anything. */
const OF_A_RUN = new Set(['run.json', ...METRICS_FILES, 'process.json', 'exit.json']);

/** A checkpoint by its name, with its step. */
export const SAVED = /^checkpoint-(\d{1,15})$/;
const OF_A_CHECKPOINT = /^(checkpoint-\d{1,15}|final|\.tmp-checkpoint-\d{1,15}-.*)$/;

/** Files whose coming and going tells something of a run, beside those that make it one. */
const TELLING = new Set(['config.json', 'pins.json', 'checkpoints']);

/** Whether a name directly in a folder tells that it is a run, or of one how it is doing. */
export function isRunFile(name: string): boolean {
  return OF_A_RUN.has(name) || TELLING.has(name);
}

/** Small files that are written anew. A metrics file or a log only grows, several times a second: who trains is looked at. */
const REWRITTEN = new Set(['run.json', 'config.json', 'process.json', 'exit.json', 'pins.json']);

/** Whether a file of this name tells something when its content changes. */
export function isRewritten(name: string): boolean {
  return REWRITTEN.has(name);
}

/** Whether a name in `checkpoints` is a checkpoint's, there or on its way. */
export function isCheckpointName(name: string): boolean {
  return OF_A_CHECKPOINT.test(name);
}

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
  if (entries.some((entry) => OF_A_RUN.has(entry.name) && !entry.isDirectory())) return true;
  // Some keep them beside each other at the top.
  if (entries.some((entry) => SAVED.test(entry.name) && !entry.isFile())) return true;
  if (names.has('checkpoints')) {
    const inside = await context.disk.list(path.join(runPath, 'checkpoints')).catch(() => null);
    if (inside?.some((entry) => OF_A_CHECKPOINT.test(entry.name)) === true) return true;
  }
  if (!names.has('config.json')) return false;
  // One that cannot be read is no mark: what it is of, nobody knows.
  const config = await context
    .readCached<JsonObject>(path.join(runPath, 'config.json'), parseDocument)
    .catch(() => null);
  return config !== null && OF_TRAINING.some((name) => name in config);
}

/** Where in a run its checkpoints are, relative to it: in a folder of their own, or where there is none beside its other files. */
export function checkpointsIn(names: readonly string[]): string {
  return names.includes('checkpoints') || !names.some((name) => SAVED.test(name)) ? 'checkpoints' : '.';
}

/**
 * Which folders inside of a folder may be runs of their own. Beside one run a layer there are branches of them, under any
 * name.
 *
 * @param inside names of the folders directly in it
 */
export function nestedRunNames(inside: readonly string[]): readonly string[] {
  return inside.some((name) => LAYER_RUN.test(name)) ? inside.filter((name) => name !== 'checkpoints') : [];
}

/** Whether a folder that appears in this place may be a run inside of another folder. */
export function mayBeNested(name: string, holdsRuns: boolean): boolean {
  return LAYER_RUN.test(name) || (holdsRuns && name !== 'checkpoints');
}
