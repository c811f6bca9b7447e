/**
 * Whether anything on this machine trains in a run, by its lock (contract section 1). A process.json of a container that is gone
 * names a process that nobody here can ask; its lock went with it.
 */
import { execFile } from 'node:child_process';
import { isObject } from '../jsonText';

/** `unknown`: the disk has no locks, or nobody could look. */
export type LockState = 'held' | 'free' | 'unknown';

const ANSWERS_WITHIN_MS = 10_000;

/**
 * Asks the supervisor's `status`: Node has no flock.
 *
 * @param python any interpreter of version 3.8 or later
 * @param supervisor path of npt_supervise.py
 */
export async function lockState(runPath: string, python: string, supervisor: string): Promise<LockState> {
  const answer = await new Promise<string>((resolve) => {
    execFile(
      python,
      [supervisor, 'status', '--run-dir', runPath],
      { timeout: ANSWERS_WITHIN_MS, killSignal: 'SIGKILL' },
      (_, output) => {
        resolve(output);
      },
    );
  });
  // An interpreter's own start may print lines of its own.
  for (const line of answer.split('\n').reverse()) {
    const lock = lockIn(line);
    if (lock !== null) return lock;
  }
  return 'unknown';
}

function lockIn(line: string): LockState | null {
  try {
    const document: unknown = JSON.parse(line);
    if (!isObject(document)) return null;
    return document.lock === 'held' || document.lock === 'free' ? document.lock : 'unknown';
  } catch {
    return null; // Not the supervisor's line.
  }
}
