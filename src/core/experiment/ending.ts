/** How a run ended badly, for a person: what happened, who did it where that is known, and what to do now. */
import { formatCount } from '../format';
import { newestComplete } from './checkpoints';
import type { Run } from './model';
import { endedWithMachine } from './runningProcess';

export interface BadEnding {
  /** "Failed at step 734", "Killed by SIGKILL at step 734". */
  readonly title: string;
  /** What it said itself, in full; where it could not, what such an end means. */
  readonly reason: string;
  readonly advice: string;
}

/** Who sends a signal that ends a run unasked. */
const SENDERS: Readonly<Record<string, string>> = {
  SIGKILL:
    'SIGKILL cannot be answered: it comes from the kernel where memory ran out (dmesg tells), from a scheduler whose limit was reached, or from kill -9.',
  SIGTERM: 'The system, a scheduler or somebody with kill asked it to end.',
  SIGHUP: 'The terminal or the session that it ran in was closed.',
  SIGINT: 'Somebody interrupted it (Ctrl+C).',
  SIGQUIT: 'Somebody ended it without a save (Stop Now, or Ctrl+\\ in its terminal).',
  SIGXCPU: 'It reached its limit of processor time.',
  SIGSEGV: 'It crashed in native code (a driver or a library), not in Python.',
  SIGBUS: 'It crashed in native code: memory or a mapped file was gone, as on a full disk.',
  SIGABRT: 'A library gave up and ended the process; its reason is in the log.',
  SIGFPE: 'It crashed in native code (a driver or a library), not in Python.',
  SIGILL: 'A library was built for another processor.',
};

/** What helps, by what the trainer said; the first that fits. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /out of memory|allocate memory|MemoryError/i,
    'Free the device (nvidia-smi tells who uses it), or branch with a smaller batch_size and more gradient_accumulation_steps.',
  ],
  [/no space left|disk quota|disk is full/i, 'Free space on that disk, for example with NPT: Clean Up Checkpoints…'],
  [
    /no module named|ModuleNotFoundError|ImportError/i,
    'Install it for the run’s interpreter, or choose another one (npt.pythonPath).',
  ],
  [/\bnan\b|not finite|non-finite|diverged/i, 'Branch from the last good checkpoint with a lower learning rate.'],
  [/\bCUDA\b|\bNCCL\b|cuDNN|cuBLAS|device-side/i, 'Look whether the GPU is there and free (nvidia-smi).'],
  [/connection|timed out|resolve host|getaddrinfo|HTTP/i, 'Look whether the network is there.'],
  [/permission denied|read-only file system/i, 'Look who may write there.'],
];

/** How the last segment ended badly; null for a run that trains, waits, was stopped, or is done. */
export function badEnding(run: Run): BadEnding | null {
  if (run.state !== 'failed' && run.state !== 'interrupted') return null;
  const { exit } = run;
  const at = `at step ${formatCount(exit?.step ?? run.step)}`;
  const error = exit?.error?.trim() ?? '';
  if (exit?.why === 'failed') {
    const reason = error === '' ? 'The trainer ended with an error that it did not name.' : error;
    return { title: `Failed ${at}`, reason, advice: adviceOf(run, error) };
  }
  if (exit?.why === 'killed') {
    const signal = exit.signal ?? 'a signal';
    const reason = [error, SENDERS[signal] ?? ''].filter((part) => part !== '').join('\n');
    return {
      title: `Killed by ${signal} ${at}`,
      reason: reason === '' ? 'It ended without a save.' : reason,
      advice: adviceOf(run, error),
    };
  }
  if (exit?.why === 'preempted') {
    const who = exit.signal === null ? 'The scheduler' : `The scheduler (${exit.signal})`;
    return {
      title: `Preempted ${at}`,
      reason: `${who} took its place back; it saved first.`,
      advice: adviceOf(run, ''),
    };
  }
  if (run.process !== null && endedWithMachine(run.process))
    return {
      title: `Ended with its machine ${at}`,
      reason: `${run.process.host} was restarted while it trained.`,
      advice: adviceOf(run, ''),
    };
  return {
    title: `Ended without a word ${at}`,
    reason: 'Its process is gone and left no exit.json: it was killed with its supervisor, or the machine lost power.',
    advice: adviceOf(run, ''),
  };
}

function adviceOf(run: Run, error: string): string {
  const newest = newestComplete(run);
  const way =
    newest === undefined
      ? 'It had saved no complete checkpoint: start it again.'
      : `Resume goes on from ${newest.name}, unless that turns out to be invalid.`;
  const helps = ADVICE.find(([pattern]) => pattern.test(error))?.[1];
  return helps === undefined ? way : `${helps} ${way}`;
}
