import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { LAUNCHER_KINDS, launcherOf } from '../../../src/core/training/launchers';
import { batchScript, sbatchArgv, type SlurmJob } from '../../../src/core/training/launchers/slurm/job';
import { torchrunArgv } from '../../../src/core/training/launchers/torchrun';

const COMMAND = { interpreter: '/env/bin/python', script: 'scripts/t.py', args: ['--resume_from', 'a b'] };

describe('launchers', () => {
  it('local: the command itself', () => {
    const argv = launcherOf('local').argv({ run: '/w/experiments/r', cwd: '/w', first: COMMAND, again: COMMAND });
    assert.deepEqual(argv, ['/env/bin/python', 'scripts/t.py', '--resume_from', 'a b']);
  });

  it('torchrun: with arguments that every supported version knows', () => {
    assert.deepEqual(torchrunArgv(COMMAND, 2), [
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
