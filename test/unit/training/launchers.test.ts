import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { procStat, thisHost } from '../../../src/core/experiment/runningProcess';
import type { RunProcess } from '../../../src/core/experiment/model';
import {
  askProcess,
  LAUNCHERS,
  LAUNCHER_KINDS,
  launcherOf,
  launchVariables,
  readLaunch,
  stopCommand,
  type LaunchRequest,
} from '../../../src/core/training/launchers';

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
});
