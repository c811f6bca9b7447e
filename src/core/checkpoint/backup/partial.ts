/**
 * The hidden folder that a copy is put together in, and what an earlier attempt left of it: a note of what it is for, and the copy
 * as far as it came. Whoever goes on from one holds each file against its source (copyFile.ts).
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isObject, type JsonObject } from '../../jsonText';
import { unwritable } from './backupError';
import { bytesIn, entriesIn } from './folders';
import { leftIn, OwnedFolder } from './owned';

const NOTE = 'source.json';
const COPY = 'copy';

/** Whether what a hidden folder was to become is what is wanted now. */
type IsWanted = (note: JsonObject) => boolean;

/** Where in a hidden folder the copy is. */
export function copyIn({ path: folder }: OwnedFolder): string {
  return path.join(folder, COPY);
}

/** What a hidden folder was to become; null where it does not say. */
export async function noteIn(partial: string): Promise<JsonObject | null> {
  try {
    const document: unknown = JSON.parse(await readFile(path.join(partial, NOTE), 'utf8'));
    return isObject(document) ? document : null;
  } catch {
    return null;
  }
}

/**
 * What an earlier attempt left, or a new one.
 *
 * @param note what it is for
 * @throws BackupError
 */
export async function partialIn(
  parent: string,
  prefix: string,
  note: object,
  isWanted: IsWanted,
): Promise<OwnedFolder> {
  try {
    const taken = await takenOver(parent, prefix, isWanted);
    if (taken !== null) return taken;
    const made = await OwnedFolder.make(parent, prefix);
    await writeFile(path.join(made.path, NOTE), JSON.stringify(note)).catch(async (error: unknown) => {
      await made.remove();
      throw error;
    });
    return made;
  } catch (error) {
    throw unwritable(parent, error);
  }
}

/** The largest of what attempts that ended left; the others go, nobody would look at them again. */
export async function takenOver(parent: string, prefix: string, isWanted: IsWanted): Promise<OwnedFolder | null> {
  const left: { readonly at: string; readonly bytes: number }[] = [];
  for (const at of await leftIn(parent, prefix)) {
    const note = await noteIn(at);
    // One that does not say what it is for was killed before it had copied anything.
    if (note === null) await (await OwnedFolder.takeOver(at, prefix))?.remove();
    else if (isWanted(note)) left.push({ at, bytes: await bytesIn(path.join(at, COPY)) });
  }
  left.sort((a, b) => b.bytes - a.bytes);
  let taken: OwnedFolder | null = null;
  for (const { at } of left) {
    const own: OwnedFolder | null = await OwnedFolder.takeOver(at, prefix);
    if (taken === null) taken = own;
    else await own?.remove();
  }
  return taken;
}

/** Removes from a copy what an earlier attempt had and is not wanted any more. */
export async function sweep(copy: string, wanted: ReadonlySet<string>): Promise<void> {
  for (const { path: at, name } of await entriesIn(copy)) if (!wanted.has(name)) await rm(at);
}
