/** One at a time among processes: a lock file that names its holder, so that a dead holder's lock can be told from a live one's. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { endWithProcess } from './ending.mjs';

const POLL_MS = 300;

/** When a process of this machine started, in clock ticks since boot; null where that cannot be read. */
function startTicks(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name (field 2) may hold spaces and brackets: count fields from behind its last bracket (man 5 proc: field 22).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null; // not Linux, or the process is gone
  }
}

function alive(holder) {
  if (holder.host !== os.hostname()) return true; // a shared disk: that machine's processes cannot be seen from here
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return holder.ticks === null || startTicks(holder.pid) === holder.ticks;
}

/** @returns {{ pid: number, host: string, ticks: string | null } | undefined} */
function holderOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // gone in between
  }
}

/** Creates the lock file with its content in one step (a link cannot be seen half written). */
function take(file, me) {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(me));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes a dead holder's lock, unless somebody else did and took it in the meantime. */
function removeStale(file, dead) {
  const aside = `${file}.stale-${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return; // another process was faster
  }
  const moved = holderOf(aside);
  if (moved !== undefined && (moved.pid !== dead.pid || moved.ticks !== dead.ticks || moved.host !== dead.host)) {
    try {
      linkSync(aside, file); // a live one's: put it back
    } catch {
      // A third process holds it now; both do the same idempotent work, one after the other's marker.
    }
  }
  rmSync(aside, { force: true });
}

/**
 * Runs work while holding the lock. Waits for a live holder and says so; a dead one's lock is taken over.
 * @template T
 * @param {string} file
 * @param {(line: string) => void} report
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, report, work) {
  mkdirSync(path.dirname(file), { recursive: true });
  const me = { pid: process.pid, host: os.hostname(), ticks: startTicks(process.pid) };
  while (!take(file, me)) {
    const holder = holderOf(file);
    if (holder !== undefined && !alive(holder)) {
      removeStale(file, holder);
      continue;
    }
    if (holder !== undefined) {
      const where = holder.host === me.host ? '' : ` on ${holder.host} (if it is gone, delete ${file})`;
      report(`waiting for process ${holder.pid}${where}, which is doing this already`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const release = () => rmSync(file, { force: true });
  const forget = endWithProcess(release);
  try {
    return await work();
  } finally {
    forget();
    release();
  }
}
