/** Names for runs, which are folders: which can be one, and which are free. */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { visibleText } from '../plainText';

/** The folder itself, or with -2, -3, … where it is taken on disk or by another plan. */
export async function freeFolder(folder: string, taken: ReadonlySet<string> = new Set()): Promise<string> {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? folder : `${folder}-${n}`;
    if (!taken.has(candidate) && (await isFree(candidate))) return candidate;
  }
}

/** Nothing is there, a link that leads nowhere included. What may not be looked at is whoever starts the trainer's to see. */
async function isFree(folder: string): Promise<boolean> {
  try {
    await lstat(folder);
    return false;
  } catch {
    return true;
  }
}

/** What is wrong with a name that a person typed for a run. */
export interface WrongName {
  /** One line. */
  readonly message: string;
  /** It is a good name, and another's. */
  readonly taken: boolean;
}

/** @returns null where the name can be used */
export async function checkRunName(name: string, parentFolder: string): Promise<WrongName | null> {
  const trimmed = name.trim();
  if (trimmed === '') return { message: 'Type a name for the run.', taken: false };
  if (!/^[\w][\w.+=@ -]*$/.test(trimmed)) {
    const message = `"${visibleText(trimmed, { longest: 100 })}" cannot be a run's name: use letters, digits, "-", "_", "." and "+", and no "/".`;
    return { message, taken: false };
  }
  if (await isFree(path.join(parentFolder, trimmed))) return null;
  return { message: `There is already a run named ${trimmed}.`, taken: true };
}
