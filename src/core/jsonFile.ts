/** JSON documents of runs and checkpoints on disk, read with bounds. */
import { closeSync, readFileSync } from 'node:fs';
import { isAbsent, isFileError, openRegular, openRegularSync, readFailure, WrongKindError } from './files';
import { FileContentError, MAX_DOCUMENT_BYTES, parseObject, type JsonObject } from './jsonText';

export type JsonResult =
  { readonly object: JsonObject; readonly failure: null } | { readonly object: null; readonly failure: JsonFailure };

/** Why a JSON file gives nothing. */
export interface JsonFailure {
  /** `missing` is not an error by itself; `content` is what is in it, the others what the system says of it. */
  readonly kind: 'missing' | 'content' | 'wrong-kind' | 'unreadable';
  /** To be put behind the file's name: "is not JSON (line 3)". */
  readonly clause: string;
}

/**
 * Reads a JSON object. Python's bare NaN and Infinity are read as the strings that the contract writes for them. `blocking`
 * only where the thread may wait.
 */
export async function readJsonObject(path: string, blocking = false): Promise<JsonResult> {
  try {
    return { object: parseObject(await readDocument(path, blocking)), failure: null };
  } catch (error) {
    if (error instanceof FileContentError) return failed('content', error.message);
    if (!isFileError(error)) throw error;
    if (isAbsent(error)) return failed('missing', 'is missing');
    return failed(error instanceof WrongKindError ? 'wrong-kind' : 'unreadable', readFailure(error));
  }
}

function failed(kind: JsonFailure['kind'], clause: string): JsonResult {
  return { object: null, failure: { kind, clause } };
}

/**
 * A document's bytes, for parseObject or parseDocument. `blocking` only where the thread may wait.
 *
 * @throws FileContentError for one that is too large, WrongKindError, and Node's own errors
 */
export async function readDocument(path: string, blocking = false): Promise<Uint8Array> {
  if (blocking) {
    const { descriptor, stats } = openRegularSync(path);
    try {
      refuseTooLarge(stats.size);
      return readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
  const { handle, stats } = await openRegular(path);
  try {
    refuseTooLarge(stats.size);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** @throws FileContentError */
export function refuseTooLarge(bytes: number): void {
  if (bytes > MAX_DOCUMENT_BYTES) throw new FileContentError('is larger than any document of a run');
}
