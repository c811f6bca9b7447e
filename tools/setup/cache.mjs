/**
 * The folder where tools that are too big for a clone are kept, so that a second clone finds them ready: each in a folder
 * of its own named by what it is made of, and finished by a marker that is written last.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { withLock } from './lock.mjs';

const MARKER = '.complete.json';

/** $NPT_CHECKPOINTS_CACHE, else npt-checkpoints in the user's cache folder (XDG base directory specification). */
export function cacheFolder() {
  const own = process.env.NPT_CHECKPOINTS_CACHE;
  if (own !== undefined && own !== '') return path.resolve(own);
  const xdg = process.env.XDG_CACHE_HOME;
  // The specification says that a relative path there is to be ignored.
  const base = xdg !== undefined && path.isAbsolute(xdg) ? xdg : path.join(os.homedir(), '.cache');
  return path.join(base, 'npt-checkpoints');
}

/**
 * A short name for some content: the same content gives the same name.
 * @param {...(string | Buffer)} parts
 */
export function contentKey(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(String(part.length)).update('\0').update(part);
  return hash.digest('hex').slice(0, 16);
}

/** @param {string} tool @param {string} key */
function folderOf(tool, key) {
  return path.join(cacheFolder(), `${tool}-${key}`);
}

/** The tool's folder when it is completely installed, else undefined. */
export function installed(tool, key) {
  const folder = folderOf(tool, key);
  return existsSync(path.join(folder, MARKER)) ? folder : undefined;
}

/**
 * The tool's folder, made first where it is missing. Two processes at once make it once; one that was interrupted is
 * thrown away and made anew.
 * @param {string} tool
 * @param {string} key what it is made of ({@link contentKey})
 * @param {(line: string) => void} report
 * @param {(folder: string) => Promise<void>} make fills the empty folder; throws when it cannot
 */
export async function install(tool, key, report, make) {
  const ready = installed(tool, key);
  if (ready !== undefined) return ready;
  const folder = folderOf(tool, key);
  return withLock(`${folder}.lock`, report, async () => {
    if (existsSync(path.join(folder, MARKER))) return folder;
    if (existsSync(folder)) {
      report('clearing away an unfinished installation');
      await rm(folder, { recursive: true, force: true });
    }
    mkdirSync(folder, { recursive: true });
    await make(folder);
    const marker = path.join(folder, MARKER);
    writeFileSync(`${marker}.tmp`, `${JSON.stringify({ schema: 1, tool, key, time: Date.now() / 1000 })}\n`);
    renameSync(`${marker}.tmp`, marker);
    return folder;
  });
}
