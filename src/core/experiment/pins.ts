/**
 * pins.json (contract section 1): checkpoints that retention must keep. Ours to write, so it is written whole, by rename. It is
 * a file that a run can do without: a damaged one is renamed, so that nothing is lost, and made anew.
 */
import { lstat, open, rename, rm, type FileHandle } from 'node:fs/promises';
import * as path from 'node:path';
import { synced, syncFolder } from '../durable';
import { isAbsent, isFileError, readFailure } from '../files';
import { readDocument } from '../jsonFile';
import { FileContentError, NewerSchemaError, parseDocument, SCHEMA } from '../jsonText';
import { readPins } from './runFiles';
import { PINS } from './runLayout';

/** pins.json exists and may be whole, but not for us to read; it is left as it is. */
export class PinsError extends Error {}

/** Why a pins.json could not be used, and the name that it has now. */
export interface DamagedPins {
  readonly reason: string;
  readonly aside: string;
}

interface Pinned {
  readonly names: readonly string[];
  /** A clause behind the file's name where it holds no pins. */
  readonly damage: string | null;
}

async function pinnedIn(file: string): Promise<Pinned> {
  try {
    return { names: [...readPins(parseDocument(await readDocument(file)))], damage: null };
  } catch (error) {
    if (isFileError(error) && isAbsent(error)) return { names: [], damage: null };
    if (error instanceof NewerSchemaError) throw new PinsError(`${file} ${error.message}.`);
    if (error instanceof FileContentError) return { names: [], damage: error.message };
    if (isFileError(error)) throw new PinsError(`${file} ${readFailure(error)}; nothing was changed.`);
    throw error;
  }
}

/** Gives a damaged file another name, under which it stays. */
async function putAside(file: string): Promise<string> {
  for (let number = 1; ; number++) {
    const aside = `${file}.damaged-${number}`;
    if ((await lstat(aside).catch(() => null)) !== null) continue;
    await rename(file, aside);
    return path.basename(aside);
  }
}

/** One change of a file after the other: each reads what the one before it wrote. */
const changes = new Map<string, Promise<unknown>>();

/**
 * Pins or unpins checkpoints of a run.
 * @param runPath the run's folder. @param checkpoints their folder names.
 * @returns what was in the way, to be said; null where nothing was
 * @throws PinsError when an existing pins.json may not be read, or is of a newer version: nothing is overwritten.
 */
export function setPinned(
  runPath: string,
  checkpoints: readonly string[],
  pinned: boolean,
): Promise<DamagedPins | null> {
  const file = path.join(runPath, PINS);
  const before = changes.get(file) ?? Promise.resolve();
  const change = before.then(() => changePins(file, checkpoints, pinned));
  // The next change goes on whether or not this one could be made.
  const settled = change.catch(() => undefined);
  changes.set(file, settled);
  void settled.then(() => {
    if (changes.get(file) === settled) changes.delete(file);
  });
  return change;
}

/** How long another window's change may take; what is older was left behind by one that died. */
const OTHERS_MS = 5000;
const RETRY_MS = 20;

async function changePins(file: string, changed: readonly string[], pinned: boolean): Promise<DamagedPins | null> {
  // The next content's file is also the lock: of two windows, one makes it and the other waits.
  const next = `${file}.new`;
  const draft = await openAlone(next);
  try {
    const { names, damage } = await pinnedIn(file);
    const others = names.filter((name) => !changed.includes(name));
    const checkpoints = pinned ? [...others, ...changed] : others;
    await draft.writeFile(`${JSON.stringify({ schema: SCHEMA, checkpoints })}\n`);
    await synced(draft);
    await draft.close();
    const aside = damage === null ? null : { reason: damage, aside: await putAside(file) };
    await rename(next, file);
    await syncFolder(path.dirname(file));
    return aside;
  } catch (error) {
    await draft.close();
    await rm(next, { force: true });
    throw error;
  }
}

async function openAlone(file: string): Promise<FileHandle> {
  let waitedFor = '';
  for (let since = performance.now(); ;) {
    try {
      return await open(file, 'wx');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    // Another one is another change: of two that waited for a dead one, the second must not take the first's away.
    const there = await identityOf(file);
    if (there !== waitedFor) [waitedFor, since] = [there, performance.now()];
    else if (performance.now() - since > OTHERS_MS) await rm(file, { force: true });
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function identityOf(file: string): Promise<string> {
  const stats = await lstat(file, { bigint: true }).catch(() => null);
  return stats === null ? '' : `${stats.dev}:${stats.ino}:${stats.birthtimeNs}:${stats.mtimeNs}`;
}
