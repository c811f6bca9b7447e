import Ajv2020 from 'ajv/dist/2020';
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareCheckpoints, type Comparison } from '../../../src/core/checkpoint/compare/compare';
import { isSame } from '../../../src/core/checkpoint/report/renderComparison';
import { CheckpointPathError } from '../../../src/core/checkpoint/pathErrors';
import { crc32ByTable } from '../../../src/core/torchfile/container/crc32';
import { CHECKPOINTS, pickle, recordsOf, text, torchZip, Workbench } from './fixtures';

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
  function change(
    folder: string,
    record: string,
    map: (value: number) => number,
    { honest = true, file = WEIGHTS } = {},
  ): void {
    bench.edit(folder, file, (bytes) => {
      const place = recordsOf(bytes).get(`${file.replace('.pt', '')}/${record}`);
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

  it('leaves out what belongs to one start of the trainer', async () => {
    const resumed = bench.copy(CHECKPOINTS.oursDual);
    const file = join(resumed, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const now = { ...config, resume_from: 'experiments/before', output_dir: 'elsewhere', learning_rate: 0.5 };
    writeFileSync(file, JSON.stringify(now));
    const { arguments: changed } = await compare(bench.copy(CHECKPOINTS.oursDual), resumed);
    assert.deepEqual(changed, [{ name: 'learning_rate', a: config.learning_rate, b: 0.5 }]);
  });

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
    assert.deepEqual(comparison.notes, []);
    assert.equal(comparison.optimizer.same, true);
    assert.equal(isSame(comparison), true);
  });

  describe('of the optimizer', () => {
    /** Records 0 to 2 of the training state are step, exp_avg and exp_avg_sq of the first parameter, and so on. */
    const TRAINING = 'training_state.pt';
    const moments = ({ optimizer }: Comparison): unknown =>
      optimizer.layers.map(({ layer, moments: own }) => [layer, ...own.map(({ name, same }) => [name, same])]);
    const differing = ({ optimizer }: Comparison): unknown =>
      optimizer.settings.filter(({ same }) => !same).map(({ name, a, b }) => [name, a, b]);

    it('tells kind, settings, steps, schedule and scaler', async () => {
      const { optimizer } = await compare(bench.copy(CHECKPOINTS.oursDual), bench.copy(CHECKPOINTS.field));
      assert.deepEqual(optimizer.a, {
        ...optimizer.a,
        kind: 'AdamW',
        parameters: 12,
        steps: { least: 30, most: 30 },
        learningRate: 5e-4,
        scheduler: { position: 30, baseRate: 0.001, warmUpUntil: 5, end: 90 },
        scaler: null,
      });
      const [group] = optimizer.a.groups;
      assert.equal(group?.parameters, 12);
      assert.deepEqual([group.settings['betas'], group.settings['weight_decay']], [[0.9, 0.999], 0.01]);
      assert.deepEqual(optimizer.b?.scheduler, { position: 24000, baseRate: 5e-5, warmUpUntil: null, end: null });
      const settings = new Map(optimizer.settings.map((each) => [each.name, each]));
      assert.deepEqual(settings.get('lr'), { name: 'lr', same: false, a: 5e-4, b: 4.2e-5 });
      assert.deepEqual(settings.get('steps'), { name: 'steps', same: false, a: 30, b: 24000 });
      assert.equal(settings.get('betas')?.same, true);
      assert.deepEqual(settings.get('scaler'), { name: 'scaler', same: false, a: null, b: 'stored' });
      assert.equal(settings.get('scaler scale')?.b, 65536);
    });

    it('measures each layer’s moments, those that did not change by their checksums alone', async () => {
      const a = bench.copy(CHECKPOINTS.field);
      const b = bench.copy(CHECKPOINTS.field);
      const double = (value: number): number => value * 2;
      // Parameters 3 to 5 are layer 14's: its first exp_avg, and its last exp_avg_sq.
      change(b, 'data/10', double, { file: TRAINING });
      change(b, 'data/17', double, { file: TRAINING });
      // Damage that the directory does not tell of is no difference: what agrees there is not read.
      change(b, 'data/1', double, { file: TRAINING, honest: false });
      const comparison = await compare(a, b);
      assert.deepEqual(moments(comparison), [
        [13, ['exp_avg', true], ['exp_avg_sq', true]],
        [14, ['exp_avg', false], ['exp_avg_sq', false]],
        [15, ['exp_avg', true], ['exp_avg_sq', true]],
      ]);
      const changed = comparison.optimizer.layers[1]?.moments[0];
      assert.ok(
        changed && Math.abs((changed.relativeChange ?? 0) - 1) < 1e-6 && Math.abs((changed.cosine ?? 0) - 1) < 1e-6,
      );
      assert.deepEqual(differing(comparison), []);
      assert.equal(isSame(comparison), false, 'the same weights, and training goes on otherwise');
    });

    it('sees a step that one parameter lags behind', async () => {
      const a = bench.copy(CHECKPOINTS.field);
      const b = bench.copy(CHECKPOINTS.field);
      change(b, 'data/0', () => 20000, { file: TRAINING });
      const comparison = await compare(a, b);
      assert.deepEqual(differing(comparison), [['steps', 24000, '20000–24000']]);
      assert.equal(isSame(comparison), false);
    });

    it('gives a merged checkpoint’s moments by position, and says so', async () => {
      const a = bench.copy(CHECKPOINTS.fieldMerged);
      const b = bench.copy(CHECKPOINTS.fieldMerged);
      const copies = await compare(a, b);
      assert.deepEqual(moments(copies), [[null, ['exp_avg', true], ['exp_avg_sq', true]]]);
      assert.deepEqual(
        copies.notes.map(({ side, kind }) => [side, kind]),
        [
          ['a', 'unassigned'],
          ['b', 'unassigned'],
        ],
      );
      assert.match(copies.notes[0]?.message ?? '', /^training_state\.pt .* merged from several runs/);
      assert.equal(isSame(copies), true);
      change(b, 'data/2', (value) => value + 1, { file: TRAINING });
      assert.deepEqual(moments(await compare(a, b)), [[null, ['exp_avg', true], ['exp_avg_sq', false]]]);

      const other = await compare(a, bench.copy(CHECKPOINTS.field));
      assert.deepEqual(other.optimizer.layers, []);
      assert.equal(other.optimizer.same, false);
    });

    it('does without on either side, in one line', async () => {
      const whole = bench.copy(CHECKPOINTS.field);
      const bare = bench.copy(CHECKPOINTS.field);
      rmSync(join(bare, TRAINING));
      const comparison = await compare(bare, whole);
      assert.deepEqual(comparison.notes, [
        {
          side: 'a',
          kind: 'missing',
          file: TRAINING,
          message: 'training_state.pt is missing, and with it the optimizer',
        },
      ]);
      assert.equal(comparison.optimizer.a, null);
      assert.equal(comparison.optimizer.b?.kind, 'AdamW');
      assert.deepEqual([comparison.optimizer.same, comparison.optimizer.settings], [false, []]);
      assert.equal(isSame(comparison), false);
      const both = await compare(bare, bare);
      assert.equal(both.optimizer.same, null);
      assert.equal(isSame(both), true);
    });
  });

  it('names a file that it cannot read, and does not take it for an absent one', async () => {
    const whole = bench.copy(CHECKPOINTS.oursDual);
    for (const [file, content, reason] of [
      ['config.json', '{"learning_rate": ', 'is not JSON: arguments are not compared'],
      ['config.json', '', 'is empty: arguments are not compared'],
      ['config.json', `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`, 'is nested more than 64 levels deep: arguments'],
      ['multi_layer_state.pt', 'PK\u0003\u0004 no more', 'cannot be read ('],
      ['training_state.pt', Buffer.from('\x80\x02]q\x00.', 'latin1'), 'holds no dict: the optimizer is not compared'],
    ] as const) {
      const broken = bench.copy(CHECKPOINTS.oursDual);
      bench.edit(broken, file, () => content);
      const comparison = await compare(whole, broken);
      assert.equal(comparison.notes.length, 1, JSON.stringify(comparison.notes));
      const [note] = comparison.notes;
      assert.deepEqual([note?.side, note?.kind, note?.file], ['b', 'unreadable', file]);
      assert.ok(note?.message.startsWith(`${file} ${reason}`), note?.message);
      assert.doesNotMatch(note?.message ?? '', /\n|\.$/);
      assert.deepEqual(comparison.arguments, []);
      assert.equal(isSame(comparison), false);
      assert.equal(isSame(await compare(broken, broken)), false, 'what cannot be read cannot be said to be the same');
    }
  });

  it('measures nothing where a tensor’s bytes are missing', async () => {
    const lacking = bench.file(
      'npt_weights.pt',
      torchZip(
        pickle(
          '\x80\x02}',
          text('layer_1_np.W_down'),
          'ctorch._utils\n_rebuild_tensor_v2\n((',
          text('storage'),
          'ctorch\nFloatStorage\n',
          text('0'),
          text('cpu'),
          'K\x04tQK\x00K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)RtRs.',
        ),
      ),
    );
    const folders = ['a', 'b'].map((name) => {
      const folder = join(bench.root, `lacking-${name}`);
      mkdirSync(folder);
      cpSync(lacking, join(folder, WEIGHTS));
      return folder;
    });
    const { tensors } = await compare(folders[0] ?? '', folders[1] ?? '');
    assert.deepEqual(tensors, [{ name: 'layer_1_np.W_down', same: false, relativeChange: null, cosine: null }]);
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
    change(b, 'data/0', (value) => value + 1, { honest: false });
    assert.ok((await compare(a, b)).tensors.every((tensor) => tensor.same));
  });

  it('names tensors, arguments and stages that only one side has, across layouts', async () => {
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
