/** Folders that are copied to. No link in them is followed: what lies there may have been anybody's since. */
import type { Stats } from 'node:fs';
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../durable';
import { isAbsent } from '../../files';

export interface Entry {
  /** Absolute. */
  readonly path: string;
  /** Relative to the folder, with `/` on every system. */
  readonly name: string;
  readonly stats: Stats;
}

/** Everything under a folder that is no folder itself. Rejects with Node's own errors. */
export async function entriesIn(folder: string, prefix = ''): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const at = path.join(folder, name);
    const stats = await lstat(at);
    if (stats.isDirectory()) entries.push(...(await entriesIn(at, `${prefix}${name}/`)));
    else entries.push({ path: at, name: `${prefix}${name}`, stats });
  }
  return entries;
}

/** Bytes of the files under a folder; 0 where it is not there. */
export async function bytesIn(folder: string): Promise<number> {
  const entries = await entriesIn(folder).catch(() => []);
  return entries.reduce((sum, { stats }) => sum + stats.size, 0);
}

/** Makes folders within a folder; a link in the place of one is removed, not followed. Rejects with Node's own errors. */
export async function makeFolders(folder: string, parts: readonly string[]): Promise<void> {
  let at = folder;
  for (const part of parts) {
    at = path.join(at, part);
    const found = await lstatOrNull(at);
    if (found?.isDirectory() === true) continue;
    if (found !== null) await rm(at);
    await mkdir(at);
  }
}

/** The names of all these files, made durable. */
export async function syncFolders(folder: string, files: readonly { readonly name: string }[]): Promise<void> {
  const folders = new Set([folder]);
  for (const { name } of files) {
    for (let at = path.join(folder, name, '..'); !folders.has(at); at = path.dirname(at)) folders.add(at);
  }
  for (const each of folders) await syncFolder(each);
}

/** Null where nothing has this name. Rejects with Node's own errors. */
export function lstatOrNull(target: string): Promise<Stats | null> {
  return lstat(target).catch((error: unknown) => {
    if (isAbsent(error)) return null;
    throw error;
  });
}
