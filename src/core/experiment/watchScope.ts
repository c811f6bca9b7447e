/** What in the experiments folder is worth a watch (see watch.ts for what watching more costs). */
import type { Stats } from 'node:fs';
import path from 'node:path';
import { mayBeNested } from './runMarks';

/** Files whose coming and going means something on their own. The others change with a checkpoint or while training. */
const WATCHED_FILES = new Set(['run.json', 'process.json', 'exit.json', 'pins.json']);

/**
 * For chokidar's `ignored`: run folders, what is directly in them as far as it tells something, and the names in
 * `checkpoints`; never what is inside a checkpoint.
 */
export function watchIgnores(
  experiments: string,
  holdsRuns: (folder: string) => boolean,
): (candidate: string, stats?: Stats) => boolean {
  return (candidate, stats) => {
    const relative = path.relative(experiments, candidate);
    if (relative === '') return false;
    const parts = relative.split(path.sep);
    const [folder = '', inside, name] = parts;
    if (inside === undefined) return stats?.isFile() ?? false;
    if (name === undefined) {
      if (stats === undefined) return false;
      return stats.isFile()
        ? !WATCHED_FILES.has(inside)
        : inside !== 'checkpoints' && !mayBeNested(inside, holdsRuns(folder));
    }
    if (parts.length > 3) return true;
    if (inside === 'checkpoints') return stats?.isFile() ?? false;
    return stats?.isFile() === true ? !WATCHED_FILES.has(name) : name !== 'checkpoints';
  };
}

/**
 * Whether a name that came or went in a watched folder tells something, judged by where it is: nothing is known of what it
 * was. Checkpoints (also a nested run's), a run's files that tell something, and runs.
 * @param isRun whether a path is a run's that is known
 */
export function tellsSomething(experiments: string, candidate: string, isRun: (folder: string) => boolean): boolean {
  const parts = path.relative(experiments, candidate).split(path.sep);
  const [parent, name] = [parts.at(-2), parts.at(-1) ?? ''];
  if (parent === undefined || isRun(candidate)) return isRun(candidate);
  return parent === 'checkpoints' || name === 'checkpoints' || WATCHED_FILES.has(name);
}
