/** A job of a Slurm cluster. */
import path from 'node:path';
import type { Liveness, ProcessState, RunProcess } from '../../../experiment/model';
import { liveness, StopError } from '../../../experiment/runningProcess';
import type { Launcher, StartedPlan, StopHow } from '../launcher';
import { type Answer, askSlurm } from './commands';
import { arrayArgv, sbatchArgv } from './job';
import { OPTIONS } from './options';
import { type JobKnowledge, SlurmQueue } from './queue';
import { isJob, type JobStatus } from './squeue';

/** One for everything that asks in this process: that is what makes it one call. */
const queue = new SlurmQueue();

/** A job's id as process.json has it; null where there is none that may go into a command. */
function jobOf({ job }: RunProcess): string | null {
  return job !== null && isJob(job) ? job : null;
}

/** npt_slurm.py, which lies beside the supervisor. */
const program = (supervisor: string): string => path.join(path.dirname(supervisor), 'npt_slurm.py');

async function knowledgeOf(process: RunProcess, job: string): Promise<JobKnowledge> {
  const { cluster = null, user = null, started: since } = process;
  return queue.knowledgeOf({ job, cluster, user, since });
}

async function ask(process: RunProcess): Promise<ProcessState> {
  const job = jobOf(process);
  const here = liveness(process);
  if (job === null) return { liveness: here, detail: null };
  const known = await knowledgeOf(process, job);
  switch (known.kind) {
    case 'status':
      return { ...stateOf(known.status), detail: describe(known.status) };
    case 'gone': {
      const how = known.end === null ? 'has ended' : `ended: ${known.end.state}, exit code ${known.end.exitCode}`;
      return { liveness: here === 'alive' ? 'alive' : 'dead', detail: `job ${job} ${how}` };
    }
    case 'silent': {
      // Nothing is taken for ended because Slurm does not answer.
      const last = known.last === null ? null : stateOf(known.last);
      const supposed: Liveness = process.pid > 0 ? 'alive' : 'waiting';
      const detail = `job ${job}; Slurm does not answer (${known.reason})`;
      return { ...(last ?? { liveness: supposed }), detail };
    }
    case 'foreign':
      return { liveness: here === 'alive' ? 'alive' : 'elsewhere', detail: `job ${job}: ${known.reason}` };
  }
}

function stateOf({ phase, reason }: JobStatus): Omit<ProcessState, 'detail'> {
  switch (phase) {
    case 'waiting':
      return { liveness: 'waiting', held: reason !== null && /^JobHeld/.test(reason) };
    case 'running':
    case 'unknown':
      return { liveness: 'alive' };
    case 'ended':
      return { liveness: 'dead' };
  }
}

/** A job's state for people, as a clause. */
function describe({ job, state, phase, reason, start, nodes, elapsed, limit }: JobStatus): string {
  switch (phase) {
    case 'waiting': {
      const why = reason === null ? '' : ` (${reason})`;
      const when = start === null ? '' : `, expected to start ${new Date(start * 1000).toLocaleString('sv-SE')}`;
      return `job ${job} is waiting${why}${when}`;
    }
    case 'running':
    case 'unknown': {
      const where = nodes === '' ? '' : ` on ${nodes}`;
      const word = state === 'RUNNING' ? '' : ` is ${state.toLowerCase().replaceAll('_', ' ')}`;
      const of = limit === 'UNLIMITED' || limit === '' ? '' : ` of ${limit}`;
      return `job ${job}${word}${where}, ${elapsed}${of}`;
    }
    case 'ended':
      return `job ${job} ended: ${state}`;
  }
}

/** @throws StopError with what Slurm said where it did not do it */
async function command(program: string, words: readonly string[]): Promise<void> {
  const answer: Answer = await askSlurm(program, words);
  queue.forget();
  if (answer.kind === 'absent') throw new StopError(`${program} is not on this machine.`);
  if (answer.kind !== 'answered') throw new StopError(`${program}: ${answer.reason.replace(/\.$/, '')}.`);
}

/** @throws StopError */
async function stop(process: RunProcess, how: StopHow): Promise<void> {
  const job = requiredJob(process);
  // What waits has nothing to save.
  const running = (await ask(process)).liveness === 'alive';
  // To the batch script, which is the supervisor; scancel by itself would let the trainer save within KillWait.
  const signal = how === 'save' ? 'INT' : 'QUIT';
  await command('scancel', running ? ['--batch', `--signal=${signal}`, job] : [job]);
}

function requiredJob(process: RunProcess): string {
  const job = jobOf(process);
  if (job === null) throw new StopError('Its process.json names no job of Slurm’s.');
  return job;
}

export const slurm: Launcher<'slurm'> = {
  kind: 'slurm',
  options: OPTIONS,
  async obstacle() {
    const answer = await askSlurm('sbatch', ['--version']);
    if (answer.kind === 'answered') return null;
    if (answer.kind === 'absent')
      return 'there is no sbatch on this machine, so it is no login node of a Slurm cluster';
    return `sbatch cannot be used: ${answer.reason}`;
  },
  argv: sbatchArgv,
  bringsEnvironment: true,
  // Which GPUs a job may use is Slurm's to say.
  variables: () => ({}),
  choices: () => [{ options: {}, gpus: null }],
  devices: () => null,
  command: ({ run, interpreter, argv }: StartedPlan, supervisor) => [
    interpreter,
    program(supervisor),
    ...['submit', '--run-dir', run, '--', ...argv],
  ],
  ask,
  stop,
  stopCommand(process) {
    const job = jobOf(process);
    return job === null ? null : `scancel ${job}`;
  },
  follow: (run, supervisor) => [program(supervisor), 'follow', '--run-dir', run],
  hold: (process) => command('scontrol', ['hold', requiredJob(process)]),
  release: (process) => command('scontrol', ['release', requiredJob(process)]),
  together: ([first, ...others], name, supervisor) => [
    first.interpreter,
    program(supervisor),
    ...['submit', ...[first, ...others].flatMap(({ run }) => ['--run-dir', run]), '--'],
    ...arrayArgv(
      [first, ...others].map(({ argv }) => argv),
      name,
    ),
  ],
};
