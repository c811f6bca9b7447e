/** pins.json (contract section 1): checkpoints that retention must keep. */
import * as path from 'node:path';
import { readPins } from './runFiles';
import { PINS } from './runLayout';
import { changeNote, type DamagedNote } from './runNotes';

/**
 * Pins or unpins checkpoints of a run.
 * @param runPath the run's folder. @param checkpoints their folder names.
 * @returns what was in the way, to be said; null where nothing was
 * @throws NoteError when an existing pins.json may not be read, or is of a newer version: nothing is overwritten.
 */
export function setPinned(
  runPath: string,
  checkpoints: readonly string[],
  pinned: boolean,
): Promise<DamagedNote | null> {
  return changeNote(path.join(runPath, PINS), readPins, new Set<string>(), (found) => {
    const others = [...found].filter((name) => !checkpoints.includes(name));
    return { checkpoints: pinned ? [...others, ...checkpoints] : others };
  });
}
