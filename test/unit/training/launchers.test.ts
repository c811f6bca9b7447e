import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { procStat, StopError, thisHost } from '../../../src/core/experiment/runningProcess';
import type { RunProcess } from '../../../src/core/experiment/model';
import {
  askProcess,
  LAUNCHERS,
  LAUNCHER_KINDS,
  launcherOf,
  launchVariables,
  readLaunch,
  stopCommand,
  stopRun,
  type LaunchRequest,
} from '../../../src/core/training/launchers';
import { batchScript, sbatchArgv, type SlurmJob } from '../../../src/core/training/launchers/slurm/job';

const COMMAND = { interpreter: '/env/bin/python', script: 'scripts/t.py', args: ['--resume_from', 'a b'] };

function argvOf(request: LaunchRequest): string[] {
  const { launch, problems } = readLaunch(request);
  assert.deepEqual(problems, []);
  return launcherOf(launch.kind).argv({ launch, run: '/w/experiments/r', cwd: '/w', first: COMMAND, again: COMMAND });
}

function processOf(rest: Partial<RunProcess> = {}): RunProcess {
  return {
    ...{ host: thisHost().name, bootId: thisHost().bootId, pid: process.pid, started: Date.now() / 1000 },
    ...{ startTicks: procStat(process.pid)?.startTicks ?? 0, launcher: 'local', job: null, segment: 1 },
    ...rest,
  };
}

describe('launchers', () => {
  it('local: the command itself', () => {
    assert.deepEqual(argvOf({}), ['/env/bin/python', 'scripts/t.py', '--resume_from', 'a b']);
  });

  it('torchrun: with arguments that every supported version knows', () => {
    assert.deepEqual(argvOf({ kind: 'torchrun', options: { processes: 2 } }), [
      '/env/bin/python',
      '-m',
      'torch.distributed.run',
      '--standalone',
      '--nproc_per_node=2',
      'scripts/t.py',
      '--resume_from',
      'a b',
    ]);
  });

  it('are what the setting npt.launcher offers', () => {
    const manifest = JSON.parse(fs.readFileSync(path.join(__dirname, '../../../package.json'), 'utf8')) as {
      contributes: { configuration: { properties: Record<string, { enum?: string[] }> } };
    };
    assert.deepEqual(manifest.contributes.configuration.properties['npt.launcher']?.enum, LAUNCHER_KINDS);
  });

  it('have each option as a setting of their own, with the same default, and only for trusted folders', () => {
    const manifest = JSON.parse(fs.readFileSync(path.join(__dirname, '../../../package.json'), 'utf8')) as {
      capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
      contributes: { configuration: { properties: Record<string, { default: unknown; scope: string }> } };
    };
    const { properties } = manifest.contributes.configuration;
    for (const { kind, options } of LAUNCHERS) {
      for (const { name, default: usual, read } of options) {
        const setting = `npt.${kind}.${name}`;
        assert.deepEqual(properties[setting]?.default, usual, setting);
        assert.deepEqual(read(usual), usual, setting);
        assert.ok(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations.includes(setting), setting);
      }
    }
  });

  it('local and torchrun: GPUs are named to the trainer by CUDA_VISIBLE_DEVICES; the user’s own variable wins', () => {
    for (const kind of ['local', 'torchrun'] as const) {
      const options = { devices: ['GPU-8f2a', '1'] };
      assert.deepEqual(launchVariables(readLaunch({ kind }).launch), {});
      assert.deepEqual(launchVariables(readLaunch({ kind, options }).launch), { CUDA_VISIBLE_DEVICES: 'GPU-8f2a,1' });
      const environment = { variables: { CUDA_VISIBLE_DEVICES: '' } };
      assert.deepEqual(launchVariables(readLaunch({ kind, options, environment }).launch), {
        CUDA_VISIBLE_DEVICES: '',
      });
    }
  });

  it('torchrun: as many processes as chosen GPUs; without GPUs a number has to be given', async () => {
    const devices = ['0', '1', '2'];
    assert.ok(argvOf({ kind: 'torchrun', options: { devices } }).includes('--nproc_per_node=3'));
    const launcher = launcherOf('torchrun');
    const { launch } = readLaunch({ kind: 'torchrun', options: { processes: 2 } });
    assert.equal(await launcher.obstacle(launch), null);
  });

  it('are asked about their own processes: this machine’s by its process table, others’ not at all', async () => {
    for (const launcher of [...LAUNCHER_KINDS.filter((kind) => kind !== 'slurm'), 'shell', 'another']) {
      assert.deepEqual(await askProcess(processOf({ launcher })), { liveness: 'alive', detail: null }, launcher);
      assert.equal((await askProcess(processOf({ launcher, startTicks: 1 }))).liveness, 'dead');
      assert.equal((await askProcess(processOf({ launcher, host: 'node7' }))).liveness, 'elsewhere');
      assert.equal(stopCommand(processOf({ launcher, host: 'node7' })), null);
    }
  });

  it('slurm: a job on another node is stopped by its number', async () => {
    const job = processOf({ host: 'node7', launcher: 'slurm', job: '42' });
    assert.equal(stopCommand(job), 'scancel 42');
    await assert.rejects(
      stopRun(job, 'save'),
      (error) => error instanceof StopError && /scancel 42/.test(error.message),
    );
  });

  it('slurm: tagged with its run, logged to it, warned before the limit, requeued', () => {
    const argv = sbatchArgv({
      run: '/w/experiments/r 1',
      cwd: '/w',
      first: ['x'],
      again: ['y'],
      options: ['--gpus=1'],
    });
    assert.equal(argv[0], 'sbatch');
    for (const word of [
      '--comment=npt:/w/experiments/r 1',
      '--output=/w/experiments/r 1/train.log',
      '--requeue',
      '--signal=B:USR1@120',
      '--gpus=1',
    ]) {
      assert.ok(argv.includes(word), word);
    }
  });

  describe('the batch script, run by sh with a trainer and a scontrol of the test', () => {
    let folder: string;
    let job: SlurmJob;
    beforeEach(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), "npt job's "));
      const run = path.join(folder, 'run');
      fs.mkdirSync(path.join(run, 'checkpoints'), { recursive: true });
      fs.writeFileSync(path.join(folder, 'scontrol'), `#!/bin/sh\necho "$@" >> "${folder}/requeued"\nexit 1\n`, {
        mode: 0o755,
      });
      job = { run, cwd: folder, first: [trainer('first', 'exit 3')], again: [trainer('again', 'exit 4')] };
    });
    afterEach(() => {
      fs.rmSync(folder, { recursive: true });
    });

    function trainer(name: string, body: string): string {
      const file = path.join(folder, `${name} trainer`);
      fs.writeFileSync(file, `#!/bin/sh\necho ${name} >> "${folder}/started"\n${body}\n`, { mode: 0o755 });
      return file;
    }
    const ending = (why: string): string =>
      `printf '{\\n  "schema": 1,\\n  "why": "${why}"\\n}' > "${folder}/run/exit.json"`;
    const read = (name: string): string =>
      fs.existsSync(path.join(folder, name)) ? fs.readFileSync(path.join(folder, name), 'utf8') : '';

    async function submit(restarts: number, during?: (pid: number) => void): Promise<number | null> {
      const shell = spawn('sh', ['-c', batchScript(job)], {
        env: {
          ...process.env,
          PATH: `${folder}:${process.env.PATH ?? ''}`,
          SLURM_JOB_ID: '17',
          SLURM_RESTART_COUNT: String(restarts),
        },
        stdio: 'inherit',
      });
      const ended = new Promise<number | null>((resolve) => shell.on('close', resolve));
      while (read('ready') === '' && shell.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
      during?.(shell.pid ?? 0);
      return ended;
    }

    it('done and stopped end the job well; a failure keeps its code; an old exit.json decides nothing', async () => {
      fs.writeFileSync(path.join(folder, 'run/exit.json'), '{"why": "done"}');
      assert.equal(await submit(0), 3);
      job = { ...job, first: [trainer('first', `${ending('stopped')}; exit 130`)] };
      assert.equal(await submit(0), 0);
      assert.equal(read('started'), 'first\nfirst\n');
      assert.equal(read('requeued'), '');
    });

    it('passes the warning on, and asks for a requeue once the trainer saved', async () => {
      const body = `trap '${ending('preempted').replaceAll("'", `'\\''`)}; exit 138' USR1\ntouch "${folder}/ready"; echo r > "${folder}/ready"\nwhile :; do sleep 0.02; done`;
      job = { ...job, first: [trainer('first', body)] };
      assert.equal(
        await submit(0, (pid) => {
          process.kill(pid, 'SIGUSR1');
        }),
        75,
      );
      assert.equal(read('requeued'), 'requeue 17\n');
    });

    it('after a requeue goes on from the run, if it has a checkpoint', async () => {
      assert.equal(await submit(1), 3);
      fs.mkdirSync(path.join(folder, 'run/checkpoints/checkpoint-5'));
      assert.equal(await submit(1), 4);
      assert.equal(read('started'), 'first\nagain\n');
    });

    it('does not requeue for ever', async () => {
      job = { ...job, again: [trainer('again', ending('preempted'))], first: [trainer('first', ending('preempted'))] };
      assert.equal(await submit(20), 75);
      assert.equal(read('requeued'), '');
    });
  });
});
