/** The training workspace that a checkpoint belongs to, and whose training script is in it. */
import fs from 'node:fs';
import path from 'node:path';
import { isFileError, openRegularSync, readFailure } from '../../files';

const SCRIPT = path.join('scripts', 'train_multi_layer_npt.py');

/**
 * The folder that training starts in: the nearest one above the checkpoint with the training script; without one, the folder
 * that holds the experiments folder.
 *
 * @param checkpoint absolute
 */
export function workspaceRootOf(checkpoint: string): string {
  let experiments = path.resolve(checkpoint, '..', '..', '..');
  for (let at = path.resolve(checkpoint); ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, SCRIPT))) return at;
    if (path.basename(at) === 'experiments') experiments = at;
    if (at === path.dirname(at)) return path.dirname(experiments);
  }
}

/**
 * Our script only hands over to the `npt` package; other trainers' scripts of this name hold the trainer themselves
 * (contract section 7).
 */
export function isOurTrainer(script: string): boolean {
  let text: string;
  try {
    text = readScript(script);
  } catch (error) {
    if (isFileError(error)) return true; // scriptFailure() says so
    throw error;
  }
  return /^\s*(from|import) npt\b/m.test(text);
}

/** Why a training script cannot be started, as a clause to put behind its path; null where it can. */
export function scriptFailure(script: string): string | null {
  try {
    readScript(script);
    return null;
  } catch (error) {
    if (!isFileError(error)) throw error;
    return readFailure(error);
  }
}

function readScript(script: string): string {
  const { descriptor } = openRegularSync(script);
  try {
    return fs.readFileSync(descriptor, 'utf8');
  } finally {
    fs.closeSync(descriptor);
  }
}
