/** A real Slurm cluster on this machine for as long as a test needs it (keeper.mjs), and its commands. */
import { execFile, fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/** Ends a test that would wait for ever; a machine whose cores are busy is no fault. */
const LIMIT_MS = 600_000;
const POLL_MS = 100;
/** By then slurmctld has taken in the end of a job's earlier start. */
const FORGOTTEN_AFTER_MS = 3_000;

export class Cluster {
  private constructor(
    private readonly keeper: ChildProcess,
    /** Holds everything of the cluster's. */
    readonly folder: string,
  ) {}

  /** What makes a program talk to this cluster and to no other. */
  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, SLURM_CONF: path.join(this.folder, 'slurm.conf') };
  }

  static async start(): Promise<Cluster> {
    // A socket's path is short.
    const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'npt-slurm-')));
    const keeper = fork(path.join(import.meta.dirname, 'keeper.mjs'), [folder], {
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const cluster = new Cluster(keeper, folder);
    try {
      await cluster.answerOf((answer) => 'conf' in answer);
      await until('two idle nodes', async () => {
        const states = (await cluster.ask('sinfo', '--noheader', '--Node', '--partition=main', '--format=%t')).split(
          '\n',
        );
        return states.filter((state) => state.trim() === 'idle').length === 2;
      });
    } catch (error) {
      keeper.send('errors');
      const { errors } = await cluster.answerOf((answer) => 'errors' in answer);
      await cluster.stop();
      throw new Error(`Slurm could not be started: ${String(errors)}`, { cause: error });
    }
    return cluster;
  }

  private answerOf(is: (answer: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const take = (answer: unknown): void => {
        if (!is(answer as Record<string, unknown>)) return;
        this.keeper.off('message', take);
        resolve(answer as Record<string, unknown>);
      };
      this.keeper.on('message', take);
      this.keeper.once('exit', () => {
        reject(new Error('the keeper of the cluster has ended'));
      });
    });
  }

  /** Ends the cluster with everything in it. */
  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.keeper.once('exit', resolve));
    this.keeper.disconnect();
    await gone;
    await rm(this.folder, { recursive: true, force: true });
  }

  /** What one of Slurm's commands prints. Rejects where it fails. */
  async run(program: string, ...words: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(program, words, { env: this.environment, timeout: LIMIT_MS });
    return stdout.trim();
  }

  /** The same; empty where it fails. */
  async ask(program: string, ...words: string[]): Promise<string> {
    return this.run(program, ...words).catch(() => '');
  }

  async stopController(): Promise<void> {
    this.keeper.send('stop-controller');
    await this.answerOf((answer) => answer['done'] === 'stop-controller');
  }

  async startController(): Promise<void> {
    this.keeper.send('start-controller');
    await this.answerOf((answer) => answer['done'] === 'start-controller');
    await until('slurmctld', async () => (await this.ask('sinfo', '--noheader')) !== '');
  }

  /** A job's state as squeue has it; empty for one that it does not know. */
  state(job: string): Promise<string> {
    return this.ask('squeue', '--noheader', '--states=all', `--jobs=${job}`, '--format=%T');
  }

  /** Sets a running job's time limit, which counts in whole minutes, so that at least these seconds are left of it. */
  async leaveTime(job: string, seconds: number): Promise<void> {
    const shown = await this.run('scontrol', 'show', 'job', job);
    const [, days = 0, hours = 0, minutes = 0, rest = 0] = /RunTime=(?:(\d+)-)?(\d+):(\d+):(\d+)/.exec(shown) ?? [];
    const ran = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(rest);
    await this.run('scontrol', 'update', `JobId=${job}`, `TimeLimit=${Math.ceil((ran + seconds) / 60)}`);
  }

  /** Whether a start of a job still runs on a node, its end still to be told. */
  private isOnNode(job: string): boolean {
    return readdirSync('/proc').some((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'latin1');
        return (
          read('cmdline').startsWith(`slurmstepd: [${job}.`) &&
          read('environ').includes(`SLURM_CONF=${this.folder}/slurm.conf`)
        );
      } catch {
        return false; // It ended in this moment.
      }
    });
  }

  /** Lets a requeued job start, whose start Slurm puts off by minutes. */
  async startNow(job: string): Promise<void> {
    await until(`job ${job} being put off`, async () =>
      (await this.ask('squeue', '--noheader', `--jobs=${job}`, '--format=%T|%r')).startsWith('PENDING|BeginTime'),
    );
    // Put off for this: the end of the earlier start, told after the next one began, would be taken for that one's end.
    await until(`end of the earlier start of job ${job}`, () => !this.isOnNode(job));
    await new Promise((resolve) => setTimeout(resolve, FORGOTTEN_AFTER_MS));
    await until(`job ${job} starting`, async () => {
      await this.ask('scontrol', 'update', `JobId=${job}`, 'StartTime=now');
      const state = await this.state(job);
      return state !== 'PENDING' && state !== '';
    });
  }
}

/** Waits until something is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, limitMs = LIMIT_MS): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`There was no ${what} within ${limitMs / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
