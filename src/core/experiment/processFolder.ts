/**
 * Which folder a process.json speaks for (contract section 1). It is copied with its run: a copy of a run that trains must not
 * look as if it trained, nor lead a Stop to the original. And it is moved with its run, which goes on training.
 */
import fs from 'node:fs';
import path from 'node:path';
import { readDocument } from '../jsonFile';
import { parseDocument } from '../jsonText';
import type { RunProcess } from './model';
import { networkMount } from './networkMount';
import { readProcess } from './runFiles';
import { PROCESS } from './runLayout';
import { type Host, thisHost } from '../thisHost';

/** A folder as a process.json names it; device and inode are 0 where a system has none. */
export interface FolderIdentity {
  readonly device: number;
  readonly inode: number;
  readonly path: string;
}

/** File systems that make inodes up, differently on each machine and at each mount. */
const MADE_UP: ReadonlySet<string> = new Set(['SMB', 'CIFS', 'SMB2', 'FUSE', '9p']);

/**
 * Whether the process is about the folder `here`.
 *
 * @param fileSystem the network file system that the folder is on (networkMount), null for a local disk
 */
export function speaksFor(
  named: RunProcess,
  here: FolderIdentity,
  fileSystem: string | null,
  host: Host = thisHost(),
): boolean {
  const { folder } = named;
  // Written by an older trainer, which did not say.
  if (folder === undefined) return true;
  const samePath = path.resolve(folder.path) === path.resolve(here.path);
  if (folder.inode === 0 || here.inode === 0) return samePath;
  if (folder.inode === here.inode && folder.device === here.device) return true;
  const elsewhere = named.host !== host.name;
  if (fileSystem !== null && MADE_UP.has(fileSystem)) {
    // Another machine mounts the disk at another path; the run's name is the same there.
    return samePath || (elsewhere && path.basename(folder.path) === path.basename(here.path));
  }
  // The number of a network disk's device is each mount's own.
  return folder.inode === here.inode && (elsewhere || (fileSystem !== null && samePath));
}

/** Whether the process is about the run's folder at this path; false where there is none. */
export async function isAbout(named: RunProcess, runPath: string, stats: fs.Stats | null): Promise<boolean> {
  if (named.folder === undefined) return true;
  if (stats === null) return false;
  const here = { device: stats.dev, inode: stats.ino, path: runPath };
  if (speaksFor(named, here, null)) return true;
  const fileSystem = process.platform === 'win32' ? '9p' : await networkMount(runPath);
  if (speaksFor(named, here, fileSystem)) return true;
  const real = await fs.promises.realpath(runPath).catch(() => runPath);
  return real !== runPath && speaksFor(named, { ...here, path: real }, fileSystem);
}

/** The process that trains in the run's folder as process.json names it at this moment; null where none does. */
export async function processIn(runPath: string): Promise<RunProcess | null> {
  let named: RunProcess | null;
  try {
    named = readProcess(parseDocument(await readDocument(path.join(runPath, PROCESS))));
  } catch {
    return null; // No process.json, or none that names a process.
  }
  if (named === null) return null;
  return (await isAbout(named, runPath, await fs.promises.stat(runPath).catch(() => null))) ? named : null;
}
