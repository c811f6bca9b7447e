/** The training workspace that a checkpoint belongs to, and whose training script is in it. */
import path from 'node:path';
import { EXPERIMENTS } from '../../experiment/runLayout';
import { exists, isFileError, openRegular, readFailure } from '../../files';

const SCRIPT = path.join('scripts', 'train_multi_layer_npt.py');

/**
 * The folder that training starts in: the nearest one above the checkpoint with the training script; without one, the folder
 * that holds the experiments folder.
 *
 * @param checkpoint absolute
 */
export async function workspaceRootOf(checkpoint: string): Promise<string> {
  let experiments = path.resolve(checkpoint, '..', '..', '..');
  for (let at = path.resolve(checkpoint); ; at = path.dirname(at)) {
    if (await exists(path.join(at, SCRIPT))) return at;
    if (path.basename(at) === EXPERIMENTS) experiments = at;
    if (at === path.dirname(at)) return path.dirname(experiments);
  }
}

/** Relative where it is inside: shorter to read, and still right when the workspace is moved. */
export function inWorkspace(target: string, cwd: string): string {
  const relative = path.relative(cwd, target);
  return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? target : relative;
}

export interface TrainerScript {
  /**
   * Whether it is ours, which only hands over to the `npt` package; other trainers' scripts of this name hold the trainer
   * themselves (contract section 7).
   */
  readonly isOurs: boolean;
  /** Why it cannot be started, as a clause to put behind its path; null where it can. */
  readonly failure: string | null;
}

export async function lookAtScript(script: string): Promise<TrainerScript> {
  try {
    const { handle } = await openRegular(script);
    try {
      return { isOurs: /^\s*(from|import) npt\b/m.test(await handle.readFile('utf8')), failure: null };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isFileError(error)) throw error;
    return { isOurs: true, failure: readFailure(error) };
  }
}
