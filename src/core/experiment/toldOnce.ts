/** What only one of several windows is to tell of: it is written down by who is first, and the others see it there. */
import { mkdir } from 'node:fs/promises';
import * as path from 'node:path';
import { changeFile } from '../changeFile';
import { isAbsent, isFileError } from '../files';
import { readDocument } from '../jsonFile';
import { FileContentError, parseDocument, SCHEMA } from '../jsonText';

/** So many are remembered: nobody has more runs that ended with one machine, and windows that still show them. */
const MOST = 1000;

/**
 * Takes it upon this window to tell of some things.
 *
 * @param file one for all windows; its folder is made
 * @param keys each names one thing
 * @returns those that nobody has told of; all of them where nobody can write it down
 */
export async function firstToTell(file: string, keys: readonly string[]): Promise<readonly string[]> {
  let first = keys;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await changeFile(file, async () => {
      const told = await toldIn(file);
      first = keys.filter((key) => !told.includes(key));
      if (first.length === 0) return null;
      return { text: `${JSON.stringify({ schema: SCHEMA, told: [...told, ...first].slice(-MOST) })}\n` };
    });
  } catch (error) {
    if (!isFileError(error)) throw error;
  }
  return first;
}

/** What was told of; nothing where the file is not there, or is no such list any more: told twice is better than not told. */
async function toldIn(file: string): Promise<readonly string[]> {
  try {
    const { told } = parseDocument(await readDocument(file));
    return Array.isArray(told) ? told.filter((key) => typeof key === 'string') : [];
  } catch (error) {
    if (error instanceof FileContentError || (isFileError(error) && isAbsent(error))) return [];
    throw error;
  }
}
