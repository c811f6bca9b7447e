/**
 * Hidden folders in which something is put together before it gets its name. Each says in its name who works on it, so that of
 * two at once each has its own, and that what a killed process left is found, finished or swept by the next one.
 */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { hostInNames, isRunning, procStat } from '../../thisHost';
import { entriesIn } from './folders';

/** Another machine's processes cannot be asked: what nobody wrote for so long, nobody writes any more. */
const LEFT_ALONE_MS = 10 * 60_000;
/** Host and pid stand last, as in what the trainer leaves: its next start sweeps those of them that it would take for its own. */
const OWNER = /^[0-9a-f]{8}-(?<ticks>\d+)-(?<host>.+)-(?<pid>\d+)$/;

/** Those that this process works on: its own pid tells no attempt of its from another. */
const inUse = new Set<string>();

export class OwnedFolder {
  private constructor(readonly path: string) {
    inUse.add(path);
  }

  /** Makes one. @param prefix what its name begins with. Rejects with Node's own errors */
  static async make(parent: string, prefix: string): Promise<OwnedFolder> {
    const folder = path.join(parent, newName(prefix));
    await mkdir(folder);
    return new OwnedFolder(folder);
  }

  /**
   * Takes over one that nobody works on any more.
   *
   * @returns null where somebody else was faster, or it cannot be renamed
   */
  static async takeOver(left: string, prefix: string): Promise<OwnedFolder | null> {
    const folder = path.join(path.dirname(left), newName(prefix));
    try {
      await rename(left, folder);
    } catch {
      return null;
    }
    return new OwnedFolder(folder);
  }

  /** Leaves it to whoever comes next. */
  leave(): void {
    inUse.delete(this.path);
  }

  /** Removes it with all that is in it. Never rejects: what cannot be removed is swept later. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    this.leave();
  }
}

/** Absolute paths of those in a folder that nobody works on any more. */
export async function leftIn(parent: string, prefix: string): Promise<string[]> {
  const names = await readdir(parent).catch(() => []);
  const left: string[] = [];
  for (const name of names) {
    if (!name.startsWith(prefix)) continue;
    const folder = path.join(parent, name);
    const owner = OWNER.exec(name.slice(prefix.length))?.groups;
    if (owner === undefined || inUse.has(folder)) continue;
    const found = await lstat(folder).catch(() => null);
    if (found?.isDirectory() === true && (await isLeft(folder, owner))) left.push(folder);
  }
  return left;
}

async function isLeft(folder: string, owner: Readonly<Record<string, string>>): Promise<boolean> {
  const [pid, ticks] = [Number(owner['pid']), Number(owner['ticks'])];
  if (owner['host'] === hostInNames()) return (pid === process.pid && ticks === ownTicks()) || !isRunning(pid, ticks);
  const touched = await newestChange(folder);
  return touched !== null && Date.now() - touched > LEFT_ALONE_MS;
}

/** Milliseconds since 1970; null where the folder is being changed at this moment. */
export async function newestChange(folder: string): Promise<number | null> {
  try {
    const own = await lstat(folder);
    return Math.max(own.ctimeMs, ...(await entriesIn(folder)).map(({ stats }) => stats.ctimeMs));
  } catch {
    return null;
  }
}

function newName(prefix: string): string {
  return `${prefix}${randomBytes(4).toString('hex')}-${ownTicks()}-${hostInNames()}-${process.pid}`;
}

/** 0 where there is no /proc. */
function ownTicks(): number {
  return procStat(process.pid)?.startTicks ?? 0;
}
