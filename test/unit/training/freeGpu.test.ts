import assert from 'node:assert/strict';
import path from 'node:path';
import { FreeGpus } from '../../../src/core/training/launchers/freeGpu';
import { launcherOf, readLaunch, type LaunchRequest } from '../../../src/core/training/launchers';
import { readGpusHere, type GpuReading } from '../../../src/core/training/gpus/nvidiaSmi';
import type { Plan } from '../../../src/core/training/plan/plan';

const RECORDED = path.join(__dirname, '../../fixtures/nvidia-smi');
const BUSY = 'GPU-aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';
const FREE = 'GPU-bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb';

/** What nvidia-smi says on a machine that was recorded. */
function machine(name: string): () => Promise<GpuReading> {
  const environment = {
    ...process.env,
    PATH: `${RECORDED}:${process.env.PATH ?? ''}`,
    NPT_TEST_NVIDIA_SMI: path.join(RECORDED, `${name}.json`),
  };
  return () => readGpusHere({ environment });
}

function plan(launch: LaunchRequest = {}, device: string | null = 'auto'): Plan {
  const none = { source: 'default', previous: null } as const;
  return {
    ...{ kind: 'resume', run: '/w/experiments/a', newRun: false, parent: null, checkpoint: null, from: null },
    ...{ preset: null, cwd: '/w', interpreter: '/py', argv: ['/py', 't.py'], again: ['/py', 't.py'], curriculum: [] },
    ...{ stageAtStart: null, startStep: 0, questions: [], warnings: [], errors: [] },
    launch: readLaunch(launch).launch,
    arguments: device === null ? [] : [{ name: 'device', value: device, ...none }],
  };
}

const placed = async (given: Plan, name = 'two-gpus', environment: NodeJS.ProcessEnv = {}): Promise<unknown> => {
  const after = await new FreeGpus(machine(name), environment).place(given);
  return after === given ? 'as it is' : after.launch.options.devices;
};

describe('the GPU of a start that does not say which', () => {
  it('is a free one, which the trainer alone sees', async () => {
    const after = await new FreeGpus(machine('two-gpus'), {}).place(plan());
    assert.deepEqual(after.launch.options, { devices: [FREE] });
    const command = launcherOf(after.launch.kind).command(after, '/s.py');
    assert.ok(command.includes(`CUDA_VISIBLE_DEVICES=${FREE}`), command.join(' '));
    assert.deepEqual(await placed(plan({}, 'cuda')), [FREE]);
  });

  it('is nobody’s business where something says which, or what trains takes several or none', async () => {
    for (const given of [
      plan({ options: { devices: [BUSY] } }),
      plan({ environment: { variables: { CUDA_VISIBLE_DEVICES: '0' } } }),
      // It may say so, and is not read here.
      plan({ environment: { envFile: '/w/.env' } }),
      plan({ kind: 'torchrun' }),
      plan({ kind: 'torchrun', options: { processes: 2 } }),
      plan({ kind: 'slurm' }),
      plan({}, 'cpu'),
      plan({}, 'cuda:1'),
      // Another trainer's script, which may want them all.
      plan({}, null),
    ]) {
      assert.equal(await placed(given), 'as it is', JSON.stringify(given));
    }
    assert.equal(await placed(plan(), 'two-gpus', { CUDA_VISIBLE_DEVICES: '1' }), 'as it is');
  });

  it('is left to the trainer where there is nothing to choose from', async () => {
    for (const name of ['no-devices', 'no-driver', 'other-containers']) {
      assert.equal(await placed(plan(), name), 'as it is', name);
    }
    const missing: GpuReading = { gpus: [], available: false, problem: null };
    const given = plan();
    assert.equal(await new FreeGpus(() => Promise.resolve(missing), {}).place(given), given);
  });

  it('is not given twice before the first run shows on it', async () => {
    let now = 0;
    const gpus = new FreeGpus(machine('two-gpus'), {}, () => now);
    const devices = async (): Promise<unknown> => (await gpus.place(plan())).launch.options.devices;
    // Whichever is answered first has it.
    const given = await Promise.all([devices(), devices()]);
    assert.deepEqual(given.flat(), [FREE]);
    assert.ok(
      given.some((each) => Array.isArray(each) && each.length === 0),
      JSON.stringify(given),
    );
    now = 121_000;
    assert.deepEqual(await devices(), [FREE]);
  });
});
