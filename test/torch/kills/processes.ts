/** The processes of a run that is trained, found by what the system says of them (Linux). */
import fs from 'node:fs';

/** `asker`: the command line that made the plan and started it, as the extension host does; `terminal`: what follows the run. */
export type Role = 'asker' | 'terminal' | 'supervisor' | 'trainer';

export interface RunProcesses {
  readonly asker: readonly number[];
  readonly terminal: readonly number[];
  readonly supervisor: readonly number[];
  readonly trainer: readonly number[];
}

interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly words: readonly string[];
}

/** Ours alone: what another user's or an ended process is, nobody can read. */
function look(pid: number): Seen | null {
  try {
    const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return 'ZX'.includes(state) ? null : { pid, parent: Number(parent), session: Number(session), words };
  } catch {
    return null;
  }
}

/**
 * @param workspace the training workspace, which nothing else trains in
 * @param run the run's name, which is no part of another's
 */
export function processesOf(workspace: string, run: string): RunProcesses {
  const found: Record<Role, number[]> = { asker: [], terminal: [], supervisor: [], trainer: [] };
  const trainers: Seen[] = [];
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const seen = look(Number(name));
    if (seen === null || !seen.words.some((word) => names(word, run)) || !isIn(seen.pid, workspace)) continue;
    const [, script = '', command] = seen.words;
    if (script.endsWith('cli.js')) found.asker.push(seen.pid);
    else if (script.endsWith('train_multi_layer_npt.py')) trainers.push(seen);
    else if (script.endsWith('npt_supervise.py')) {
      // The supervisor is a fork of what follows it, with its words, in a session of its own.
      const detached = command === 'run' && seen.session !== look(process.pid)?.session;
      found[detached ? 'supervisor' : 'terminal'].push(seen.pid);
    }
  }
  // What a trainer forks has its words.
  const own = new Set(trainers.map(({ pid }) => pid));
  found.trainer = trainers.filter(({ parent }) => !own.has(parent)).map(({ pid }) => pid);
  return found;
}

function names(word: string, run: string): boolean {
  return word === run || word.endsWith(`/${run}`) || word.includes(`/${run}/`);
}

function isIn(pid: number, workspace: string): boolean {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`) === workspace;
  } catch {
    return false;
  }
}

/** Who holds locks on a file, by the system's list; a list that changes while it is read may name one of them twice. */
export function lockersOf(file: string): ReadonlySet<string> {
  const { ino } = fs.statSync(file);
  const found = fs
    .readFileSync('/proc/locks', 'utf8')
    .matchAll(/^\d+: FLOCK +ADVISORY +WRITE +(\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) /gm);
  return new Set([...found].filter(([, , inode]) => Number(inode) === ino).map(([, pid = '']) => pid));
}
