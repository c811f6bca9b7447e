/** A checkpoint folder's names (contract sections 2 and 7). */
import { basename } from 'node:path';

export const WEIGHTS = 'npt_weights.pt';
export const TRAINING_STATE = 'training_state.pt';
export const MULTI_LAYER_STATE = 'multi_layer_state.pt';
export const CONFIG = 'config.json';
export const MANIFEST = 'manifest.json';

/** In the order in which trainers write them. */
export const CHECKPOINT_FILES = [WEIGHTS, TRAINING_STATE, MULTI_LAYER_STATE, CONFIG, MANIFEST] as const;

/** Those of them that torch writes. */
export const TORCH_FILES = [WEIGHTS, TRAINING_STATE, MULTI_LAYER_STATE] as const;

/** The step in `checkpoint-<step>`; null for every other name. */
export function stepOfFolder(path: string): number | null {
  const match = /^checkpoint-(\d{1,15})$/.exec(basename(path));
  return match ? Number(match[1]) : null;
}

/** A save that is under way: `.tmp-checkpoint-<step>-<host>-<pid>`, `.tmp-final-…`. */
export function isTemporaryFolder(path: string): boolean {
  return basename(path).startsWith('.tmp-');
}

/** A checkpoint that is being deleted. */
export function isDeletedFolder(path: string): boolean {
  return basename(path).startsWith('.del-');
}
