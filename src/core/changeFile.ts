/**
 * Changing a small file that other windows and programs change too: read, changed and put in place while nobody else of ours
 * does the same, whole, by rename. What somebody else wrote meanwhile is read once more and never replaced unread.
 */
import { constants, type BigIntStats } from 'node:fs';
import { access, lstat, open, realpath, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { synced, syncFolder } from './durable';
import { isAbsent } from './files';

export interface NewContent {
  readonly text: string;
  /** What the file holds now stays, as `<name>.damaged-1` or on. */
  readonly putAside?: boolean;
}

/** How long another window's change may take; what is older was left behind by one that died. */
const OTHERS_MS = 5000;
const RETRY_MS = 20;

/** One change of a file after the other, in the order in which they were asked for. */
const changes = new Map<string, Promise<unknown>>();

/**
 * @param file in a folder that exists; it need not exist itself. A link stays one: what it leads to is changed
 * @param change reads the file and says what it is to hold; null leaves it as it is. It is asked again where somebody else
 *   wrote the file meanwhile
 * @returns the name under which the earlier content was put aside; null where it was not
 * @throws what `change` throws, and Node's own errors; the file is as it was then
 */
export function changeFile(file: string, change: () => Promise<NewContent | null>): Promise<string | null> {
  const before = changes.get(file) ?? Promise.resolve();
  const changed = before.then(() => changeAlone(file, change));
  // The next change goes on whether or not this one could be made.
  const settled = changed.catch(() => undefined);
  changes.set(file, settled);
  void settled.then(() => {
    if (changes.get(file) === settled) changes.delete(file);
  });
  return changed;
}

async function changeAlone(named: string, change: () => Promise<NewContent | null>): Promise<string | null> {
  const file = await realpath(named).catch((error: unknown) => {
    if (isAbsent(error)) return named;
    throw error;
  });
  // The next content's file is also the lock: of two windows, one makes it and the other waits.
  const next = `${file}.new`;
  for (;;) {
    const draft = await openAlone(next);
    const ours = identityOf(await draft.stat({ bigint: true }), 'file');
    const isOurs = async (): Promise<boolean> => identityOf(await statsOf(next), 'file') === ours;
    try {
      const found = await statsOf(file);
      const content = await change();
      if (content === null) {
        if (await isOurs()) await rm(next, { force: true });
        return null;
      }
      if (found !== null) {
        // By rename a file could be replaced that may not be written.
        await access(file, constants.W_OK);
        await draft.chmod(Number(found.mode & 0o7777n)).catch(() => undefined);
      }
      await draft.writeFile(content.text);
      await synced(draft);
      // Who was held up for long has lost its place to another, and begins anew.
      if (!(await isOurs())) continue;
      if (identityOf(await statsOf(file), 'content') !== identityOf(found, 'content')) {
        await rm(next, { force: true });
        continue;
      }
      const aside = content.putAside === true && found !== null ? await putAside(file) : null;
      await rename(next, file);
      await syncFolder(path.dirname(file));
      return aside;
    } catch (error) {
      if (await isOurs().catch(() => false)) await rm(next, { force: true }).catch(() => undefined);
      throw error;
    } finally {
      await draft.close();
    }
  }
}

/** Gives a file another name, under which it stays. */
async function putAside(file: string): Promise<string> {
  for (let number = 1; ; number++) {
    const aside = `${file}.damaged-${number}`;
    if ((await statsOf(aside)) !== null) continue;
    await rename(file, aside);
    return path.basename(aside);
  }
}

async function openAlone(file: string): Promise<FileHandle> {
  let waitedFor = '';
  for (let since = performance.now(); ;) {
    try {
      return await open(file, 'wx');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    // Another one is another change: of two that waited for a dead one, the second must not take the first's away.
    const there = identityOf(await statsOf(file), 'content');
    if (there !== waitedFor) [waitedFor, since] = [there, performance.now()];
    else if (performance.now() - since > OTHERS_MS) await rm(file, { force: true });
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** @returns null where nothing has this name */
function statsOf(file: string): Promise<BigIntStats | null> {
  return lstat(file, { bigint: true }).catch((error: unknown) => {
    if (isAbsent(error)) return null;
    throw error;
  });
}

/** Equal for one file, or for one file as long as nobody wrote it. */
function identityOf(stats: BigIntStats | null, of: 'file' | 'content'): string {
  if (stats === null) return '';
  const file = `${stats.dev}:${stats.ino}`;
  // Where a disk keeps no time of birth, it is that of the last change.
  return of === 'file' ? file : `${file}:${stats.birthtimeNs}:${stats.size}:${stats.mtimeNs}`;
}
