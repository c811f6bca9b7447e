/**
 * The Slurm launcher on a real Slurm, with the real trainer: submitted from a terminal, followed, cancelled, preempted, out of
 * time, several as one array job, on two nodes, and with a slurmctld that is gone for a while.
 *
 * The jobs train beside each other. One that has to be interrupted is frozen at its first checkpoint until that happens, so
 * that it is in the middle of its training however fast the machine is.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Run, RunProcess } from '../../src/core/experiment/model';
import { processIn } from '../../src/core/experiment/processFolder';
import { scanWorkspace } from '../../src/core/experiment/scan';
import { createTrainingWorkspace } from '../../src/core/training/createWorkspace';
import {
  askProcess,
  holdRun,
  launcherOf,
  readLaunch,
  type StartedPlan,
  stopRun,
} from '../../src/core/training/launchers';
import { SHARED_CPU } from '../../tools/demo/training.mjs';
import { python } from '../torch/python';
import { bundleCli } from '../unit/cli/bundledCli';
import { Cluster, until } from './cluster';

const REPOSITORY = path.join(import.meta.dirname, '../..');
const SUPERVISOR = path.join(REPOSITORY, 'supervisor/npt_supervise.py');
const STEPS = 24;
const SAVED_EVERY = 8;

describe('slurm', function () {
  // What is waited for has a limit of its own, which says what that was.
  this.timeout(1_200_000);
  let cluster: Cluster;
  let workspace: string;
  let surroundings: NodeJS.ProcessEnv;
  const terminals: Terminal[] = [];

  before(async () => {
    cluster = await Cluster.start();
    workspace = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'npt slurm ')));
    await createTrainingWorkspace(path.join(REPOSITORY, 'trainer'), workspace);
    surroundings = { ...process.env };
    // What this process asks, and what a terminal of it starts, is this cluster's. The GPU of somebody's shell is not a job's.
    Object.assign(process.env, cluster.environment, SHARED_CPU, { OMP_NUM_THREADS: '1', CUDA_VISIBLE_DEVICES: '7' });
  });

  after(async () => {
    process.env = surroundings;
    for (const terminal of terminals) terminal.close();
    await cluster.stop();
    fs.rmSync(workspace, { recursive: true, force: true });
  });

  /** A new run of the demo, as a plan starts one. */
  function plan(name: string, options: Record<string, unknown> = {}, more: readonly string[] = []): StartedPlan {
    const { launch, problems } = readLaunch({ kind: 'slurm', options });
    assert.deepEqual(problems, []);
    const run = path.join(workspace, 'experiments', name);
    const trainer = { interpreter: python(), script: 'scripts/train_multi_layer_npt.py' };
    const args = [
      ...['--demo_mode', '--wandb_mode', 'disabled', '--max_steps', STEPS.toString(), '--curriculum_stages'],
      ...[
        `teacher:8,student:${STEPS}`,
        '--save_steps',
        SAVED_EVERY.toString(),
        '--eval_steps',
        '0',
        '--warmup_steps',
        '4',
      ],
      ...['--generation_steps', '0', '--logging_steps', '1', '--num_workers', '0', '--train_layers', '1,2', ...more],
    ];
    const start = {
      ...{ run, cwd: workspace, launch, fromStep: -1 },
      first: { ...trainer, args: [...args, '--output_dir', run] },
      again: { ...trainer, args: ['--resume_from', run] },
    };
    const argv = launcherOf('slurm').argv(start);
    return { run, cwd: workspace, interpreter: python(), launch, argv, again: argv };
  }

  function terminal(command: readonly string[]): Terminal {
    const made = new Terminal(command, workspace);
    terminals.push(made);
    return made;
  }

  /** Starts a plan in a terminal, and waits until its job is known. */
  async function submit(started: StartedPlan): Promise<{ readonly job: string; readonly terminal: Terminal }> {
    const made = terminal(launcherOf('slurm').command(started, SUPERVISOR));
    const named = await made.untilKnown(started.run);
    return { job: named.job ?? '', terminal: made };
  }

  async function runAt(folder: string): Promise<Run> {
    const { runs } = await scanWorkspace(workspace, { ask: askProcess });
    const run = runs.find((each) => each.path === folder);
    assert.ok(run !== undefined, `${folder} is no run`);
    return run;
  }

  /** The trainer of a run, stopped in the middle of its training: after its first checkpoint. */
  async function frozen(run: string): Promise<RunProcess> {
    let named: RunProcess | null = null;
    await until(`first checkpoint of ${path.basename(run)}`, async () => {
      named = await processIn(run);
      return fs.existsSync(path.join(run, `checkpoints/checkpoint-${SAVED_EVERY}`)) && (named?.pid ?? 0) > 0;
    });
    const process_ = named as RunProcess | null;
    assert.ok(process_ !== null);
    process.kill(process_.pid, 'SIGSTOP');
    return process_;
  }

  function weights(run: string): Buffer {
    return fs.readFileSync(path.join(run, 'checkpoints/final/npt_weights.pt'));
  }

  function document(run: string, name: string): Record<string, unknown> {
    return JSON.parse(fs.readFileSync(path.join(run, name), 'utf8')) as Record<string, unknown>;
  }

  function segments(run: string): number {
    return fs
      .readFileSync(path.join(run, 'metrics.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"start"')).length;
  }

  async function isFinished(run: string): Promise<boolean> {
    return (
      fs.existsSync(path.join(run, 'exit.json')) &&
      document(run, 'exit.json')['why'] === 'done' &&
      (await processIn(run)) === null
    );
  }

  it('trains in a job that is followed to its end, and again after each interruption to the same weights', async () => {
    // All of them at once: a start costs seconds, and Slurm looks for jobs whose time is over every half a minute.
    const plain = plan('plain', { extra: ['--nodelist=n2'] });
    const preempted = plan("pre;empted $(touch x) 'and' 100%d", { gpus: 1, extra: ['--nodelist=n1'] });
    const timed = plan('timed', { time: '60', warning: 60, extra: ['--nodelist=n2'] });
    const stopped = plan('stopped', { extra: ['--nodelist=n2'] });
    const [first, second, third, fourth] = await Promise.all([plain, preempted, timed, stopped].map(submit));
    assert.ok(first !== undefined && second !== undefined && third !== undefined && fourth !== undefined);

    // Preempted: Slurm ends the job, requeues it, and it goes on from what it saved. Nobody follows it any more.
    const interrupted = (async () => {
      const { pid } = await frozen(preempted.run);
      const environment = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const gpus = environment.filter((each) => each.startsWith('CUDA_VISIBLE_DEVICES='));
      assert.match(gpus.join(), /^CUDA_VISIBLE_DEVICES=[01]$/);
      second.terminal.close();
      const urgent = await cluster.run(
        ...(['sbatch', '--parsable', '--partition=urgent', '--nodelist=n1', '--exclusive'] as const),
        ...[`--output=${cluster.folder}/urgent.log`, '--wrap=true'],
      );
      await until('urgent job', async () => (await cluster.state(urgent)) === 'COMPLETED');
      await until('preempted run waiting', async () => (await runAt(preempted.run)).state === 'queued');
      // To the trainer it was a stop like any other; that it was not, its supervisor asks Slurm.
      await until('word of the preemption', () => document(preempted.run, 'exit.json')['why'] === 'preempted');
      await cluster.startNow(second.job);
      await until('end of the preempted run', () => isFinished(preempted.run));
      assert.equal(segments(preempted.run), 2);
    })();

    // Out of time: Slurm warns, the job saves and requeues itself.
    const outOfTime = (async () => {
      const { pid } = await frozen(timed.run);
      await cluster.leaveTime(third.job, 70);
      await until('warning', () => isPending(pid, os.constants.signals.SIGUSR1));
      // A slow machine would be out of time before it has saved.
      await cluster.leaveTime(third.job, 3600);
      process.kill(pid, 'SIGCONT');
      await cluster.startNow(third.job);
      await until('end of the run that was out of time', () => isFinished(timed.run));
      assert.equal(segments(timed.run), 2);
      assert.equal(await third.terminal.ended, 0);
      assert.match(third.terminal.output, /is requeued, and goes on from its newest checkpoint/);
    })();

    // Stop: saves, ends, and is not started again.
    const stop = (async () => {
      const named = await frozen(stopped.run);
      const state = await askProcess(named);
      assert.equal(state.liveness, 'alive');
      assert.match(state.detail ?? '', new RegExp(`^job ${fourth.job} on n2, \\d`));
      await stopRun(named, 'save');
      await until('request to stop', () => isPending(named.pid, os.constants.signals.SIGINT));
      process.kill(named.pid, 'SIGCONT');
      await until('end of the job', async () => (await cluster.state(fourth.job)) === 'COMPLETED');
      const run = await runAt(stopped.run);
      assert.equal(run.state, 'stopped');
      assert.equal(run.process, null);
      // 128 + SIGINT, as a local trainer's.
      assert.equal(await fourth.terminal.ended, 130);
    })();

    const followed = (async () => {
      assert.equal(await first.terminal.ended, 0);
      assert.match(first.terminal.output, new RegExp(`job ${first.job} was submitted`));
      assert.match(first.terminal.output, /step\s+24/i);
      assert.equal((await runAt(plain.run)).state, 'finished');
    })();

    await Promise.all([interrupted, outOfTime, stop, followed]);
    assert.deepEqual(weights(preempted.run), weights(plain.run), 'preempted');
    assert.deepEqual(weights(timed.run), weights(plain.run), 'out of time');
    assert.deepEqual(
      fs.readdirSync(workspace).filter((name) => name === 'x'),
      [],
    );
  });

  it('is one array job for several runs, each with its own settings, log and job', async () => {
    const rates = ['1e-4', '2e-4', '4e-4'];
    const [a, b, c] = rates.map((rate, i) => plan(`sweep ${i}`, {}, ['--learning_rate', rate, '--max_steps', '8']));
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    const command = launcherOf('slurm').together?.([a, b, c], 'sweep', SUPERVISOR) ?? [];
    const made = terminal(command);
    const jobs = await Promise.all([a, b, c].map(async ({ run }) => (await made.untilKnown(run)).job));
    const number = /^\d+/.exec(jobs[0] ?? '')?.[0] ?? '';
    assert.deepEqual(jobs, [`${number}_0`, `${number}_1`, `${number}_2`]);
    assert.equal(await made.ended, 0, made.output);
    for (const [i, { run }] of [a, b, c].entries()) {
      assert.equal((await runAt(run)).state, 'finished');
      assert.equal(document(run, 'config.json')['learning_rate'], Number(rates[i]));
      assert.match(fs.readFileSync(path.join(run, 'train.log'), 'utf8'), /segment 1/);
    }
  });

  it('waits, is held, released and taken out of the queue; what Slurm refuses leaves nothing', async () => {
    const later = plan('later', { extra: ['--begin=now+1hour'] });
    const { job, terminal: made } = await submit(later);
    const waiting = await runAt(later.run);
    assert.equal(waiting.state, 'queued');
    assert.match(
      waiting.processState?.detail ?? '',
      new RegExp(`^job ${job} is waiting \\(BeginTime\\), expected to start 20`),
    );
    const named = waiting.process;
    assert.ok(named !== null);
    await holdRun(named, 'hold');
    assert.equal((await askProcess(named)).held, true);
    await holdRun(named, 'release');
    assert.equal((await askProcess(named)).held, false);

    const twice = terminal(launcherOf('slurm').command(later, SUPERVISOR));
    assert.equal(await twice.ended, 2);
    assert.match(twice.output, new RegExp(`has been submitted already: job ${job} is waiting`));

    await stopRun(named, 'save');
    assert.equal(await cluster.state(job), 'CANCELLED');
    assert.equal((await runAt(later.run)).state, 'interrupted');
    assert.equal(await made.ended, 130);

    const refused = plan('refused', { partition: 'nowhere' });
    const failed = terminal(launcherOf('slurm').command(refused, SUPERVISOR));
    assert.equal(await failed.ended, 2);
    assert.match(failed.output, /error: Slurm did not take the job: .*[Ii]nvalid partition/);
    assert.deepEqual(fs.existsSync(refused.run) ? fs.readdirSync(refused.run) : null, null);
  });

  it('says so when slurmctld does not answer, and takes nothing for ended', async () => {
    const waits = plan('waits', { extra: ['--begin=now+1hour'] });
    const trains = plan('trains', { extra: ['--nodelist=n2'] });
    await Promise.all([waits, trains].map(submit));
    const { pid } = await frozen(trains.run);
    assert.equal((await runAt(waits.run)).state, 'queued');
    assert.equal((await runAt(trains.run)).state, 'training');
    await cluster.stopController();
    await until('silence', async () => /does not answer/.test((await runAt(waits.run)).processState?.detail ?? ''));
    assert.equal((await runAt(waits.run)).state, 'queued');
    assert.equal((await runAt(trains.run)).state, 'training');
    const named = await processIn(waits.run);
    assert.ok(named !== null);
    await assert.rejects(stopRun(named, 'save'), /scancel: .*controller/);
    await cluster.startController();
    process.kill(pid, 'SIGCONT');
    await until('end of the run', () => isFinished(trains.run));
    await until('answer', async () => (await runAt(waits.run)).processState?.detail?.includes('BeginTime') === true);
    await stopRun(named, 'now');
    assert.equal((await runAt(trains.run)).state, 'finished');
  });

  it('the command line starts a job, ends it without a save, and resumes it by the plan of a resume', async () => {
    const home = path.join(cluster.folder, 'home');
    fs.mkdirSync(home);
    // What a cluster's administrator puts into login shells.
    fs.writeFileSync(
      path.join(home, '.bash_profile'),
      'module() { shift; export FROM_MODULE="$1" LOADEDMODULES="$LOADEDMODULES:$1/1"; echo "loading $1"; }\n',
    );
    const conda = path.join(cluster.folder, 'my env');
    fs.mkdirSync(path.join(conda, 'etc/conda/activate.d'), { recursive: true });
    fs.writeFileSync(path.join(conda, 'etc/conda/activate.d/own.sh'), 'export FROM_CONDA="$CONDA_PREFIX"\n');
    const cli = await bundleCli(cluster.folder);
    const run = path.join(workspace, 'experiments/told');
    const command = (...words: string[]): string[] => [process.execPath, cli, ...words];
    const job = ['--launcher', 'slurm', '--partition', 'main', '--extra=--nodelist=n2', '--python', python()];
    const settings = {
      ...{ wandb_mode: 'disabled', max_steps: STEPS, save_steps: SAVED_EVERY, eval_steps: 0, warmup_steps: 4 },
      ...{ generation_steps: 0, logging_steps: 1, num_workers: 0, train_layers: '1,2' },
      curriculum_stages: `teacher:8,student:${STEPS}`,
    };
    const set = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const environment = ['--module', 'cuda', '--conda', conda, '--env', 'TOLD=x y'];
    const surrounding = process.env.HOME;
    process.env.HOME = home;
    const started = terminal(
      command('start', '--preset', 'demo', '--workspace', workspace, '--name', 'told', ...job, ...environment, ...set),
    );
    if (surrounding === undefined) delete process.env.HOME;
    else process.env.HOME = surrounding;
    await started.untilKnown(run);
    const { pid } = await frozen(run);
    const found = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    for (const variable of ['FROM_MODULE=cuda', `FROM_CONDA=${conda}`, 'TOLD=x y']) {
      assert.ok(found.includes(variable), variable);
    }
    const listed = await answered(command('list', workspace, '--json'));
    const { runs } = JSON.parse(listed.output) as { readonly runs: readonly { name: string; state: string }[] };
    assert.equal(runs.find(({ name }) => name === 'told')?.state, 'training');

    const stopped = await answered(command('stop', run, '--now'));
    assert.equal(stopped.code, 0, stopped.output);
    assert.match(stopped.output, /^job \d+ was asked to end without a save: /);
    await until('request to end', () => !fs.existsSync(`/proc/${pid}`) || isPending(pid, os.constants.signals.SIGQUIT));
    if (fs.existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGCONT');
    assert.notEqual(await started.ended, 0, started.output);
    assert.equal(await processIn(run), null);
    const saved = fs.readdirSync(path.join(run, 'checkpoints')).filter((name) => /^checkpoint-\d+$/.test(name));
    assert.deepEqual(saved, [`checkpoint-${SAVED_EVERY}`]);

    const resumed = terminal(command('resume', run, ...job));
    assert.equal(await resumed.ended, 0, resumed.output);
    assert.match(resumed.output, /job \d+ was submitted/);
    assert.equal((await runAt(run)).state, 'finished');
    assert.equal(segments(run), 2);
  });

  it('trains on two nodes, each with a torchrun that srun starts', async () => {
    const wide = plan('wide', { nodes: 2 }, ['--max_steps', '8']);
    const { terminal: made } = await submit(wide);
    assert.equal(await made.ended, 0, made.output);
    assert.equal((await runAt(wide.run)).state, 'finished');
    const { environment } = document(wide.run, 'config.json') as { environment?: { world_size?: number } };
    assert.equal(environment?.world_size, 2);
    // Each line once, though the trainer is not the supervisor's own child.
    assert.equal(fs.readFileSync(path.join(wide.run, 'train.log'), 'utf8').split('step 8/8').length - 1, 1);
  });
});

/** A command's answer, once it has ended. */
async function answered([program = '', ...words]: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const take = (data: Buffer): void => {
    output += data.toString();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

/** A command and what it prints, as a terminal shows it. */
class Terminal {
  output = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor([program = '', ...words]: readonly string[], folder: string) {
    const child = spawn(program, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const take = (data: Buffer): void => {
      this.output += data.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once('close', resolve);
    });
  }

  /** What a terminal's closing does to the command in it. */
  close(): void {
    this.child.kill('SIGHUP');
  }

  /** The job that a run is. Fails where the command ends before there is one. */
  async untilKnown(run: string): Promise<RunProcess> {
    let named: RunProcess | null = null;
    await until(`job of ${path.basename(run)}`, async () => {
      named = await processIn(run);
      assert.equal(this.child.exitCode, null, this.output);
      return (named?.job ?? null) !== null;
    });
    return named as unknown as RunProcess;
  }
}

/** Whether a signal waits for a process that is stopped (proc(5), ShdPnd). */
function isPending(pid: number, signal: number): boolean {
  const mask = /^ShdPnd:\s*([0-9a-f]+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${mask}`) >> BigInt(signal - 1)) % 2n === 1n;
}
