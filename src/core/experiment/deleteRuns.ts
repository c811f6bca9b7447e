/**
 * Deleting whole runs that a person chose. What no deletion takes is retention/held.ts's to say: a run in which something may go
 * on, or that waits in the queue. Here a run from which others branched may go, since they hold all that they need, but not
 * before somebody was told their names; one that a branch is still to be started from stays.
 *
 * Where there is a trash, the caller takes the folder there. Where there is none it goes for good, and out of sight first, as
 * a checkpoint does (deleteCheckpoints.ts).
 */
import { lstat, rename } from 'node:fs/promises';
import path from 'node:path';
import { DELETED } from '../checkpoint/folderNames';
import { syncFolder } from '../durable';
import { identityOf, readFailure } from '../files';
import { hostInNames } from '../thisHost';
import { allCheckpoints } from './checkpoints';
import { DeletionError, discard } from './deleteCheckpoints';
import { bytesFreed, diskItems } from './diskUse';
import { STAR_TAG, type AskProcess, type Checkpoint, type Run } from './model';
import { processIn } from './processFolder';
import { whyInUse, type Held } from './retention/held';

/** Why a run stays, as a clause behind its name. */
export interface RefusedRun {
  readonly run: Run;
  readonly why: string;
}

/** One folder that is to go. */
export interface DoomedRun {
  readonly run: Run;
  /** Runs in its folder, which go with it. */
  readonly inside: readonly Run[];
  /** Tells the folder from another one of its name. */
  readonly identity: string;
}

export interface RunDeletionPlan {
  readonly doomed: readonly DoomedRun[];
  readonly refused: readonly RefusedRun[];
  /** Runs that stay and branched from one that goes. */
  readonly branches: readonly Run[];
  /** Of those that go: what somebody marked as worth keeping. */
  readonly pinned: readonly Checkpoint[];
  readonly starred: readonly Run[];
  readonly checkpoints: number;
  /** Of the disk, that this frees. */
  readonly bytes: number;
}

/**
 * Looks at what deleting these runs would mean.
 *
 * @param chosen what somebody wants to go
 * @param all every run of the workspaces that are opened: there may be some in the folders of others
 */
export async function planRunDeletion(
  chosen: readonly Run[],
  all: readonly Run[],
  held: Held,
  signal?: AbortSignal,
): Promise<RunDeletionPlan> {
  const isIn = (outer: Run, run: Run): boolean => run.path.startsWith(outer.path + path.sep);
  const outermost = chosen.filter((run) => !chosen.some((other) => isIn(other, run)));
  const withInner = outermost.map((run) => ({ run, inside: all.filter((other) => isIn(run, other)) }));
  const going = new Set(withInner.flatMap(({ run, inside }) => [run, ...inside]));
  const refused: RefusedRun[] = [];
  const free: typeof withInner = [];
  for (const each of withInner) {
    const why = whyStays(each, going, held);
    if (why === null) free.push(each);
    else refused.push({ run: each.run, why });
  }
  const gone = new Set(free.flatMap(({ run, inside }) => [run, ...inside]));
  const doomed: DoomedRun[] = [];
  const items = [];
  for (const { run, inside } of free) {
    const found = await lstat(run.path).catch(() => null);
    if (found === null) {
      refused.push({ run, why: 'is gone already' });
      continue;
    }
    items.push(...(await diskItems(run.path, signal)));
    doomed.push({ run, inside, identity: identityOf(found) });
  }
  const checkpoints = [...gone].flatMap(allCheckpoints);
  return {
    doomed,
    refused,
    branches: [...new Set([...gone].flatMap((run) => held.branchesOf(run)))].filter((run) => !gone.has(run)),
    pinned: checkpoints.filter(({ pinned }) => pinned),
    starred: [...gone].filter(({ notes }) => notes?.tags.includes(STAR_TAG) === true),
    checkpoints: checkpoints.length,
    bytes: bytesFreed(items),
  };
}

function whyStays(
  { run, inside }: { readonly run: Run; readonly inside: readonly Run[] },
  going: ReadonlySet<Run>,
  held: Held,
): string | null {
  const own = whyInUse(run);
  if (own !== null) return `stays: ${own}`;
  for (const inner of inside) {
    const use = whyInUse(inner);
    if (use !== null) return `stays: of ${inner.name}, which is in its folder, ${use}`;
  }
  for (const one of [run, ...inside]) {
    const waiting = held.branchesOf(one).find((branch) => !going.has(branch) && needsParent(branch));
    if (waiting !== undefined) return `stays: ${waiting.name} is to start from it`;
  }
  return null;
}

/** Whether a branch still reads what it begins with from its parent: it has no checkpoint of its own yet, and goes on. */
function needsParent(branch: Run): boolean {
  return whyInUse(branch) !== null && !allCheckpoints(branch).some(({ state }) => state === 'complete');
}

/**
 * Looks once more, right before a run goes: that it is the folder that was looked at, and that nothing has begun in it since.
 *
 * @throws DeletionError where it stays
 */
export async function stillGoes({ run, inside, identity }: DoomedRun, ask: AskProcess): Promise<void> {
  const found = await lstat(run.path).catch((error: unknown) => {
    throw new DeletionError(`${run.name}: ${readFailure(error)}.`);
  });
  if (identityOf(found) !== identity) throw new DeletionError(`${run.name} stays: it is another folder now.`);
  for (const one of [run, ...inside]) {
    const process = await processIn(one.path);
    if (process !== null && (await ask(process)).liveness !== 'dead') {
      throw new DeletionError(`${run.name} stays: the run is training.`);
    }
  }
}

/** Deletes a run for good. @throws DeletionError where not all of it went */
export async function deleteRunForGood(doomed: DoomedRun): Promise<void> {
  const { run } = doomed;
  const folder = path.dirname(run.path);
  const place = path.join(folder, `${DELETED}${path.basename(run.path)}-${hostInNames()}-${process.pid}`);
  try {
    await discard(place); // Of a deletion of this very process that failed before.
    await rename(run.path, place);
  } catch (error) {
    throw new DeletionError(`${run.name} could not be deleted: ${readFailure(error)}.`);
  }
  try {
    await discard(place);
  } catch (error) {
    throw new DeletionError(
      `${run.name} is out of sight, but not all of it could be deleted: ${readFailure(error)}. What is left is in ${place}.`,
    );
  } finally {
    await syncFolder(folder);
  }
}
