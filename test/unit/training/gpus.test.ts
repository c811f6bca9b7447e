import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { freeGpus, isFree, visibleDevices, visibleGpus, type Gpu } from '../../../src/core/training/gpus/gpu';
import { GpuMonitor } from '../../../src/core/training/gpus/gpuMonitor';
import { gpuUseText, useOfGpus } from '../../../src/core/training/gpus/gpuUse';
import { gpusOf } from '../../../src/core/training/gpus/runGpus';
import { readGpusHere, type GpuReading } from '../../../src/core/training/gpus/nvidiaSmi';
import { readGpus, readInstances, readInstanceUse, readProcesses } from '../../../src/core/training/gpus/nvidiaSmiText';

const RECORDED = path.join(__dirname, '../../fixtures/nvidia-smi');

interface Recorded extends GpuReading {
  readonly about: string;
  readonly free: readonly string[];
}

function gpu(change: Partial<Gpu> = {}): Gpu {
  return {
    ...{ uuid: 'GPU-1', index: '0', name: 'A', memoryBytes: 100, usedBytes: 0, utilisation: 0, processes: [] },
    ...change,
  };
}

/** The stand-in comes first on the PATH, and answers as the case says. */
function machine(file: string): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${RECORDED}:${process.env.PATH ?? ''}`, NPT_TEST_NVIDIA_SMI: file };
}

describe('GPUs, as nvidia-smi tells of them', () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-gpus-'));
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const cases = fs.readdirSync(RECORDED).filter((name) => name.endsWith('.json'));
  for (const name of cases) {
    const file = path.join(RECORDED, name);
    const recorded = JSON.parse(fs.readFileSync(file, 'utf8')) as Recorded;
    it(`${name.replace('.json', '')}: ${recorded.about}`, async () => {
      const { gpus, available, problem, free } = recorded;
      const reading = await readGpusHere({ environment: machine(file) });
      assert.deepEqual(reading, { gpus, available, problem });
      assert.deepEqual(
        freeGpus(reading.gpus).map(({ uuid }) => uuid),
        free,
      );
    });
  }

  it('a machine without nvidia-smi has none, and that is no problem', async () => {
    const reading = await readGpusHere({ environment: { PATH: folder } });
    assert.deepEqual(reading, { gpus: [], available: false, problem: null });
  });

  it('a driver that hangs is given up after a limit, and said', async () => {
    const file = path.join(folder, 'hangs.json');
    const hang = { hang: 600 };
    fs.writeFileSync(
      file,
      JSON.stringify({ answers: { '--query-gpu': hang, '--query-compute-apps': hang, '-L': hang } }),
    );
    const reading = await readGpusHere({ environment: machine(file), limitMs: 1000 });
    assert.deepEqual(reading, {
      gpus: [],
      available: true,
      problem: 'nvidia-smi: it did not answer within 1 s',
    });
  });

  it('whatever it prints is no GPU unless it is one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const gpu of readGpus(text)) assert.match(gpu.uuid, /^(GPU|MIG)-/);
        readProcesses(text);
        readInstances(text);
        readInstanceUse(text);
      }),
    );
  });
});

describe('which GPUs are free', () => {
  it('not one that computes for somebody, nor one that is about to', () => {
    assert.equal(isFree(gpu()), true);
    assert.equal(isFree(gpu({ processes: [{ pid: 1, memoryBytes: null }] })), false);
    assert.equal(isFree(gpu({ usedBytes: 50 })), false);
    assert.equal(isFree(gpu({ utilisation: 0.9 })), false);
    assert.deepEqual(freeGpus([gpu()], new Set(['GPU-1'])), []);
  });

  it('the one with the most memory left comes first, else the order stays', () => {
    const gpus = [gpu({ uuid: 'a' }), gpu({ uuid: 'b', memoryBytes: 200 }), gpu({ uuid: 'c' })];
    assert.deepEqual(
      freeGpus(gpus).map(({ uuid }) => uuid),
      ['b', 'a', 'c'],
    );
  });

  it('a program sees those that the variable names, as CUDA reads it', () => {
    const gpus = [gpu({ uuid: 'GPU-aaaa1', index: '0' }), gpu({ uuid: 'GPU-bbbb2', index: '1' })];
    const seen = (devices: string): string[] => visibleGpus(gpus, devices).map(({ index }) => index);
    assert.deepEqual(seen(visibleDevices([gpus[1]!]).CUDA_VISIBLE_DEVICES), ['1']);
    assert.deepEqual(seen(visibleDevices([]).CUDA_VISIBLE_DEVICES), []);
    assert.deepEqual(seen('1, 0'), ['1', '0']);
    assert.deepEqual(seen('GPU-aa'), ['0']);
    assert.deepEqual(seen('0,-1,1'), ['0']);
    assert.deepEqual(seen('7'), []);
  });
});

describe('what a run uses of the GPUs', () => {
  const run = {
    ...{ host: 'here', bootId: '', pid: 20, started: 0, startTicks: 1, launcher: 'torchrun', job: null, segment: 1 },
    supervisor: { pid: 10, startTicks: 1 },
  };
  // 10 supervises 20, which has 30; 31 is the supervisor's own; 40 is somebody else's, 50 its own parent.
  const parents = new Map([
    [20, 10],
    [30, 20],
    [31, 10],
    [40, 1],
    [50, 50],
  ]);
  const on = (...pids: number[]): Gpu =>
    gpu({ uuid: pids.join(), processes: pids.map((pid) => ({ pid, memoryBytes: null })) });

  it('those that its processes compute on, and those below them', () => {
    const gpus = [on(20), on(30), on(40, 31), on(40), on(50), on(7), on()];
    assert.deepEqual(
      gpusOf(gpus, run, (pid) => parents.get(pid)).map(({ uuid }) => uuid),
      ['20', '30', '40,31'],
    );
  });

  it('their figures together, and none that one of them does not tell', () => {
    const both = useOfGpus([
      gpu({ usedBytes: 61e9, memoryBytes: 80e9, utilisation: 0.9 }),
      gpu({ usedBytes: 1e9, memoryBytes: 80e9, utilisation: 0.1 }),
    ])!;
    assert.equal(gpuUseText(both), '62.0 / 160 GB · 50 %');
    assert.equal(gpuUseText({ ...both, memoryBytes: null, utilisation: null }), '62.0 GB');
    assert.equal(gpuUseText({ ...both, usedBytes: 62e6 }), '62.0 MB / 160 GB · 50 %');
    const half = useOfGpus([gpu({ usedBytes: null, utilisation: null }), gpu({ usedBytes: 1 })])!;
    assert.equal(gpuUseText(half), '');
    assert.equal(useOfGpus([]), null);
  });
});

describe('looking at the GPUs', () => {
  const reading: GpuReading = { gpus: [], available: true, problem: null };

  it('one question at a time for all who look, and none when nobody does', async () => {
    let asked = 0;
    let answering = 0;
    const monitor = new GpuMonitor(async () => {
      assert.equal(answering, 0);
      answering += 1;
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 2));
      answering -= 1;
      return reading;
    }, 1);
    assert.equal(asked, 0);
    const told = [0, 0];
    let enough = (): void => undefined;
    const done = new Promise<void>((resolve) => (enough = resolve));
    const looks = told.map((_, who) =>
      monitor.look(() => {
        told[who]! += 1;
        if (told[who]! > 3) enough();
      }),
    );
    await done;
    for (const look of looks) look.dispose();
    // What was asked before the last one looked away is answered yet.
    await new Promise((resolve) => setTimeout(resolve, 10));
    const before = asked;
    assert.ok(asked <= told[0]! + 2, `${asked} questions for ${told.join(' and ')} answers`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(asked, before);
    monitor.dispose();
  });

  it('as often as the most eager one wants, and at once for one that comes', async () => {
    let asked = 0;
    const monitor = new GpuMonitor(() => {
      asked += 1;
      return Promise.resolve(reading);
    }, 5);
    // For this one, days would be soon enough.
    const seldom = monitor.look(() => undefined, 1e8);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(asked, 1);
    await new Promise<void>((resolve) => {
      let told = 0;
      monitor.look(() => {
        told += 1;
        if (told === 4) resolve();
      });
    });
    assert.equal(asked, 5);
    seldom.dispose();
    monitor.dispose();
  });

  it('a machine without an answer is asked less and less often', async () => {
    const times: number[] = [];
    const monitor = new GpuMonitor(() => {
      times.push(performance.now());
      return Promise.resolve({ ...reading, available: false });
    }, 4);
    await new Promise<void>((resolve) => {
      monitor.look(() => {
        if (times.length === 4) resolve();
      });
    });
    monitor.dispose();
    // 16, 64 and 256 ms at least: a timer is never early.
    assert.ok(times[3]! - times[2]! > 200, times.join(', '));
  });
});
