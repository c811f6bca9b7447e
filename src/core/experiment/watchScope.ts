/** What in the experiments folder is worth a watch, and what a name that came or went there means. */
import path from 'node:path';
import { CHECKPOINTS } from '../checkpoint/fileNames';
import { isCheckpointName } from '../checkpoint/folderNames';
import { BEST, isRewritten, isRunFile } from './runLayout';
import { mayBeNested } from './runMarks';

/** What is known of the folders by their paths. */
export interface KnownRuns {
  readonly isRun: (folder: string) => boolean;
  /** Whether there are runs inside of this folder of the experiments folder. */
  readonly holdsRuns: (folder: string) => boolean;
}

/**
 * `all`: which runs there are has to be looked up. `run`: that run changed. `place`: it has to be found out what is there now,
 * if anything. Null: nothing that is shown.
 */
export type Meaning =
  | { readonly kind: 'all' }
  | { readonly kind: 'run'; readonly path: string }
  | { readonly kind: 'place'; readonly path: string }
  | null;

/**
 * @param folder where it happened
 * @param name of what came, went or was written; null where the system does not say
 * @param written its content changed, it was there before
 */
export function meaningOf(
  experiments: string,
  folder: string,
  name: string | null,
  written: boolean,
  known: KnownRuns,
): Meaning {
  if (folder === experiments) {
    if (name === null) return { kind: 'all' };
    return written || name.startsWith('.') ? null : { kind: 'place', path: path.join(experiments, name) };
  }
  if (path.basename(folder) === CHECKPOINTS) {
    const of = path.dirname(folder);
    const tells = name === null || name === BEST || (!written && isCheckpointName(name));
    return tells ? { kind: known.isRun(of) ? 'run' : 'place', path: of } : null;
  }
  const isRun = known.isRun(folder);
  if (name === null || (written ? isRewritten(name) : isRunFile(name)))
    return { kind: isRun ? 'run' : 'place', path: folder };
  const outermost = path.dirname(folder) === experiments;
  if (written || !outermost || !mayBeNested(name, known.holdsRuns(folder))) return null;
  return { kind: 'place', path: path.join(folder, name) };
}
