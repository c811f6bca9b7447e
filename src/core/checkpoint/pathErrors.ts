/** What is thrown where a path leads nowhere, and telling the system's own errors from all others. */

/** Nothing to validate, compare or show: the path leads nowhere, or cannot be looked at. The message is one line for the user. */
export class CheckpointPathError extends Error {}

/** The error of a path that `error`, one of Node's own, kept from being looked at or opened. */
export function pathError(path: string, error: unknown): CheckpointPathError {
  const { code } = error as NodeJS.ErrnoException;
  return new CheckpointPathError(
    code === 'ENOENT' ? `${path} does not exist.` : `${path} cannot be read (${code ?? 'unknown error'}).`,
  );
}

/** A file that is gone, forbidden or on a disk that fails; everything else is a fault of ours. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
