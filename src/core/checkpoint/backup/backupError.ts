/** What keeps a checkpoint from being copied, in one line for the user. */
import { errorCode, isFileError, readFailure, writeFailure } from '../../files';
import { FileContentError, parseDocument, type JsonObject } from '../../jsonText';
import { CheckpointPathError } from '../pathErrors';

/** Nothing was copied that passes for whole. */
export class BackupError extends CheckpointPathError {}

/** There is no room left on the disk that is written to. */
export class DiskFullError extends BackupError {}

/** What is not the system's answer is passed on as it is. */
export function unreadable(path: string, error: unknown): unknown {
  return isFileError(error) ? new BackupError(`${path} ${readFailure(error)}.`) : error;
}

/** Likewise. */
export function unwritable(path: string, error: unknown): unknown {
  if (!isFileError(error)) return error;
  const full = ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '');
  return new (full ? DiskFullError : BackupError)(`${path}: ${writeFailure(error)}.`);
}

/** The JSON document in a file's bytes. @throws BackupError */
export function documentIn(path: string, bytes: Uint8Array): JsonObject {
  try {
    return parseDocument(bytes);
  } catch (error) {
    if (error instanceof FileContentError) throw new BackupError(`${path} ${error.message}.`);
    throw error;
  }
}
