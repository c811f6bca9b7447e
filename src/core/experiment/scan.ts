/** The whole workspace as one model: which folders are runs, what could not be read, who branched from whom. */
import path from 'node:path';
import { CHECKPOINTS, CONFIG } from '../checkpoint/fileNames';
import { readFailure } from '../files';
import { PacedDisk } from './disk';
import type { AskProcess, Problem, Run, Workspace } from './model';
import { isNetworkMount } from './networkMount';
import { readQueue, withQueue, type QueueState } from './queueFiles';
import { reuseEqual } from './reuse';
import { type Look, ScanContext, type ScanContextOptions } from './scanContext';
import { EXPERIMENTS } from './runLayout';
import { nestedRunNames } from './runMarks';
import { scanRun } from './scanRun';

export { scanRun } from './scanRun';
export { type Look, ScanContext } from './scanContext';

/** In place of the bytes of a name that are not UTF-8: nothing has the name that is read. */
const UNDECODED = '\ufffd';

export interface ScanOptions {
  /** Relative to the workspace, or absolute. */
  readonly experimentsFolder?: string;
  /** Who knows how a run's process is (see ScanContextOptions). */
  readonly ask?: AskProcess;
  /** Kept from an earlier scan of the same workspace, it makes this one fast. */
  readonly context?: ScanContext;
  /** How closely to look at what that knows; at everything unless given. */
  readonly look?: Look;
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
  const context = options.context ?? (await singleScan(experiments, { ask: options.ask }));
  const scanned = await scanRuns(experiments, context, options.look);
  return assembleWorkspace(path.resolve(root), experiments, { ...scanned, queue: await readQueue(root) });
}

/** For one scan and no more. */
export async function singleScan(
  experiments: string,
  options: Pick<ScanContextOptions, 'ask' | 'kept' | 'now'>,
): Promise<ScanContext> {
  const disk = new PacedDisk(await isNetworkMount(experiments));
  return new ScanContext({ ask: options.ask, kept: options.kept, now: options.now, disk, scansAgain: false });
}

export function experimentsPath(root: string, folder: string = EXPERIMENTS): string {
  return path.resolve(root, folder === '' ? EXPERIMENTS : folder);
}

export interface ScannedRuns {
  /** By path: runs, and what could not be read where one may be. */
  readonly runs: Map<string, ScannedRun>;
  readonly problems: readonly Problem[];
  /** Paths of the folders that are looked at, runs or not. */
  readonly folders: readonly string[];
}

/**
 * Every run below the experiments folder.
 *
 * @param trusted folders that are watched: what is known of them is not looked up again where it cannot have changed
 * @param onFound called with the runs so far, after each folder; then those that changed last come first
 */
export async function scanRuns(
  experiments: string,
  context: ScanContext,
  look: Look = 'everything',
  trusted?: (folder: string) => boolean,
  onFound?: (runs: ReadonlyMap<string, ScannedRun>) => Promise<void>,
): Promise<ScannedRuns> {
  const runs = new Map<string, ScannedRun>();
  const inside: string[] = [];
  const problems: Problem[] = [];
  context.takeProblems();
  context.beginFullScan(look, trusted);
  try {
    const names = await folders(experiments, context);
    problems.push(...context.takeProblems());
    const inOrder = onFound === undefined ? names : await lastChangedFirst(experiments, names, context);
    if (onFound !== undefined) context.expect(inOrder.map((name) => path.join(experiments, name, CHECKPOINTS)));
    for (const name of inOrder) {
      const folder = path.join(experiments, name);
      if (name.includes(UNDECODED) && (await context.disk.stat(folder).catch(() => undefined)) === null) {
        problems.push({ path: folder, message: 'cannot be opened, as its name is not UTF-8: rename it' });
        continue;
      }
      if (await context.isPlain(folder)) {
        inside.push(folder);
        continue;
      }
      const found = await scanFolder(folder, context);
      inside.push(...found.folders);
      for (const [runPath, scanned] of found.runs) runs.set(runPath, scanned);
      await onFound?.(runs);
    }
  } catch (error) {
    context.problem(experiments, readFailure(error));
  }
  await context.endFullScan();
  return { runs, problems: [...problems, ...context.takeProblems()], folders: inside };
}

/** A folder of the experiments folder: the run that it is, and those that are inside of it; nothing where there is none. */
export async function scanFolder(folder: string, context: ScanContext): Promise<Pick<ScannedRuns, 'runs' | 'folders'>> {
  const name = path.basename(folder);
  const found = new Map<string, ScannedRun>();
  const add = (runPath: string, scanned: ScannedRun): void => {
    if (scanned.run !== null || scanned.problems.length > 0) found.set(runPath, scanned);
  };
  add(folder, await scanRunAt(folder, name, context));
  const inside = await folders(folder, context);
  // Said already, where the folder was looked at as a run; what is left would pass for the next one's.
  context.takeProblems();
  const nested = nestedRunNames(inside);
  for (const each of nested) {
    const runPath = path.join(folder, each);
    add(runPath, await scanRunAt(runPath, `${name}/${each}`, context));
  }
  const marked = found.size > 0 || nested.length > 0 || inside.includes(CHECKPOINTS);
  if (marked || (await context.disk.stat(path.join(folder, CONFIG)).catch(() => null)) !== null) {
    context.forgetPlain(folder);
  } else await context.notePlain(folder);
  return { runs: found, folders: [folder, ...nested.map((each) => path.join(folder, each))] };
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

/** What a model is made of. */
export interface Scanned {
  readonly runs: ReadonlyMap<string, ScannedRun>;
  readonly problems: readonly Problem[];
  readonly queue: Pick<QueueState, 'entries' | 'problems'>;
}

/** The model from its runs: what waits first, then newest first, parents under their current names. */
export function assembleWorkspace(
  root: string,
  experiments: string,
  { runs: scanned, problems, queue }: Scanned,
  previous?: Workspace,
): Workspace {
  const found: Run[] = [];
  const all: Problem[] = [...problems, ...queue.problems];
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
  const runs = withQueue(found.reverse(), queue, experiments).map((run) =>
    reuseEqual(before.get(run.path), withParentName(run, byId)),
  );
  return { root, experiments, runs, problems: reuseEqual(previous?.problems, all) };
}

/** Lineage goes by id: a parent that was renamed shows under its new name. */
function withParentName(run: Run, byId: ReadonlyMap<string, Run>): Run {
  const parent = byId.get(run.parent?.id ?? '');
  if (run.parent === null || parent === undefined || parent.name === run.parent.run) return run;
  return { ...run, parent: { ...run.parent, run: parent.name } };
}

/** What somebody looks for first is what trains, or was trained last. */
async function lastChangedFirst(parent: string, names: readonly string[], { disk }: ScanContext): Promise<string[]> {
  const times = new Map<string, number>();
  for (const name of names) {
    const stats = await disk.stat(path.join(parent, name)).catch(() => null);
    times.set(name, stats?.mtimeMs ?? 0);
  }
  return [...names].sort((a, b) => (times.get(b) ?? 0) - (times.get(a) ?? 0));
}

/** Names of the folders in a folder; one that cannot be read is a problem. */
async function folders(parent: string, context: ScanContext): Promise<readonly string[]> {
  try {
    return await context.folderNames(parent);
  } catch (error) {
    context.problem(parent, readFailure(error));
    return [];
  }
}
