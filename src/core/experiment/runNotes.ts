/**
 * Small JSON files that the extension keeps in a run's folder, and that a run can do without. They are written whole, by rename;
 * a damaged one is renamed, so that nothing is lost, and made anew.
 */
import { changeFile } from '../changeFile';
import { isAbsent, isFileError, readFailure, writeFailure } from '../files';
import { readDocument } from '../jsonFile';
import { FileContentError, NewerSchemaError, parseDocument, SCHEMA, type JsonObject } from '../jsonText';

/** The file exists and may be whole, but not for us to read; it is left as it is. The message is one line. */
export class NoteError extends Error {}

/** Why one could not be changed, in one line for the user. */
export function noteFailure(file: string, error: unknown): string {
  return error instanceof NoteError ? error.message : `${file}: ${writeFailure(error)}.`;
}

/** Why a file could not be used, and the name that it has now. */
export interface DamagedNote {
  readonly reason: string;
  readonly aside: string;
}

interface Found<T> {
  readonly content: T;
  /** A clause behind the file's name where it cannot be used. */
  readonly damage: string | null;
}

async function contentOf<T>(file: string, read: (json: JsonObject) => T, empty: T): Promise<Found<T>> {
  try {
    return { content: read(parseDocument(await readDocument(file))), damage: null };
  } catch (error) {
    if (isFileError(error) && isAbsent(error)) return { content: empty, damage: null };
    if (error instanceof NewerSchemaError) throw new NoteError(`${file} ${error.message}.`);
    if (error instanceof FileContentError) return { content: empty, damage: error.message };
    if (isFileError(error)) throw new NoteError(`${file} ${readFailure(error)}; nothing was changed.`);
    throw error;
  }
}

/**
 * @param read throws FileContentError where the document is not one of this kind
 * @param empty what a file that is not there holds
 * @param change says what the document is to hold beside its schema
 * @returns what was in the way, to be said; null where nothing was
 * @throws NoteError when the file may not be read, or is of a newer version: nothing is overwritten
 */
export async function changeNote<T>(
  file: string,
  read: (json: JsonObject) => T,
  empty: T,
  change: (found: T) => object,
): Promise<DamagedNote | null> {
  let found: Found<T> | undefined;
  const aside = await changeFile(file, async () => {
    found = await contentOf(file, read, empty);
    const content = { schema: SCHEMA, ...change(found.content) };
    return { text: `${JSON.stringify(content)}\n`, putAside: found.damage !== null };
  });
  return aside === null ? null : { reason: found?.damage ?? '', aside };
}
