/** This machine and its processes: a pid alone says nothing, since pids are reused and disks are shared by machines. */
import fs from 'node:fs';
import os from 'node:os';
import { errorCode } from './files';

export interface Host {
  readonly name: string;
  /** Changes at each start of the machine; empty where the system has none (macOS, Windows). */
  readonly bootId: string;
}

let host: Host | undefined;

/** This machine, as the trainer and the supervisor name it in process.json. */
export function thisHost(): Host {
  host ??= { name: os.hostname(), bootId: readBootId() };
  return host;
}

/** This machine in the names of leftovers, as the trainer writes it, so that its next start can finish what was cut short. */
export function hostInNames(): string {
  return thisHost().name.replaceAll('/', '_') || 'localhost';
}

function readBootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return ''; // No /proc: boot ids are a Linux thing, and identity is then judged without one.
  }
}

/** What /proc/<pid>/stat says of a process, proc(5). */
export interface ProcStat {
  /** A letter. */
  readonly state: string;
  /** Its pid. */
  readonly parent: number;
  /** Clock ticks since boot. */
  readonly startTicks: number;
}

/** Null where there is no such process. */
export function procStat(pid: number): ProcStat | null {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', parent: Number(fields[1]), startTicks: Number(fields[19]) };
}

/** Whether a process of this machine runs, and is the one that started then; without /proc, whether any has its pid. */
export function isRunning(pid: number, startTicks: number, here: Host = thisHost()): boolean {
  if (here.bootId === '') return answersSignals(pid);
  const stat = procStat(pid);
  return stat !== null && stat.state !== 'Z' && stat.state !== 'X' && stat.startTicks === startTicks;
}

export function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
