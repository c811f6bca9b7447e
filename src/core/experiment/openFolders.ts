/** Which experiments folders the folders that are open have between them, and whose each one is. */
import path from 'node:path';
import { isWithin } from '../paths';

/** A folder that somebody opened, with the experiments folder that its settings name. */
export interface OpenFolder {
  /** Absolute. */
  readonly root: string;
  /** Absolute; need not exist. */
  readonly experiments: string;
  /** A setting names it: that it does not exist is then worth a word. */
  readonly named: boolean;
}

export interface ExperimentsFolder {
  /** Absolute, as the owner's settings name it. */
  readonly experiments: string;
  /** The opened folder that its runs belong to: whose training script, settings and interpreter count. */
  readonly root: string;
  readonly named: boolean;
}

/**
 * One entry for each experiments folder, however many of the opened folders name it: watched twice, it would show every run
 * twice, and one of them stale. Of several owners, one that the folder lies in comes first, then one that can train, then
 * the first opened.
 *
 * @param realPath the same for two names of one folder
 * @param canTrain whether the opened folder has a training script
 */
export function experimentsFolders(
  open: readonly OpenFolder[],
  realPath: (folder: string) => string,
  canTrain: (root: string) => boolean,
): ExperimentsFolder[] {
  const byFolder = new Map<string, OpenFolder[]>();
  for (const folder of open) {
    const key = realPath(folder.experiments);
    byFolder.set(key, [...(byFolder.get(key) ?? []), folder]);
  }
  return [...byFolder.values()].map((owners) => {
    const rank = ({ root, experiments }: OpenFolder): number =>
      (canTrain(root) ? 0 : 2) + (isWithin(experiments, root) ? 0 : 1);
    const [first, ...others] = owners as [OpenFolder, ...OpenFolder[]];
    return others.reduce((best, each) => (rank(each) < rank(best) ? each : best), first);
  });
}

/** The entry whose experiments folder holds this path, the innermost of several. */
export function folderHolding<T extends { readonly experiments: string }>(
  folders: Iterable<T>,
  target: string,
): T | undefined {
  let found: T | undefined;
  for (const folder of folders) {
    if (!isWithin(target, folder.experiments)) continue;
    if (found === undefined || folder.experiments.length > found.experiments.length) found = folder;
  }
  return found;
}

/** The opened folder that this path lies in, the innermost of several. */
export function rootHolding(roots: Iterable<string>, target: string): string | undefined {
  return [...roots].filter((root) => isWithin(target, root)).sort((a, b) => b.length - a.length)[0];
}

/** Looks up what `known` has for a path or for the nearest folder above it. */
export function nearest<T>(known: ReadonlyMap<string, T>, target: string): T | undefined {
  for (let at = target; ; at = path.dirname(at)) {
    const found = known.get(at);
    if (found !== undefined || at === path.dirname(at)) return found;
  }
}
