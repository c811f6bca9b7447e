import Ajv2020 from 'ajv/dist/2020';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareCheckpoints, type Comparison } from '../../../src/core/checkpoint/compare';
import { CheckpointPathError } from '../../../src/core/checkpoint/validate';
import { crc32ByTable } from '../../../src/core/torchfile/crc32';
import { CHECKPOINTS, recordsOf, Workbench } from './fixtures';

const WEIGHTS = 'npt_weights.pt';

describe('compareCheckpoints', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });
  const check = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
    JSON.parse(readFileSync(join(__dirname, '../../../schemas/cli-compare.schema.json'), 'utf8')) as object,
  );

  async function compare(a: string, b: string): Promise<Comparison> {
    const comparison = await compareCheckpoints(a, b);
    assert.ok(check(JSON.parse(JSON.stringify(comparison))), JSON.stringify(check.errors));
    return comparison;
  }

  /** Changes a record's floats, and its CRC unless the file is to lie. */
  function change(folder: string, record: string, map: (value: number) => number, honest = true): void {
    bench.edit(folder, WEIGHTS, (bytes) => {
      const place = recordsOf(bytes).get(`npt_weights/${record}`);
      assert.ok(place);
      for (let at = place.start; at < place.start + place.length; at += 4)
        bytes.writeFloatLE(map(bytes.readFloatLE(at)), at);
      if (honest)
        bytes.writeUInt32LE(
          crc32ByTable(bytes.subarray(place.start, place.start + place.length)),
          place.directoryAt + 16,
        );
      return bytes;
    });
  }

  it('finds nothing different between copies', async () => {
    const comparison = await compare(bench.copy(CHECKPOINTS.oursDual), bench.copy(CHECKPOINTS.oursDual));
    assert.deepEqual(comparison.arguments, []);
    assert.ok(comparison.curriculum.length === 3 && comparison.curriculum.every((stage) => stage.same));
    assert.ok(
      comparison.tensors.length === 12 && comparison.tensors.every((tensor) => tensor.same && tensor.cosine === 1),
    );
    assert.deepEqual(
      comparison.layers.map(({ layer, same }) => [layer, same]),
      [
        [1, true],
        [2, true],
      ],
    );
  });

  it('measures what changed, by tensor and by layer, and leaves frozen layers alone', async () => {
    const a = bench.copy(CHECKPOINTS.field);
    const b = bench.copy(CHECKPOINTS.field);
    // Records 3 to 5 are layer 14's.
    change(b, 'data/3', (value) => value * 2);
    change(b, 'data/4', (value) => -value);
    const { tensors, layers } = await compare(a, b);
    const by = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    const doubled = by.get('layer_14_np.W_down');
    assert.ok(
      doubled && Math.abs((doubled.relativeChange ?? 0) - 1) < 1e-6 && Math.abs((doubled.cosine ?? 0) - 1) < 1e-6,
    );
    const turned = by.get('layer_14_np.W_a_up');
    assert.ok(turned && Math.abs((turned.relativeChange ?? 0) - 2) < 1e-6 && Math.abs((turned.cosine ?? 0) + 1) < 1e-6);
    assert.deepEqual(by.get('layer_14_np.W_b_up'), {
      name: 'layer_14_np.W_b_up',
      same: true,
      relativeChange: 0,
      cosine: 1,
    });
    assert.deepEqual(
      layers.map(({ layer, same }) => [layer, same]),
      [
        [13, true],
        [14, false],
        [15, true],
      ],
    );
  });

  it('goes by the directory’s checksums alone where they agree', async () => {
    const a = bench.copy(CHECKPOINTS.field);
    const b = bench.copy(CHECKPOINTS.field);
    change(b, 'data/0', (value) => value + 1, false);
    assert.ok((await compare(a, b)).tensors.every((tensor) => tensor.same));
  });

  it('names tensors, arguments and stages that only one side has, across dialects', async () => {
    const {
      tensors,
      onlyInA,
      onlyInB,
      arguments: changed,
      curriculum,
    } = await compare(bench.copy(CHECKPOINTS.fieldOld), bench.copy(CHECKPOINTS.field));
    assert.deepEqual(tensors, []);
    assert.deepEqual(onlyInA, ['layer_5_np.W_down', 'layer_5_np.W_a_up', 'layer_5_np.W_b_up']);
    assert.equal(onlyInB.length, 9);
    assert.deepEqual(
      changed.find(({ name }) => name === 'learning_rate'),
      { name: 'learning_rate', a: 1e-4, b: 5e-5 },
    );
    assert.deepEqual(
      changed.find(({ name }) => name === 'np_rank'),
      { name: 'np_rank', a: 4, b: null },
    );
    assert.deepEqual(curriculum[1], {
      index: 1,
      same: false,
      a: null,
      b: { name: 'mixed', from: 20000, until: 50000, mixingRatio: 0.5, mlpMixingRatio: null },
    });
  });

  it('gives no figure for tensors of different shapes', async () => {
    const { tensors } = await compare(bench.copy(CHECKPOINTS.fieldMerged), bench.copy(CHECKPOINTS.oursDual));
    assert.deepEqual(tensors, []);
    const shapes = await compare(bench.copy(CHECKPOINTS.fieldNumpy1), bench.copy(CHECKPOINTS.field));
    assert.equal(shapes.tensors.length, 3);
    assert.ok(
      shapes.tensors.every((tensor) => !tensor.same && tensor.cosine !== null && Math.abs(tensor.cosine) < 0.9),
    );
  });

  it('refuses in one line what it cannot read', async () => {
    const good = bench.copy(CHECKPOINTS.field);
    const bad = bench.copy(CHECKPOINTS.field);
    bench.edit(bad, WEIGHTS, (bytes) => bytes.subarray(0, 500));
    await assert.rejects(
      compareCheckpoints(good, bad),
      (error: unknown) =>
        error instanceof CheckpointPathError && /cannot be compared: .*end is missing/.test(error.message),
    );
    await assert.rejects(
      compareCheckpoints(join(bench.root, 'nowhere'), good),
      (error: unknown) => error instanceof CheckpointPathError && /NPT weights not found/.test(error.message),
    );
  });
});
