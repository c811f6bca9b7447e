/** pins.json (contract section 1): checkpoints that retention must keep. Ours to write, so it is written whole, by rename. */
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import * as path from 'node:path';
import { isAbsent, isFileError, readFailure } from '../files';
import { readDocument } from '../jsonFile';
import { FileContentError, parseDocument, SCHEMA } from '../jsonText';
import { readPins } from './runFiles';

/** pins.json exists but cannot be trusted; it is left as it is. */
export class PinsError extends Error {}

async function pinnedIn(file: string): Promise<string[]> {
  try {
    return [...readPins(parseDocument(await readDocument(file)))];
  } catch (error) {
    if (isFileError(error) && isAbsent(error)) return [];
    if (error instanceof FileContentError)
      throw new PinsError(`${file} ${error.message}; mend or remove it, then pin again.`);
    if (isFileError(error)) throw new PinsError(`${file} ${readFailure(error)}; nothing was changed.`);
    throw error;
  }
}

/** One change of a file after the other: each reads what the one before it wrote. */
const changes = new Map<string, Promise<void>>();

/**
 * Pins or unpins checkpoints of a run.
 * @param runPath the run's folder. @param checkpoints their folder names.
 * @throws PinsError when an existing pins.json cannot be read, or another window is writing it: nothing is overwritten.
 */
export function setPinned(runPath: string, checkpoints: readonly string[], pinned: boolean): Promise<void> {
  const file = path.join(runPath, 'pins.json');
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

async function changePins(file: string, changed: readonly string[], pinned: boolean): Promise<void> {
  // The next content's file is also the lock: of two windows, one makes it and the other waits.
  const next = `${file}.new`;
  const draft = await openAlone(next);
  try {
    const others = (await pinnedIn(file)).filter((name) => !changed.includes(name));
    const checkpoints = pinned ? [...others, ...changed] : others;
    await draft.writeFile(`${JSON.stringify({ schema: SCHEMA, checkpoints })}\n`);
    await draft.sync();
    await draft.close();
    await rename(next, file);
  } catch (error) {
    await draft.close();
    await rm(next, { force: true });
    throw error;
  }
}

async function openAlone(file: string): Promise<FileHandle> {
  for (const since = performance.now(); ;) {
    try {
      return await open(file, 'wx');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (performance.now() - since > OTHERS_MS) await rm(file, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
