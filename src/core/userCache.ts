/** Files of ours in this user's cache folder, which may be emptied at any time: a file of it is a shortcut, and never the truth. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { isFileError } from './files';

let drafts = 0;

/** Absolute path of a folder of ours in it; it need not exist. */
export function cacheFolder(name: string): string {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  const usual = path.join(os.homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  const base =
    process.platform === 'win32' ? (local ?? usual) : xdg !== undefined && path.isAbsolute(xdg) ? xdg : usual;
  return path.join(base, 'npt-checkpoints', name);
}

/**
 * Puts a file there, whole or not at all; of several that do so at once, the last one's stays. A disk that does not take it is
 * no error: what cannot be kept is found out again. Not synced: what a power failure leaves of it has to be recognised.
 *
 * @returns whether it is there now
 */
export async function keepInCache(file: string, content: string | Iterable<string>): Promise<boolean> {
  // A name of its own for each: windows and their threads write at once.
  const draft = `${file}.${process.pid}-${(drafts += 1)}${DRAFT}`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(draft, content, { mode: 0o600 });
    await rename(draft, file);
    return true;
  } catch (error) {
    if (!isFileError(error)) throw error;
    await rm(draft, { force: true }).catch(() => undefined);
    return false;
  }
}

/** How the names of drafts end: one that is old was left behind by who was killed. */
export const DRAFT = '.draft';
