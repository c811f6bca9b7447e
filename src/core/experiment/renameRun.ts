/**
 * Renaming a run: its folder's name is what people see (contract section 1), its id is who it is. Pins, notes and the notes of
 * backups are in the folder and go with it; branches find it by its id. What knows it by its name or path alone is looked for
 * before.
 */
import { lstat, rename } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../durable';
import { identityOf, isAbsent, readFailure, writeFailure } from '../files';
import { allCheckpoints } from './checkpoints';
import { Lineage } from './lineage';
import type { Run, Workspace } from './model';
import { processIn } from './processFolder';
import { readQueue } from './queueFiles';
import { checkRunName } from './runName';

/** Nothing was renamed; the message is one line for the user. */
export class RenameError extends Error {}

export interface RenamePlan {
  readonly run: Run;
  /** Absolute. */
  readonly to: string;
  /** As it will be shown. */
  readonly name: string;
  /** Tells the folder from another of its name. */
  readonly identity: string;
  /** Runs whose records know it by its name alone: they would be without their parent. */
  readonly loses: readonly Run[];
  /** Runs whose records know another one, which is gone, by the new name alone: they would be taken for branches of it. */
  readonly gains: readonly Run[];
}

/** Names that a sentence lists. */
const LISTED = 5;

/** What goes by the run's name alone and would no longer find it, or find it wrongly: a sentence each, to be agreed to. */
export function goesByName({ name, loses, gains }: RenamePlan): string[] {
  return [
    ...(loses.length === 0
      ? []
      : [
          `Known by its name alone, and no longer found as the parent, to: ${listed(namesOf(loses))}. Renamed back, it is found again.`,
        ]),
    ...(gains.length === 0
      ? []
      : [
          `Taken for branches of it, since their records name a parent “${name}” without an id: ${listed(namesOf(gains))}.`,
        ]),
  ];
}

/** The first of them, and how many more there are. */
export function listed(names: readonly string[]): string {
  const first = names.slice(0, LISTED).join(', ');
  const more = names.length - LISTED;
  return more > 0 ? `${first} and ${more} more` : first;
}

function namesOf(runs: readonly Run[]): string[] {
  return runs.map(({ name }) => name);
}

/** The run, and those that are in its folder. */
function within(run: Run, runs: readonly Run[]): Run[] {
  return runs.filter(({ path: each }) => each === run.path || each.startsWith(run.path + path.sep));
}

/** Why it cannot be renamed now, and what to do, in one line; null where it can. */
export async function renameObstacle(
  run: Run,
  { root, runs }: Pick<Workspace, 'root' | 'runs'>,
): Promise<string | null> {
  for (const each of within(run, runs)) {
    const { name, queue, processState, process } = each;
    if (queue !== undefined || processState?.liveness === 'waiting')
      return `${name} waits in the queue, which knows it by its folder: take it out of the queue, or rename it when it has ended.`;
    if (each.state === 'training') return `${name} is training: stop it, or rename it when it has ended.`;
    if (processState?.liveness === 'elsewhere')
      return `${name} may be training on ${process?.host ?? 'another machine'}, which cannot be asked from here: rename it when it has ended.`;
    const writing = allCheckpoints(each).find(({ state }) => state === 'writing');
    if (writing !== undefined) return `${writing.name} of ${name} is being written: rename the run when that is done.`;
    // Started a moment ago, or by another window: the model does not know it yet.
    if (process === null && (await processIn(each.path)) !== null)
      return `${name} has just been started: stop it, or rename it when it has ended.`;
  }
  for (const { state, checkpoint, run: waiting } of (await readQueue(root)).entries) {
    if (state === 'started' || checkpoint === null || !checkpoint.startsWith(run.path + path.sep)) continue;
    return `${path.basename(waiting)} in the queue starts from ${path.basename(checkpoint)} of ${run.name}: take it out of the queue, or rename the run when that has started.`;
  }
  return null;
}

/**
 * @param typed the folder's new name; a nested run stays where it is
 * @param workspaces all that are opened, the run's own among them
 * @throws RenameError
 */
export async function planRename(run: Run, typed: string, workspaces: readonly Workspace[]): Promise<RenamePlan> {
  const home = workspaces.find(({ runs }) => runs.some((each) => each.path === run.path));
  if (home === undefined) throw new RenameError(`${run.name} is no longer there.`);
  const obstacle = await renameObstacle(run, home);
  if (obstacle !== null) throw new RenameError(obstacle);
  const folder = path.dirname(run.path);
  const wanted = typed.trim();
  const to = path.join(folder, wanted);
  if (to === run.path) throw new RenameError('That is its name.');
  const identity = await folderIdentity(run.path);
  if (identity === null) throw new RenameError(`${run.name} is no longer there.`);
  const wrong = await checkRunName(wanted, folder);
  // On a disk that takes large letters for small ones it is the run itself.
  if (wrong !== null && !(wrong.taken && (await folderIdentity(to)) === identity)) throw new RenameError(wrong.message);
  const name = [...run.name.split('/').slice(0, -1), wanted].join('/');
  const moved = (each: Run): Run => {
    if (each.path === run.path) return { ...each, path: to, name };
    if (!each.path.startsWith(run.path + path.sep)) return each;
    return { ...each, path: to + each.path.slice(run.path.length), name: name + each.name.slice(run.name.length) };
  };
  return { run, to, name, identity, ...changedBranches(run, workspaces, moved) };
}

/** Whose parent it would no longer be, and whose it would become: by the very rules that lineage goes by. */
function changedBranches(
  run: Run,
  workspaces: readonly Workspace[],
  moved: (run: Run) => Run,
): Pick<RenamePlan, 'loses' | 'gains'> {
  const before = new Lineage(workspaces);
  const renamed = workspaces.map(({ runs }) => ({ runs: runs.map(moved) }));
  const after = new Lineage(renamed);
  const { path: to } = moved(run);
  const all = workspaces.flatMap(({ runs }) => runs);
  const isParent = (each: Run): boolean => before.parentOf(each)?.path === run.path;
  const willBe = (each: Run): boolean => after.parentOf(moved(each))?.path === to;
  return {
    loses: all.filter((each) => isParent(each) && !willBe(each)),
    gains: all.filter((each) => !isParent(each) && willBe(each)),
  };
}

/** Null where nothing is there. @throws RenameError where that cannot be seen */
async function folderIdentity(folder: string): Promise<string | null> {
  try {
    return identityOf(await lstat(folder));
  } catch (error) {
    if (isAbsent(error)) return null;
    throw new RenameError(`${folder} ${readFailure(error)}.`);
  }
}

/**
 * Gives the folder its new name; by renaming it back all is as it was. A trainer that starts at this moment goes on in the
 * folder, under whatever name.
 *
 * @throws RenameError where nothing was renamed
 */
export async function renameRun({ run, to, identity }: RenamePlan): Promise<void> {
  if ((await folderIdentity(run.path)) !== identity)
    throw new RenameError(`${run.name} is no longer there, or another one.`);
  const there = await folderIdentity(to);
  if (there !== null && there !== identity) throw new RenameError(`There is already something at ${to}.`);
  try {
    // What came there meanwhile and holds anything is not replaced: rename(2) refuses.
    await rename(run.path, to);
  } catch (error) {
    throw new RenameError(`${run.name} was not renamed: ${path.dirname(to)}: ${writeFailure(error)}.`);
  }
  await syncFolder(path.dirname(to));
}
