/**
 * pins.json (contract section 1): checkpoints that retention must keep. Ours to write, so it is written whole, by rename. It is
 * a file that a run can do without: a damaged one is renamed, so that nothing is lost, and made anew.
 */
import * as path from 'node:path';
import { changeFile } from '../changeFile';
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

/**
 * Pins or unpins checkpoints of a run.
 * @param runPath the run's folder. @param checkpoints their folder names.
 * @returns what was in the way, to be said; null where nothing was
 * @throws PinsError when an existing pins.json may not be read, or is of a newer version: nothing is overwritten.
 */
export async function setPinned(
  runPath: string,
  checkpoints: readonly string[],
  pinned: boolean,
): Promise<DamagedPins | null> {
  const file = path.join(runPath, PINS);
  let found: Pinned | undefined;
  const aside = await changeFile(file, async () => {
    found = await pinnedIn(file);
    const others = found.names.filter((name) => !checkpoints.includes(name));
    const content = { schema: SCHEMA, checkpoints: pinned ? [...others, ...checkpoints] : others };
    return { text: `${JSON.stringify(content)}\n`, putAside: found.damage !== null };
  });
  return aside === null ? null : { reason: found?.damage ?? '', aside };
}
