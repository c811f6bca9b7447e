/** What squeue and sacct print, read. */

/** What a job's state means for the run that it trains (squeue(1), JOB STATE CODES). */
const PHASES: Readonly<Record<string, Phase>> = {
  PENDING: 'waiting',
  REQUEUED: 'waiting',
  REQUEUE_HOLD: 'waiting',
  REQUEUE_FED: 'waiting',
  SPECIAL_EXIT: 'waiting',
  RESV_DEL_HOLD: 'waiting',
  RUNNING: 'running',
  CONFIGURING: 'running',
  COMPLETING: 'running',
  RESIZING: 'running',
  SIGNALING: 'running',
  STAGE_OUT: 'running',
  STOPPED: 'running',
  SUSPENDED: 'running',
  BOOT_FAIL: 'ended',
  CANCELLED: 'ended',
  COMPLETED: 'ended',
  DEADLINE: 'ended',
  FAILED: 'ended',
  NODE_FAIL: 'ended',
  OUT_OF_MEMORY: 'ended',
  PREEMPTED: 'ended',
  REVOKED: 'ended',
  TIMEOUT: 'ended',
};

/** `unknown`: a state of a later Slurm; nothing is taken for ended because of it. */
export type Phase = 'waiting' | 'running' | 'ended' | 'unknown';

export function phaseOf(state: string): Phase {
  return PHASES[state] ?? 'unknown';
}

export interface JobStatus {
  /** As squeue names it: `12`, or `12_3` for the task of an array. */
  readonly job: string;
  /** The number that the job itself finds in SLURM_JOB_ID; differs from `job` for the task of an array. */
  readonly number: string;
  readonly state: string;
  readonly phase: Phase;
  /** Why it waits, as Slurm says it; null where it does not wait. */
  readonly reason: string | null;
  /** When it started, or is expected to, Unix seconds; null where Slurm does not say. */
  readonly start: number | null;
  /** Empty while it waits. */
  readonly nodes: string;
  /** How long it has run, and how long it may, as Slurm writes both: `1:02:03`, `2-00:00:00`, `UNLIMITED`. */
  readonly elapsed: string;
  readonly limit: string;
}

/** For `squeue --format`. None of these can hold a `|`, which nothing but the job's own texts can. */
export const SQUEUE_FORMAT = '%i|%A|%T|%r|%S|%N|%M|%l';

/** The jobs that squeue lists in SQUEUE_FORMAT without a header; lines of another form are left out. */
export function readSqueue(output: string): JobStatus[] {
  return output.split('\n').flatMap((line) => {
    const fields = line.trim().split('|');
    const [job = '', number = '', state = '', reason = '', start = '', nodes = '', elapsed = '', limit = ''] = fields;
    if (fields.length !== 8 || !isJob(job) || !/^\d+$/.test(number) || !/^[A-Z_]+$/.test(state)) return [];
    const phase = phaseOf(state);
    return [
      {
        ...{ job, number, state, phase, nodes: nodes === '(null)' ? '' : nodes, elapsed, limit },
        reason: phase !== 'waiting' || reason === '' || reason === 'None' ? null : reason,
        start: timeOf(start),
      },
    ];
  });
}

/** Whether a text is a job's id, or that of an array's task: it goes into command lines. */
export function isJob(text: string): boolean {
  return /^\d{1,19}(?:_\d{1,9})?$/.test(text);
}

/** A time as Slurm writes it in this machine's zone (SLURM_TIME_FORMAT=standard), Unix seconds; null for `N/A`. */
function timeOf(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text)) return null;
  const milliseconds = new Date(text).getTime();
  return Number.isFinite(milliseconds) ? milliseconds / 1000 : null;
}

/** For `sacct --format`, with `--parsable2 --noheader --allocations`. */
export const SACCT_FORMAT = 'JobID,State,ExitCode';

export interface JobEnd {
  readonly state: string;
  /** As Slurm writes it, `code:signal`. */
  readonly exitCode: string;
}

/** How a job ended, as sacct has it; null where it has no such job, or not its end. */
export function readSacct(output: string, job: string): JobEnd | null {
  for (const line of output.split('\n')) {
    const [id = '', state = '', exitCode = ''] = line.trim().split('|');
    // `CANCELLED by 1000`, and `CANCELLED+` where the column was too narrow.
    const word = /^[A-Z_]+/.exec(state)?.[0] ?? '';
    if (id === job && phaseOf(word) === 'ended') return { state: word, exitCode };
  }
  return null;
}
