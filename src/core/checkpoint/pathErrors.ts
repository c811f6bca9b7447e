/** What is thrown where a path leads nowhere. */
import { danglingLink, isAbsent, readFailure } from '../files';

/** Nothing to validate, compare or show: the path leads nowhere, or cannot be looked at. The message is one line for the user. */
export class CheckpointPathError extends Error {}

/** The error of a path that `error`, one of files.ts or of Node's own, kept from being looked at or opened. */
export function pathError(path: string, error: unknown): CheckpointPathError {
  const cause = isAbsent(error) ? (danglingLink(path) ?? error) : error;
  return new CheckpointPathError(`${path} ${readFailure(cause)}.`);
}
