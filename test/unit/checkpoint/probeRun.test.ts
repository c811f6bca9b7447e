/** The probe over a run's checkpoints: drift, what the trainer logged, and checkpoints that cannot be run. */
import { buildSync } from 'esbuild';
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { probeRun, relativeChange } from '../../../src/core/checkpoint/probe/probeRun';
import { CheckpointWorker } from '../../../src/core/checkpoint/worker/workerClient';
import { Workbench } from './fixtures';

const TORCH = join(__dirname, '../../fixtures/probe');
const SOURCES = join(__dirname, '../../../src');

describe('probe of a run', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  let runs = 0;
  /** A run with probe.pt whose checkpoints hold these fixtures' weights; null: none. */
  function run(...weights: readonly (string | null)[]): string[] {
    const folder = join(bench.root, `run-${runs++}`);
    mkdirSync(folder);
    copyFileSync(join(TORCH, 'probe.pt'), join(folder, 'probe.pt'));
    return weights.map((name, index) => {
      const checkpoint = join(folder, 'checkpoints', `checkpoint-${index + 1}`);
      mkdirSync(checkpoint, { recursive: true });
      if (name !== null) copyFileSync(join(TORCH, name, 'npt_weights.pt'), join(checkpoint, 'npt_weights.pt'));
      return checkpoint;
    });
  }

  it('tells drift from the checkpoint before, and none at the first', async () => {
    const { unavailable, checkpoints } = await probeRun(run('dual-4', 'dual-4', 'dual-1'));
    assert.equal(unavailable, null);
    assert.deepEqual(
      checkpoints.map(({ layers, problem }) => [
        problem,
        layers.map(({ layer, input, drift }) => [layer, input, drift]),
      ]),
      [
        [null, [[3, 'probe.pt', null]]],
        [null, [[3, 'probe.pt', 0]]],
        // Another number of ranks is another component.
        [null, [[3, 'probe.pt', null]]],
      ],
    );
  });

  it('measures drift as the relative change of all outputs together', () => {
    const outputs = (...values: number[]): Map<string, Float32Array> =>
      new Map([
        ['v_a  0', Float32Array.from(values.slice(0, 2))],
        ['v_b  0', Float32Array.from(values.slice(2))],
      ]);
    assert.equal(relativeChange(outputs(3, 0, 4), outputs(3, 5, 4)), 1);
    assert.equal(relativeChange(outputs(0, 0, 0), outputs(0, 0, 0)), 0);
    assert.equal(relativeChange(outputs(0, 0, 0), outputs(1, 0, 0)), null);
    assert.equal(relativeChange(outputs(1, 0, 0), outputs(NaN, 0, 0)), null);
    assert.equal(relativeChange(outputs(1, 0, 0), outputs(1, 0, 0, 0)), null);
  });

  it('gives what the trainer logged beside what it measures', async () => {
    const [checkpoint] = run('single-1');
    writeFileSync(
      join(checkpoint!, 'manifest.json'),
      JSON.stringify({ schema: 1, metrics: { 'probe/v_a_attention_similarity/layer_3': 0.25 } }),
    );
    const { checkpoints } = await probeRun([checkpoint!]);
    assert.equal(checkpoints[0]?.layers[0]?.logged, 0.25);
  });

  it('says of a checkpoint why it cannot be run, and goes on; drift is from the last one that could', async () => {
    const paths = run('single-1', null, 'single-4', 'single-4');
    writeFileSync(join(paths[2]!, 'npt_weights.pt'), 'no torch file');
    const { checkpoints } = await probeRun([paths[0]!, paths[1]!, paths[2]!, paths[0]!]);
    assert.deepEqual(
      checkpoints.map(({ layers }) => layers.length),
      [1, 0, 0, 1],
    );
    assert.match(checkpoints[1]?.problem ?? '', /ENOENT|no such file/i);
    assert.match(checkpoints[2]?.problem ?? '', /./);
    assert.doesNotMatch(checkpoints[2]?.problem ?? '', /\n/);
    assert.equal(checkpoints[3]?.layers[0]?.drift, 0);
  });

  function bundle(entry: string, outfile: string): void {
    buildSync({
      entryPoints: [join(SOURCES, entry)],
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      external: ['onnxruntime-node'],
      logLevel: 'error',
    });
  }

  it('works in the checkpoint worker, with progress, and can be cancelled', async () => {
    const folder = join(bench.root, 'with-runtime');
    mkdirSync(folder);
    symlinkSync(join(__dirname, '../../../node_modules'), join(folder, 'node_modules'));
    const script = join(folder, 'worker.js');
    bundle('core/checkpoint/worker/worker.ts', script);
    const worker = new CheckpointWorker(script);
    try {
      const paths = run('triple-4', 'triple-4', 'triple-4');
      const told: number[] = [];
      const { checkpoints } = await worker.probe(paths, { onProgress: (done) => told.push(done) });
      assert.equal(checkpoints.length, 3);
      assert.ok(checkpoints.every(({ layers }) => layers.length === 1 && layers[0]?.mapped));
      assert.deepEqual([told[0], told.at(-1)], [0, 3]);
      const abort = new AbortController();
      const many = Array.from({ length: 2000 }, (_, i) => paths[i % 3]!);
      const cancelled = worker.probe(many, {
        signal: abort.signal,
        onProgress: () => {
          abort.abort();
        },
      });
      await assert.rejects(cancelled, { name: 'AbortError' });
      // And the thread goes on serving.
      assert.equal((await worker.probe(paths)).checkpoints.length, 3);
    } finally {
      worker.dispose();
    }
  });

  it('says in one line why it is off where ONNX Runtime is not there', async () => {
    // A folder without node_modules, as on a platform that has no build of it.
    const script = join(bench.root, 'worker.js');
    bundle('core/checkpoint/worker/worker.ts', script);
    const worker = new CheckpointWorker(script);
    try {
      assert.deepEqual(await worker.probe(run('single-1')), {
        unavailable: `ONNX Runtime is not packaged for ${process.platform}-${process.arch}`,
        checkpoints: [],
      });
    } finally {
      worker.dispose();
    }
  });
});
