/**
 * Deleting checkpoints that a person chose (contract section 2). The rule is the trainer's, in trainer/npt/checkpoint/retention.py:
 * by validity, not by name; out of sight by a rename first; no link is followed; and whoever deletes at the same time as
 * somebody else, each counting on what the other takes, puts it back. The last valid checkpoint goes only where that was asked.
 */
import type { Stats } from 'node:fs';
import { lstat, readdir, readlink, realpath, rename, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { BEST_COPY, CHECKPOINTS, FINAL } from '../checkpoint/fileNames';
import { DELETED, stepOfFolder } from '../checkpoint/folderNames';
import { CheckpointPathError } from '../checkpoint/pathErrors';
import { syncFolder } from '../durable';
import { errorCode, identityOf, readFailure } from '../files';
import { hostInNames } from '../thisHost';
import { bytesFreed, diskItems, type DiskItem } from './diskUse';

/** `final` and another trainer's `best` are whole checkpoints, too, and what is left of a run may be one of them. */
const FULL_COPIES = [FINAL, BEST_COPY];
/** As many links as a system follows before it calls them a circle. */
const MOST_LINKS = 40;

/** Nothing was deleted; the message is one line for the user. */
export class DeletionError extends Error {}

/** Whether a resume from a checkpoint would work, as validation says. */
export type Judge = (checkpoint: string) => Promise<boolean>;

/** A judge who answers once for as long as a checkpoint's files are the same. */
export function remembering(isValid: Judge): Judge {
  const known = new Map<string, { readonly files: string | null; readonly valid: boolean }>();
  return async (checkpoint) => {
    const files = await stateOf(checkpoint);
    const before = known.get(checkpoint);
    if (before !== undefined && files !== null && before.files === files) return before.valid;
    const valid = await isValid(checkpoint);
    known.set(checkpoint, { files, valid });
    return valid;
  };
}

/** One checkpoint that is to go. */
export interface Doomed {
  /** The folder's name, such as `checkpoint-500`. */
  readonly name: string;
  readonly path: string;
  /** A link goes, what it leads to stays. */
  readonly link: boolean;
  /** Tells it from another folder of the same name. */
  readonly identity: string;
  /** What it takes of the disk, for whoever deletes of several runs at once: together they may free more than each by itself. */
  readonly takes: readonly DiskItem[];
}

/** A checkpoint that stays, and its files as they were before it was found to be valid. */
export interface Survivor {
  readonly name: string;
  readonly path: string;
  readonly files: string | null;
}

/** A checkpoint's name that is a link to one that is to go, such as a `final` that was made with ln -s. */
export interface Stranded {
  readonly name: string;
  /** The name of the one that is to go. */
  readonly leadsTo: string;
}

/** What would be deleted, and what stays. */
export interface DeletionPlan {
  readonly doomed: readonly Doomed[];
  /** A checkpoint of the run that was found to be valid and stays; null where none of those that stay is. */
  readonly survivor: Survivor | null;
  /** One of the doomed is valid, and none of those that stay. */
  readonly losesLast: boolean;
  /** Links that stay and lead to one of the doomed: each would lead to nothing. */
  readonly strands: readonly Stranded[];
  /** Bytes of the disk that this frees: files that other names lead to (`final` shares its files) free nothing. */
  readonly bytes: number;
}

/** What came of it. */
export interface Deletion {
  readonly deleted: readonly string[];
  /** What could not be deleted, with the reason as a clause behind its name. */
  readonly kept: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Looks at what deleting these checkpoints would mean.
 *
 * @param checkpoints paths in one run's `checkpoints` folder
 * @throws DeletionError where a path is none of a checkpoint's, or a checkpoint is gone
 */
export async function planDeletion(checkpoints: readonly string[], isValid: Judge): Promise<DeletionPlan> {
  const [first] = checkpoints;
  if (first === undefined) throw new DeletionError('No checkpoint was named.');
  const folder = path.dirname(first);
  const doomed: Doomed[] = [];
  for (const checkpoint of new Set(checkpoints)) {
    const name = path.basename(checkpoint);
    if (path.dirname(checkpoint) !== folder || path.basename(folder) !== CHECKPOINTS || !isWholeCheckpoint(name)) {
      throw new DeletionError(`${checkpoint} is no checkpoint of this run.`);
    }
    const found = await lstat(checkpoint).catch((error: unknown) => {
      throw new DeletionError(
        errorCode(error) === 'ENOENT' ? `${name} is gone already.` : `${name}: ${readFailure(error)}.`,
      );
    });
    const takes = await diskItems(checkpoint);
    doomed.push({ name, path: checkpoint, link: found.isSymbolicLink(), identity: identityOf(found), takes });
  }
  const { apart, strands } = await staying(folder, doomed);
  const survivor = await firstValid(apart, isValid);
  const losesLast = survivor === null && (await firstValid(newestFirst(doomed), isValid)) !== null;
  return { doomed, survivor, losesLast, strands, bytes: bytesFreed(doomed.flatMap(({ takes }) => takes)) };
}

/**
 * Deletes as planned. Nothing goes while what was to survive is no longer valid: somebody else may have deleted it meanwhile.
 *
 * @param evenLast the user was told that no valid checkpoint stays, and wants it
 * @throws DeletionError where nothing was deleted
 */
export async function deleteCheckpoints(plan: DeletionPlan, isValid: Judge, evenLast = false): Promise<Deletion> {
  if (plan.losesLast && !evenLast) {
    throw new DeletionError(`${nameAll(plan.doomed)}: no other valid checkpoint of the run would stay.`);
  }
  const [stranded] = plan.strands;
  if (stranded !== undefined) throw new DeletionError(strandedText(stranded));
  if (plan.survivor !== null && !(await stillValid(plan.survivor, isValid))) throw lostSurvivor(plan.survivor);
  const hidden: { readonly one: Doomed; readonly place: string }[] = [];
  const kept: { name: string; reason: string }[] = [];
  for (const one of newestFirst(plan.doomed).reverse()) {
    const place = path.join(path.dirname(one.path), `${DELETED}${one.name}-${hostInNames()}-${process.pid}`);
    try {
      const now = await lstat(one.path);
      if (identityOf(now) !== one.identity) {
        kept.push({ name: one.name, reason: 'is another one now' });
        continue;
      }
      await discard(place); // Of a deletion of this very process that failed before.
      await rename(one.path, place);
      hidden.push({ one, place });
    } catch (error) {
      kept.push({ name: one.name, reason: readFailure(error) });
    }
  }
  if (plan.survivor !== null && !(await stillValid(plan.survivor, isValid))) {
    // Somebody else is deleting, too: who comes second puts back what they took.
    for (const { one, place } of hidden) await rename(place, one.path);
    throw lostSurvivor(plan.survivor);
  }
  const deleted: string[] = [];
  for (const { one, place } of hidden) {
    try {
      await discard(place);
      deleted.push(one.name);
    } catch (error) {
      kept.push({
        name: one.name,
        reason: `is out of sight, but not all of it could be deleted: ${readFailure(error)}`,
      });
    }
  }
  const [first] = plan.doomed;
  if (first !== undefined) await syncFolder(path.dirname(first.path));
  return { deleted, kept };
}

function lostSurvivor({ name }: Survivor): DeletionError {
  return new DeletionError(`${name}, which was to stay, is gone or was damaged. Nothing was deleted.`);
}

/** Why nothing may go while a link leads to it, and what to do, as one line. */
export function strandedText({ name, leadsTo }: Stranded): string {
  return `${leadsTo} stays: ${name} is a link to it and would lead to nothing. Delete ${name} first, or both together.`;
}

function isWholeCheckpoint(name: string): boolean {
  return stepOfFolder(name) !== null || FULL_COPIES.includes(name);
}

function nameAll(doomed: readonly Doomed[]): string {
  return doomed.map(({ name }) => name).join(', ');
}

/** Checkpoints by step, newest first; full copies come last, because a resume looks for them last. */
function newestFirst<T extends { readonly name: string }>(checkpoints: readonly T[]): T[] {
  return [...checkpoints].sort((a, b) => (stepOfFolder(b.name) ?? -1) - (stepOfFolder(a.name) ?? -1));
}

/** The checkpoints that stay, newest first: those that do not lead to what goes, and those that do and lead somewhere now. */
async function staying(
  folder: string,
  doomed: readonly Doomed[],
): Promise<{ readonly apart: { name: string; path: string }[]; readonly strands: Stranded[] }> {
  const gone = new Set(doomed.map(({ name }) => name));
  const names = (await readdir(folder)).filter((name) => isWholeCheckpoint(name) && !gone.has(name));
  const others = newestFirst(names.map((name) => ({ name, path: path.join(folder, name) })));
  const apart: typeof others = [];
  const strands: Stranded[] = [];
  for (const other of others) {
    const way = await wayOf(other.path);
    const through = doomed.find(({ identity }) => way?.includes(identity) === true);
    if (way !== null && through === undefined) apart.push(other);
    if (through !== undefined) strands.push({ name: other.name, leadsTo: through.name });
  }
  return { apart, strands };
}

/** The identities of a path and of all that it leads through where it is a link; null where it leads to nothing. */
async function wayOf(place: string): Promise<readonly string[] | null> {
  const way: string[] = [];
  try {
    for (let at = place; way.length < MOST_LINKS;) {
      const found = await lstat(at);
      way.push(identityOf(found));
      if (!found.isSymbolicLink()) return way;
      // A relative link starts from the folder that it really lies in.
      at = path.resolve(await realpath(path.dirname(at)), await readlink(at));
    }
  } catch {
    // What cannot be followed leads nowhere for a resume, too.
  }
  return null;
}

async function firstValid(
  checkpoints: readonly { readonly name: string; readonly path: string }[],
  isValid: Judge,
): Promise<Survivor | null> {
  for (const { name, path: place } of checkpoints) {
    const files = await stateOf(place);
    if (await judged(place, isValid)) return { name, path: place, files };
  }
  return null;
}

/** What leads nowhere, or went a moment ago, is no valid checkpoint. */
export async function judged(checkpoint: string, isValid: Judge): Promise<boolean> {
  try {
    return await isValid(checkpoint);
  } catch (error) {
    if (error instanceof CheckpointPathError) return false;
    throw error;
  }
}

/** The files of a checkpoint by all that tells them from others and from what they were; null where it is gone. */
async function stateOf(checkpoint: string): Promise<string | null> {
  try {
    const names = (await readdir(checkpoint)).sort();
    const found = await Promise.all(names.map((name) => stat(path.join(checkpoint, name), { bigint: true })));
    return found
      .map(({ dev, ino, size, mtimeNs, ctimeNs }, i) => [names[i], dev, ino, size, mtimeNs, ctimeNs].join(':'))
      .join('|');
  } catch {
    return null;
  }
}

async function stillValid(survivor: Survivor, isValid: Judge): Promise<boolean> {
  const now = await stateOf(survivor.path);
  return now !== null && (now === survivor.files || (await judged(survivor.path, isValid)));
}

/** Deletes a folder with all that is in it, a file, or a link and never what it leads to; nothing where there is nothing. */
export async function discard(place: string): Promise<void> {
  let found: Stats;
  try {
    found = await lstat(place);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (found.isDirectory()) await rm(place, { recursive: true });
  else await unlink(place);
}
