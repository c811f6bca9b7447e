/**
 * How the jobs of this user are, by one squeue call for all of them. Everybody who asks gets what the last call said, and a
 * next call is made no sooner than needed: soon after something changed, up to a minute apart where nothing does, and further
 * apart while Slurm does not answer. Whoever runs slurmctld is grateful.
 */
import os from 'node:os';
import { type Answer, type AskSlurm, askSlurm } from './commands';
import { type JobEnd, type JobStatus, readSacct, readSqueue, SACCT_FORMAT, SQUEUE_FORMAT } from './squeue';

/** What is known of a job. */
export type JobKnowledge =
  | { readonly kind: 'status'; readonly status: JobStatus }
  /** Slurm was asked and knows no such job any more; how it ended where there is accounting. */
  | { readonly kind: 'gone'; readonly end: JobEnd | null }
  /** It does not answer; the status is what it said last. The reason is a clause. */
  | { readonly kind: 'silent'; readonly reason: string; readonly last: JobStatus | null }
  /** Nobody can be asked from here; the reason is a clause. */
  | { readonly kind: 'foreign'; readonly reason: string };

/** A job as a run's process.json names it. */
export interface NamedJob {
  readonly job: string;
  readonly cluster: string | null;
  readonly user: string | null;
  /** When that was written, Unix seconds. */
  readonly since: number;
}

const SOONEST_MS = 5_000;
const LATEST_MS = 60_000;
const LATEST_SILENT_MS = 300_000;
const SLOWER = 1.5;
/** How long a first answer is waited for, so that a slurmctld that is gone does not keep a window from showing runs. */
const FIRST_ANSWER_MS = 2_000;

export class SlurmQueue {
  /** By the job's id and by its number. */
  private jobs = new Map<string, JobStatus>();
  /** Jobs that Slurm was asked for by name and does not know. */
  private readonly gone = new Map<string, JobEnd | null>();
  private text = '';
  private failure: Answer | null = null;
  /** When the newest answer was asked for, Unix seconds; 0 before there is one. */
  private asOf = 0;
  private due = 0;
  private pause = SOONEST_MS;
  private asking: Promise<void> | null = null;
  /** True when something was done to a job since Slurm was last asked. */
  private outdated = false;
  private round = 0;
  private cluster: Promise<string | null> | null = null;

  constructor(
    private readonly ask: AskSlurm = askSlurm,
    private readonly user: string = os.userInfo().username,
    /** Milliseconds of any clock that does not go back. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** What is known of a job. Asks Slurm where that is due, and waits for its answer only where nothing is known yet. */
  async knowledgeOf(named: NamedJob): Promise<JobKnowledge> {
    const { job } = named;
    const told = this.jobs.has(job) || this.gone.has(job);
    // A job that was submitted after the last look is no job that has ended.
    const known = told || this.failure !== null || (this.asOf > 0 && named.since < this.asOf);
    if (this.now() >= this.due || !known || this.outdated) {
      const waits = !known || this.outdated;
      const asking = (this.asking ??= this.look());
      void asking.finally(() => {
        if (this.asking === asking) this.asking = null;
      });
      if (waits) await atMost(asking, FIRST_ANSWER_MS);
    }
    const mine = await this.clusterName();
    if (named.cluster !== null && mine !== null && named.cluster !== mine) {
      return { kind: 'foreign', reason: `a job of the cluster ${named.cluster}, and this is ${mine}` };
    }
    const status = this.jobs.get(job) ?? null;
    if (this.failure?.kind === 'absent') return { kind: 'foreign', reason: 'Slurm is not on this machine' };
    if (this.failure !== null) return { kind: 'silent', reason: reasonOf(this.failure), last: status };
    if (status !== null) return { kind: 'status', status };
    if (this.asOf === 0 || named.since >= this.asOf) {
      return { kind: 'silent', reason: 'squeue has not answered yet', last: null };
    }
    return this.byName(named);
  }

  /** Something was done to a job: the next who asks is told how it is then. */
  forget(): void {
    this.outdated = true;
    this.pause = SOONEST_MS;
    // What is being answered was asked before.
    this.round += 1;
    this.asking = null;
  }

  private async look(): Promise<void> {
    this.outdated = false;
    const { round } = this;
    const at = Date.now() / 1000;
    const answer = await this.ask('squeue', [
      ...['--noheader', '--array', '--states=all', `--user=${this.user}`, `--format=${SQUEUE_FORMAT}`],
    ]);
    if (round !== this.round) return;
    if (answer.kind === 'answered') {
      const changed = answer.output !== this.text || this.failure !== null;
      this.take(answer.output);
      this.failure = null;
      this.asOf = at;
      this.pause = changed ? SOONEST_MS : Math.min(this.pause * SLOWER, LATEST_MS);
    } else {
      this.failure = answer;
      this.pause = Math.min(this.pause * SLOWER, LATEST_SILENT_MS);
    }
    this.due = this.now() + this.pause;
  }

  private take(output: string): void {
    this.text = output;
    this.jobs = new Map();
    for (const status of readSqueue(output)) {
      this.jobs.set(status.number, status);
      this.jobs.set(status.job, status);
    }
  }

  /** A job that the list of this user's lacks: it has ended, or it is somebody else's. */
  private async byName({ job, user }: NamedJob): Promise<JobKnowledge> {
    const ended = this.gone.get(job);
    if (ended !== undefined) return { kind: 'gone', end: ended };
    const answer = await this.ask('squeue', [
      ...['--noheader', '--array', '--states=all', `--jobs=${job}`, `--format=${SQUEUE_FORMAT}`],
    ]);
    if (answer.kind === 'silent') return { kind: 'silent', reason: answer.reason, last: null };
    const status =
      answer.kind === 'answered'
        ? readSqueue(answer.output).find(({ job: id, number }) => id === job || number === job)
        : undefined;
    if (status !== undefined) return { kind: 'status', status };
    if (answer.kind === 'refused' && !/invalid job/i.test(answer.reason)) {
      return { kind: 'silent', reason: answer.reason, last: null };
    }
    if (user !== null && user !== this.user) {
      // Where jobs are private, nobody else's are listed.
      return { kind: 'foreign', reason: `a job of ${user}, which squeue does not list for ${this.user}` };
    }
    const accounted = await this.ask('sacct', [
      ...['--noheader', '--parsable2', '--allocations', `--jobs=${job}`, `--format=${SACCT_FORMAT}`],
    ]);
    const end = accounted.kind === 'answered' ? readSacct(accounted.output, job) : null;
    this.gone.set(job, end);
    return { kind: 'gone', end };
  }

  /** What this machine's cluster is called; null while it does not say. */
  private async clusterName(): Promise<string | null> {
    if (this.failure !== null) return null;
    this.cluster ??= this.ask('scontrol', ['show', 'config']).then((answer) =>
      answer.kind === 'answered' ? (/^ClusterName\s*=\s*(\S+)/m.exec(answer.output)?.[1] ?? null) : null,
    );
    const name = await this.cluster;
    if (name === null) this.cluster = null;
    return name;
  }
}

function reasonOf(answer: Answer): string {
  return answer.kind === 'silent' || answer.kind === 'refused' ? answer.reason : answer.kind;
}

/** Waits for something, but not for long; it goes on. */
async function atMost(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
