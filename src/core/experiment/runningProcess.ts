/**
 * Whether a process of this machine that process.json names (contract section 1) still runs, and how to ask it to stop.
 * Launchers (core/training/launchers) build on it.
 *
 * A pid alone says nothing: pids are reused, home directories are shared by machines, machines restart. A process is taken
 * for the same one only when host, boot, pid and start time all agree and it is not a zombie.
 */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import type { Liveness, ProcessState, RunProcess } from './model';
import { errorCode } from '../files';
import { answersSignals, isRunning, procStat, thisHost, type Host } from '../thisHost';

export function liveness(named: RunProcess, here: Host = thisHost()): Liveness {
  if (named.host !== here.name) return 'elsewhere';
  if (endedWithMachine(named, here)) return 'dead';
  if (named.pid <= 0) return 'dead';
  return isRunning(named.pid, named.startTicks, here) ? 'alive' : 'dead';
}

/** What this machine's process table says: all that there is to know of a process that somebody started by hand. */
export function askThisHost(named: RunProcess): Promise<ProcessState> {
  const { restart } = named;
  const state = liveness(named);
  const detail = restart === undefined || state !== 'alive' ? null : restartText(restart);
  return Promise.resolve({ liveness: state, detail });
}

function restartText({ number, of, after, at }: NonNullable<RunProcess['restart']>): string {
  const waits = at * 1000 > Date.now() ? ', which is waited for' : '';
  return `restart ${number} of ${of}${waits}, after: ${after}`;
}

/** Whether a process was one of this machine's, before the machine was started anew. */
export function endedWithMachine(named: RunProcess, here: Host = thisHost()): boolean {
  return named.host === here.name && named.bootId !== '' && here.bootId !== '' && named.bootId !== here.bootId;
}

/** The run could not be asked to stop; the message is one line for the user. */
export class StopError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StopError';
  }
}

/**
 * Asks whoever trains a run to stop, after making sure that it still is that process. SIGINT: finish the step, save, stop;
 * SIGQUIT: end without a save (contract section 5).
 *
 * The supervisor is asked where there is one: it passes the first request on and no other, so that any number of windows may
 * ask. Without one it is the trainer; ours only repeats what it is waiting for.
 *
 * @throws StopError when it ended already, runs on another machine, or may not be signalled
 */
export async function stopProcess(named: RunProcess, signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
  const state = liveness(named);
  if (state === 'elsewhere') {
    throw new StopError(`The run trains on ${named.host}, not on this machine: stop it there.`);
  }
  if (state === 'dead' || !(await startedWhenItSays(named))) {
    throw new StopError(`The process that trained this run (pid ${named.pid}) has ended already.`);
  }
  try {
    process.kill(decider(named), signal);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') {
      throw new StopError(`The process that trained this run (pid ${named.pid}) has ended already.`);
    }
    if (errorCode(error) === 'EPERM') {
      throw new StopError(`The run is trained by another user's process (pid ${named.pid}): they have to stop it.`);
    }
    throw error;
  }
}

/** The process that decides about the run's end. */
function decider({ pid, supervisor }: RunProcess): number {
  if (supervisor === undefined) return pid;
  const stat = procStat(supervisor.pid);
  if (stat === null) return thisHost().bootId === '' && answersSignals(supervisor.pid) ? supervisor.pid : pid;
  return stat.startTicks === supervisor.startTicks && stat.state !== 'Z' && stat.state !== 'X' ? supervisor.pid : pid;
}

/**
 * Asks whoever trains a run for the Python stacks of all threads: SIGUSR2, of which only a process is sent one that answers it.
 *
 * @throws StopError when it cannot be asked
 */
export async function askForStacks(named: RunProcess): Promise<void> {
  const state = liveness(named);
  if (state === 'elsewhere') throw new StopError(`The run trains on ${named.host}, not on this machine.`);
  if (state === 'dead' || !(await startedWhenItSays(named))) {
    throw new StopError(`The process that trained this run (pid ${named.pid}) has ended already.`);
  }
  const asked = [decider(named), named.pid].find((pid) => catches(pid, os.constants.signals.SIGUSR2));
  if (asked === undefined) {
    throw new StopError(`Its process (pid ${named.pid}) does not answer SIGUSR2, which would end it.`);
  }
  try {
    process.kill(asked, 'SIGUSR2');
  } catch (error) {
    if (errorCode(error) === 'ESRCH') throw new StopError(`Its process (pid ${asked}) has ended already.`);
    if (errorCode(error) === 'EPERM') throw new StopError(`Its process (pid ${asked}) is another user's.`);
    throw error;
  }
}

/** Whether a process has a handler for a signal (proc(5), SigCgt); false where the system does not say. */
function catches(pid: number, signal: number): boolean {
  let status: string;
  try {
    status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return false;
  }
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return caught !== undefined && ((BigInt(`0x${caught}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

/** Without /proc, ps tells the start time to the second; before signalling, that much identity is asked for. */
async function startedWhenItSays(named: RunProcess): Promise<boolean> {
  if (thisHost().bootId !== '' || process.platform === 'win32') return true;
  const started = await new Promise<string>((resolve) => {
    execFile(
      'ps',
      ['-o', 'lstart=', '-p', named.pid.toString()],
      { env: { ...process.env, LC_ALL: 'C' } },
      (_, out) => {
        resolve(out);
      },
    );
  });
  return Math.abs(Date.parse(started) / 1000 - named.started) < 5;
}
