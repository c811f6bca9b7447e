import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { procStat, thisHost } from '../../../src/core/thisHost';
import type { RunProcess } from '../../../src/core/experiment/model';
import {
  askProcess,
  followWords,
  isAboutRun,
  launchFailures,
  NO_ENVIRONMENT,
  shownSecrets,
  type EnvironmentRequest,
  LAUNCHERS,
  LAUNCHER_KINDS,
  launcherOf,
  launchVariables,
  readLaunch,
  stopCommand,
  type LaunchRequest,
} from '../../../src/core/training/launchers';
import type { Gpu } from '../../../src/core/training/gpus/gpu';
import { launchFacts, shellCommandOf } from '../../../src/core/training/launchers/shown';

const COMMAND = { interpreter: '/env/bin/python', script: 'scripts/t.py', args: ['--resume_from', 'a b'] };

function argvOf(request: LaunchRequest): string[] {
  const { launch, problems } = readLaunch(request);
  assert.deepEqual(problems, []);
  return launcherOf(launch.kind).argv({
    launch,
    run: '/w/experiments/r',
    cwd: '/w',
    first: COMMAND,
    again: COMMAND,
    fromStep: 0,
  });
}

function processOf(rest: Partial<RunProcess> = {}): RunProcess {
  return {
    ...{ host: thisHost().name, bootId: thisHost().bootId, pid: process.pid, started: Date.now() / 1000 },
    ...{ startTicks: procStat(process.pid)?.startTicks ?? 0, launcher: 'local', job: null, segment: 1 },
    ...rest,
  };
}

const gpu = (index: string, pid?: number): Gpu => ({
  ...{
    uuid: `GPU-${index.replace(':', '-')}`,
    index,
    name: 'H100',
    memoryBytes: null,
    usedBytes: null,
    utilisation: null,
  },
  processes: pid === undefined ? [] : [{ pid, memoryBytes: null }],
});

describe('launchers', () => {
  it('are chosen with what they train on: each GPU, the CPU, several GPUs together, a job', () => {
    const choices = (gpus: readonly Gpu[]): string[] =>
      LAUNCHERS.flatMap((launcher) =>
        launcher.choices(gpus).map((choice) => {
          const request = { kind: launcher.kind, options: choice.options };
          const { launch, problems } = readLaunch(request);
          assert.deepEqual(problems, []);
          return [launcher.kind, ...Object.values(launcher.variables(launch)), choice.gpus?.length].join(' ');
        }),
      );
    const none = ['local 0', 'slurm '];
    assert.deepEqual(choices([]), none);
    assert.deepEqual(choices([gpu('0')]), ['local GPU-0 1', ...none]);
    assert.deepEqual(choices([gpu('0', 7), gpu('1'), gpu('2')]), [
      ...['local GPU-0 1', 'local GPU-1 1', 'local GPU-2 1', 'local 0'],
      ...['torchrun GPU-1,GPU-2 2', 'torchrun GPU-0,GPU-1,GPU-2 3', 'slurm '],
    ]);
    assert.deepEqual(choices([gpu('0'), gpu('1')]).slice(3), ['torchrun GPU-0,GPU-1 2', 'slurm '], 'all are free');
    assert.deepEqual(choices([gpu('0:0'), gpu('0:1')]).slice(3), ['slurm '], 'parts of one do not train together');
  });

  it('follow what they started, in a command that is known by the run again, however it was written', () => {
    assert.deepEqual(followWords(processOf({ launcher: 'slurm' }), '/w/a run', '/x/npt_supervise.py'), [
      ...['/x/npt_slurm.py', 'follow', '--run-dir', '/w/a run'],
    ]);
    const words = followWords(processOf({ launcher: 'shell' }), '/w/a run', '/x/npt_supervise.py');
    assert.deepEqual(words, ['/x/npt_supervise.py', 'follow', '--run-dir', '/w/a run']);
    const commands = [
      words,
      ['/x/npt_supervise.py', 'run', '--escaped', '--run-dir', '/w/a%20run', '--', 'python'],
      ['/x/npt_supervise.py', 'planned', encodeURIComponent(JSON.stringify(['python', ...words]))],
      ['/x/npt_slurm.py', 'submit', '--run-dir', '/w/b', '--run-dir', '/w/a run', '--', 'sbatch'],
    ];
    for (const command of commands) assert.ok(isAboutRun(command, '/w/a run'), command.join(' '));
    const others = [
      ['/x/npt_supervise.py', 'run', '--run-dir', '/w/b', '--', 'python', 't.py', '--resume_from', '/w/a run'],
      ['/x/npt_supervise.py', 'planned', '%E0%A4%A'],
      ['/x/npt_supervise.py', 'planned', encodeURIComponent('"/w/a run"')],
      ['/w/a run'],
      [],
    ];
    for (const command of others) assert.ok(!isAboutRun(command, '/w/a run'), command.join(' '));
  });

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

  describe('the environment', () => {
    const secret = 'hunter2';
    let folder: string;
    beforeEach(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'npt environment '));
    });
    afterEach(() => {
      fs.rmSync(folder, { recursive: true });
    });

    it('reaches the supervisor word by word; the file of variables only by its path', () => {
      const envFile = path.join(folder, '.env');
      fs.writeFileSync(envFile, `TOKEN=${secret}\n`);
      const environment = { variables: { A: "x y; 'z' $(id)" }, envFile, modules: ['cuda/12.4'], conda: folder };
      for (const kind of ['local', 'torchrun'] as const) {
        const { launch, problems } = readLaunch({ kind, options: { devices: ['1'] }, environment, restarts: 2 });
        assert.deepEqual(problems, []);
        const plan = {
          run: '/w/r',
          cwd: '/w',
          interpreter: '/py',
          argv: ['/py', 't.py'],
          again: ['/py', 'a.py'],
          launch,
        };
        const command = launcherOf(kind).command(plan, '/s.py');
        assert.deepEqual(command, [
          ...['/py', '/s.py', 'run', '--run-dir', '/w/r', '--launcher', kind],
          ...['--module', 'cuda/12.4', '--conda', folder, '--env-file', envFile],
          ...['--env', 'CUDA_VISIBLE_DEVICES=1', '--env', "A=x y; 'z' $(id)"],
          ...['--restarts', '2', '--again', '["/py","a.py"]', '--', '/py', 't.py'],
        ]);
        const shown = JSON.stringify([launch, launchFacts(launch), shellCommandOf(plan.argv, launch), command]);
        assert.ok(!shown.includes(secret) && shown.includes('.env'));
      }
    });

    it('is copied as a shell reads it back', () => {
      const envFile = path.join(folder, 'my secrets.env');
      fs.writeFileSync(envFile, `TOKEN=${secret}\n`);
      const variables = { A: "it's $HOME", B: '' };
      const { launch } = readLaunch({ options: { devices: '0,1' }, environment: { variables, envFile } });
      const line = shellCommandOf(['sh', '-c', 'echo "$A|$B|$CUDA_VISIBLE_DEVICES|$TOKEN"'], launch);
      assert.equal(execFileSync('sh', ['-c', line], { encoding: 'utf8' }), `it's $HOME||0,1|${secret}\n`);
    });

    it('(each kind of mistake) is one line that shows no value', () => {
      for (const environment of [
        { variables: { 'A B': secret } },
        { variables: { 'A=B': secret } },
        { variables: { A: { [secret]: secret } } },
        { variables: { A: `\0${secret}` } },
        { variables: [secret] },
        { envFile: 7 },
        { envFile: 'relative.env' },
        { conda: ['x'] },
        { modules: 'cuda' },
        { modules: ['--version'] },
        { modules: ['a b'] },
        { modules: ['a\nb'] },
        { modules: [''] },
      ]) {
        const { problems, launch } = readLaunch({ environment });
        assert.equal(problems.length, 1, JSON.stringify(environment));
        assert.match(problems[0] ?? '', /^npt\.environment\.\w+: write [^\n]+\.$/);
        assert.ok(!(problems[0] ?? '').includes(secret));
        assert.deepEqual(launch.environment, NO_ENVIRONMENT);
      }
      for (const restarts of [-1, 1.5, '2', 101, null, Number.NaN].filter((each) => each !== null)) {
        assert.match(
          readLaunch({ restarts }).problems[0] ?? '',
          /^npt\.restarts is .*: write a whole number from 0 to 100/,
        );
      }
    });

    it('that is not there is an error of the plan; a secret that would be shown is a warning', async () => {
      const codes = async (environment: EnvironmentRequest): Promise<string[]> =>
        (await launchFailures(readLaunch({ environment }).launch)).map(({ code }) => code);
      const missing = path.join(folder, 'none');
      assert.deepEqual(await codes({ envFile: missing, conda: missing }), [
        'environment-missing',
        'environment-missing',
      ]);
      assert.deepEqual(await codes({ envFile: folder }), ['environment-missing']);
      assert.deepEqual(await codes({ conda: folder }), []);
      const { environment } = readLaunch({
        environment: { variables: { WANDB_API_KEY: secret, hf_token: secret, TOKENIZERS_PARALLELISM: '0', KEYS: '1' } },
      }).launch;
      assert.deepEqual(shownSecrets(environment), ['WANDB_API_KEY', 'hf_token']);
    });
  });

  it('are asked about their own processes: this machine’s by its process table, others’ not at all', async () => {
    for (const launcher of [...LAUNCHER_KINDS.filter((kind) => kind !== 'slurm'), 'shell', 'another']) {
      assert.deepEqual(await askProcess(processOf({ launcher })), { liveness: 'alive', detail: null }, launcher);
      assert.equal((await askProcess(processOf({ launcher, startTicks: 1 }))).liveness, 'dead');
      assert.equal((await askProcess(processOf({ launcher, host: 'node7' }))).liveness, 'elsewhere');
      assert.equal(stopCommand(processOf({ launcher, host: 'node7' })), null);
    }
  });
});
