/**
 * What a path leads to, before it is opened: a checkpoint's place may hold anything. Opening a named pipe waits for ever,
 * opening a device may do something, and a path that may not be looked at is not one that leads nowhere.
 */
import fs, { constants, type Stats } from 'node:fs';
import { access, lstat, open, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** Something else is where a file, or a folder, belongs. */
export class WrongKindError extends Error {
  /** @param clause to be put behind the path: "is not a file but a named pipe" */
  constructor(
    readonly path: string,
    readonly clause: string,
  ) {
    super(`${path} ${clause}`);
    this.name = 'WrongKindError';
  }
}

/** Nothing that opening waits for: a pipe whose other end nobody opens gives an error, or no bytes. */
const READ = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0);

/**
 * Opens a regular file for reading, links followed. Whatever else is there is not opened: it is looked at first, and once
 * more when it is open, because it may have been put in the file's place in between.
 *
 * @throws WrongKindError, and Node's own errors
 */
export async function openRegular(file: string): Promise<{ readonly handle: FileHandle; readonly stats: Stats }> {
  requireFile(file, await stat(file).catch(namingLink(file)));
  const handle = await open(file, READ);
  try {
    return { handle, stats: requireFile(file, await handle.stat()) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The same where the thread may wait. The caller closes the descriptor.
 *
 * @param found what stat said a moment ago, where the caller has asked
 */
export function openRegularSync(
  file: string,
  found: Stats = statSync(file),
): { readonly descriptor: number; readonly stats: Stats } {
  requireFile(file, found);
  const descriptor = fs.openSync(file, READ);
  try {
    return { descriptor, stats: requireFile(file, fs.fstatSync(descriptor)) };
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
}

/**
 * The file that a path leads to, links followed; null where nothing is there.
 *
 * @throws WrongKindError for anything but a file, a link that leads nowhere included; Node's own errors
 */
export async function regularStats(file: string, blocking = false): Promise<Stats | null> {
  try {
    const link = blocking ? (fs.lstatSync(file, { throwIfNoEntry: false }) ?? null) : await lstat(file);
    if (link === null) return null;
    if (!link.isSymbolicLink()) return requireFile(file, link);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
  return requireFile(file, blocking ? statSync(file) : await stat(file).catch(namingLink(file)));
}

/** @throws Error as given, or WrongKindError where the path is a link that leads nowhere */
function namingLink(file: string): (error: unknown) => never {
  return (error) => {
    throw isAbsent(error) ? (danglingLink(file) ?? error) : error;
  };
}

function statSync(file: string): Stats {
  try {
    return fs.statSync(file);
  } catch (error) {
    return namingLink(file)(error);
  }
}

/** What to say of a path that leads nowhere because it, or a folder on the way, is a link to nothing; null where it is not. */
export function danglingLink(file: string): WrongKindError | null {
  for (let at = file; ; at = path.dirname(at)) {
    const found = lstatOrNothing(at);
    if (found?.isSymbolicLink() === true && !fs.existsSync(at)) {
      const link = `a symbolic link to ${fs.readlinkSync(at)}, which does not exist`;
      return new WrongKindError(file, at === file ? `is ${link}` : `does not exist: ${at} is ${link}`);
    }
    if (found !== undefined || at === path.dirname(at)) return null; // from here on up all is there
  }
}

function lstatOrNothing(at: string): Stats | undefined {
  try {
    return fs.lstatSync(at, { throwIfNoEntry: false });
  } catch {
    return undefined; // a file where a folder should be, or one that may not be entered
  }
}

function requireFile(file: string, stats: Stats): Stats {
  if (!stats.isFile()) throw new WrongKindError(file, `is not a file but ${kindOf(stats)}`);
  return stats;
}

/** @throws WrongKindError */
export function requireFolder(folder: string, stats: Stats): Stats {
  if (!stats.isDirectory()) throw new WrongKindError(folder, `is not a folder but ${kindOf(stats)}`);
  return stats;
}

/** Tells a file or folder from another one of its name, on the same machine, as long as both are there. */
export function identityOf({ dev, ino }: Pick<Stats, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`;
}

/** "a named pipe": what it is, with its article. */
export function kindOf(stats: Stats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'a device';
  return 'a symbolic link';
}

export async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether anything has this name, a link to nothing included. What may not be looked at is there: who opens it will say so. */
export async function isThere(target: string): Promise<boolean> {
  try {
    await lstat(target);
    return true;
  } catch (error) {
    return !isAbsent(error);
  }
}

/** Whether there is anything under this path that may be looked at, links followed. */
export async function exists(target: string): Promise<boolean> {
  try {
    await stat(target);
    return true;
  } catch {
    return false;
  }
}

/** True for errors that only say that something is not (or no longer) there. */
export function isAbsent(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** What the system, or this file, says of a path; everything else that is thrown is a fault of ours. */
export function isFileError(error: unknown): error is Error {
  return (
    error instanceof WrongKindError ||
    (error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string')
  );
}

export function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** A failed read as a clause to put behind the path: what keeps it from being read, and which right is missing. */
export function readFailure(error: unknown): string {
  if (error instanceof WrongKindError) return error.clause;
  switch (errorCode(error)) {
    case 'EACCES':
    case 'EPERM': {
      const { path: where } = error as NodeJS.ErrnoException;
      return `cannot be read: ${where === undefined ? 'no permission' : missingRight(where)}`;
    }
    case 'ENOENT':
      return 'does not exist';
    case 'EISDIR':
      return 'is not a file but a folder';
    case 'ENOTDIR':
      return 'is not a folder';
    case 'ELOOP':
      return 'cannot be read: its symbolic links go in a circle';
    case 'EIO':
      return 'cannot be read: the disk reports a read error';
    case 'ENXIO':
      return 'is not a file but a socket, a pipe or a device';
    case null:
      return `cannot be read: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`;
    default:
      return `cannot be read (${errorCode(error) ?? 'unknown error'})`;
  }
}

/** A failed write as a clause to put behind the path. */
export function writeFailure(error: unknown): string {
  const code = errorCode(error);
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'no permission to write here';
    case 'EROFS':
      return 'the disk is read-only';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full';
    case null:
    default:
      return `cannot be written (${code ?? String(error)})`;
  }
}

/** Which right keeps this process from a path, and where: it may be a folder above that may not be entered. */
function missingRight(target: string): string {
  const full = path.resolve(target);
  for (const folder of foldersAbove(full)) {
    if (!allows(folder, constants.X_OK)) return `no permission to enter the folder ${folder} (its right x is missing)`;
  }
  if (!allows(full, constants.R_OK)) return 'no permission to read it (its right r is missing)';
  return allows(full, constants.X_OK) ? 'no permission' : 'no permission to enter it (its right x is missing)';
}

/** From the root down, without the path itself. */
function foldersAbove(full: string): string[] {
  const above = path.dirname(full);
  return above === full ? [] : [...foldersAbove(above), above];
}

function allows(target: string, right: number): boolean {
  try {
    fs.accessSync(target, right);
    return true;
  } catch (error) {
    return !['EACCES', 'EPERM'].includes(errorCode(error) ?? '');
  }
}
