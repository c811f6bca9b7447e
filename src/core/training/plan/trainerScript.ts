/** The training workspace that a checkpoint belongs to, and whose training script is in it. */
import fs from 'node:fs';
import path from 'node:path';

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
    text = fs.readFileSync(script, 'utf8');
  } catch {
    return true; // That it is missing is said elsewhere.
  }
  return /^\s*(from|import) npt\b/m.test(text);
}
