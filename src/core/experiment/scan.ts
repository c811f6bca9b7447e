/** The whole workspace as one model: which folders are runs, what could not be read, who branched from whom. */
import type { Dirent } from 'node:fs';
import path from 'node:path';
import { readFailure } from '../files';
import { PacedDisk } from './disk';
import type { Problem, Run, Workspace } from './model';
import { isNetworkMount } from './networkMount';
import { reuseEqual } from './reuse';
import { ScanContext } from './scanContext';
import { nestedRunNames } from './runMarks';
import { scanRun } from './scanRun';

export { scanRun } from './scanRun';
export { ScanContext } from './scanContext';

export const DEFAULT_EXPERIMENTS_FOLDER = 'experiments';

export interface ScanOptions {
  /** Relative to the workspace, or absolute. */
  readonly experimentsFolder?: string;
  /** Kept from an earlier scan of the same workspace, it makes this one fast. */
  readonly context?: ScanContext;
}

/** A scanned run with what could not be read in it. */
export interface ScannedRun {
  readonly run: Run | null;
  readonly problems: readonly Problem[];
}

/**
 * Scans a training workspace. Never throws for what is on disk: a folder that is missing gives no runs, one that cannot be
 * read gives a problem.
 *
 * @param root absolute or relative path of the folder that holds the experiments folder
 */
export async function scanWorkspace(root: string, options: ScanOptions = {}): Promise<Workspace> {
  const experiments = experimentsPath(root, options.experimentsFolder);
  const context = options.context ?? new ScanContext(new PacedDisk(await isNetworkMount(experiments)));
  const scanned = await scanRuns(experiments, context);
  return assembleWorkspace(path.resolve(root), experiments, scanned.runs, scanned.problems);
}

export function experimentsPath(root: string, folder: string = DEFAULT_EXPERIMENTS_FOLDER): string {
  return path.resolve(root, folder === '' ? DEFAULT_EXPERIMENTS_FOLDER : folder);
}

/** Every run below the experiments folder, by its path. */
export async function scanRuns(
  experiments: string,
  context: ScanContext,
): Promise<{ runs: Map<string, ScannedRun>; problems: readonly Problem[] }> {
  const runs = new Map<string, ScannedRun>();
  context.takeProblems();
  context.beginFullScan();
  try {
    for (const folder of await folders(experiments, context)) {
      const runPath = path.join(experiments, folder);
      const own = await scanRunAt(runPath, folder, context);
      if (own.run !== null || own.problems.length > 0) runs.set(runPath, own);
      for (const nested of await nestedRuns(runPath, context)) {
        const nestedPath = path.join(runPath, nested);
        const scanned = await scanRunAt(nestedPath, `${folder}/${nested}`, context);
        if (scanned.run !== null || scanned.problems.length > 0) runs.set(nestedPath, scanned);
      }
    }
  } catch (error) {
    context.problem(experiments, readFailure(error));
  }
  context.endFullScan();
  return { runs, problems: context.takeProblems() };
}

/** One run with its problems. */
export async function scanRunAt(runPath: string, name: string, context: ScanContext): Promise<ScannedRun> {
  let run: Run | null = null;
  try {
    run = await scanRun(runPath, context, name);
  } catch (error) {
    // A folder can change its kind or go between two calls; the next scan sees the result.
    context.problem(runPath, readFailure(error));
  }
  return { run, problems: context.takeProblems() };
}

/** The model from its runs: newest first, parents under their current names. */
export function assembleWorkspace(
  root: string,
  experiments: string,
  scanned: ReadonlyMap<string, ScannedRun>,
  problems: readonly Problem[],
  previous?: Workspace,
): Workspace {
  const found: Run[] = [];
  const all: Problem[] = [...problems];
  for (const { run, problems: ofRun } of scanned.values()) {
    if (run !== null) found.push(run);
    all.push(...ofRun);
  }
  const byId = new Map<string, Run>();
  for (const run of found.sort((a, b) => a.created - b.created || (a.name < b.name ? -1 : 1))) {
    if (run.id === null) continue;
    const first = byId.get(run.id);
    if (first === undefined) byId.set(run.id, run);
    else
      all.push({
        path: run.path,
        message: `has the same id as ${first.name}: a copied folder? Branches show under ${first.name}`,
      });
  }
  const before = new Map(previous?.runs.map((run) => [run.path, run]));
  const runs = found.reverse().map((run) => reuseEqual(before.get(run.path), withParentName(run, byId)));
  return { root, experiments, runs, problems: reuseEqual(previous?.problems, all) };
}

/** Lineage goes by id: a parent that was renamed shows under its new name. */
function withParentName(run: Run, byId: ReadonlyMap<string, Run>): Run {
  const parent = byId.get(run.parent?.id ?? '');
  if (run.parent === null || parent === undefined || parent.name === run.parent.run) return run;
  return { ...run, parent: { ...run.parent, run: parent.name } };
}

/** Sequential runs keep one run a layer in a folder of theirs (contract section 7). */
async function nestedRuns(runPath: string, context: ScanContext): Promise<readonly string[]> {
  return nestedRunNames(await folders(runPath, context));
}

async function folders(parent: string, context: ScanContext): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = (await context.disk.list(parent)) ?? [];
  } catch (error) {
    context.problem(parent, readFailure(error));
    return [];
  }
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) names.push(entry.name);
    else if (entry.isSymbolicLink() && (await isFolder(path.join(parent, entry.name), context))) names.push(entry.name);
  }
  return names;
}

async function isFolder(link: string, context: ScanContext): Promise<boolean> {
  const stats = await context.disk.stat(link).catch(() => null);
  return stats?.isDirectory() ?? false;
}
