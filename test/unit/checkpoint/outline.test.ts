/** A torch file's structure for showing, and the statistics of its tensors. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outlineFile, summarizeTensors } from '../../../src/core/checkpoint/outline/outline';
import type { TorchOutline } from '../../../src/core/checkpoint/outline/torchOutline';
import { CheckpointPathError } from '../../../src/core/checkpoint/pathErrors';
import type { TensorSummary } from '../../../src/core/torchfile/outlineTypes';
import { treeOf } from '../../../src/core/torchfile/tree';
import type { PyValue } from '../../../src/core/torchfile/pickle/values';
import { ATTACKS } from './attacks';
import { CHECKPOINTS, FIXTURES, pickle, text, torchZip, Workbench } from './fixtures';

/** The path of a node, by the keys that lead to it. */
function pathOf(outline: Pick<TorchOutline, 'nodes'>, index: number): string {
  const keys: string[] = [];
  for (let node = outline.nodes[index]; node && node.parent >= 0; node = outline.nodes[node.parent])
    keys.unshift(node.key);
  return keys.join('.');
}

/** A torch zip with one tensor over the bytes. */
function tensorFile(
  storage: string,
  data: Uint8Array,
  numel: number,
  shape: string,
  stride: string,
  offset = 0,
): Buffer {
  return torchZip(
    pickle(
      '\x80\x02}',
      text('w'),
      'ctorch._utils\n_rebuild_tensor_v2\n',
      '((',
      text('storage'),
      `ctorch\n${storage}\n`,
      text('0'),
      text('cpu'),
      `I${numel}\n`,
      `tQI${offset}\n(${shape}t(${stride}t\x89ccollections\nOrderedDict\n)RtRs.`,
    ),
    { 0: data },
  );
}

describe('the outline of a torch file', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  async function summaryOf(file: Uint8Array): Promise<TensorSummary> {
    const path = bench.file('one.pt', file);
    const [result] = await summarizeTensors(path, (await outlineFile(path)).identity, [0]);
    assert.ok(result && 'summary' in result, JSON.stringify(result));
    return result.summary;
  }

  it('has every value and tensor of every layout', async () => {
    for (const folder of Object.values(CHECKPOINTS)) {
      for (const name of readdirSync(join(FIXTURES, folder)).filter((each) => each.endsWith('.pt'))) {
        const outline = await outlineFile(join(FIXTURES, folder, name));
        assert.equal(outline.format, 'torch zip');
        assert.equal(outline.verdict, 'valid', `${folder}/${name}`);
        assert.deepEqual(outline.calls, []);
        assert.equal(outline.tensors.length, outline.tensorCount);
        // The tree leads to each tensor under the very name that the table gives it.
        const named = outline.nodes.flatMap((node, index) =>
          node.tensor === undefined ? [] : [[node.tensor, pathOf(outline, index)] as const],
        );
        assert.deepEqual(
          new Map(named),
          new Map(outline.tensors.map((tensor, index) => [index, tensor.name] as const)),
          `${folder}/${name}`,
        );
        for (const [index, node] of outline.nodes.entries()) assert.ok(node.parent < index);
      }
    }
  });

  it('tells how the file was written, in all three formats', async () => {
    const versions = async (file: string): Promise<string> =>
      (await outlineFile(join(FIXTURES, file))).versions.map((pair) => pair.join(' ')).join(', ');
    assert.equal(
      await versions('files/dtypes.pt'),
      'archive version 3, format version 1, byte order little, pickle protocol 2',
    );
    assert.match(await versions('files/protocol4.pt'), /pickle protocol 4$/);
    assert.equal(await versions('files/legacy.pt'), 'pickle protocol 2');
    assert.equal(await versions('files/protocol0.pkl'), 'pickle protocol 0 or 1');
    assert.equal((await outlineFile(join(FIXTURES, 'files/legacy.pt'))).format, 'torch legacy');
    assert.equal((await outlineFile(join(FIXTURES, 'files/protocol5.pkl'))).format, 'pickle');
  });

  it('shows what an attack would call, with its arguments, and never calls it', async () => {
    const trace = '/tmp/npt-attack';
    assert.ok(!existsSync(trace));
    for (const attack of ATTACKS) {
      const path = bench.file('attack.pt', attack.data);
      const outline = await outlineFile(path);
      // Wrong checksums and lies about compressed data are noticed when the data is read.
      const needsData = /wrong CRC|lies about its size/.test(attack.name);
      if (!needsData) assert.notEqual(`${outline.verdict}${outline.findings.length}`, 'valid0', attack.name);
      if (attack.verdict === 'dangerous') assert.equal(outline.verdict, 'dangerous', attack.name);
      await summarizeTensors(path, outline.identity, [0, 1]);
    }
    assert.ok(!existsSync(trace));
    const evil = bench.file('evil.pt', torchZip(pickle('\x80\x02cos\nsystem\n', text(`touch ${trace}`), '\x85R.')));
    const outline = await outlineFile(evil);
    assert.deepEqual(outline.calls, [{ risk: 'dangerous', text: `os.system("touch ${trace}")` }]);
    assert.equal(outline.nodes[0]?.risk, 'dangerous');
    assert.ok(!existsSync(trace));
  });

  it('says in one line what is no torch file', async () => {
    const said = async (name: string, data: string): Promise<[string, string[]]> => {
      const outline = await outlineFile(bench.file(name, Buffer.from(data, 'latin1')));
      assert.deepEqual([outline.nodes, outline.tensors], [[], []]);
      return [outline.verdict, outline.findings.map((finding) => finding.message)];
    };
    assert.deepEqual(await said('empty.pt', ''), ['invalid', ['The file is empty.']]);
    const [verdict, lines] = await said('seven.pt', '7z\xbc\xaf\x27\x1c and so on');
    assert.equal(verdict, 'unverifiable');
    assert.deepEqual(lines, ['The file is a 7z archive, not a torch file.']);
    await assert.rejects(outlineFile(join(bench.root, 'nowhere.pt')), CheckpointPathError);
    await assert.rejects(outlineFile(bench.root), /is not a file/);
  });

  it('stays small and ends, however deep, wide or circular the values are', () => {
    const circle: PyValue[] = [];
    circle.push(circle, 1);
    const nodes = treeOf(circle, new Map());
    assert.deepEqual(
      nodes.map((node) => [node.parent, node.kind]),
      [
        [-1, 'list'],
        [0, 'same'],
        [0, 'number'],
      ],
    );
    let deep: PyValue[] = [];
    for (let i = 0; i < 100_000; i++) deep = [deep];
    assert.equal(treeOf(deep, new Map(), { nodes: 500, children: 10 }).length, 501);
    const wide = treeOf([Array.from({ length: 5000 }, (_, i) => i), 'after'], new Map(), {
      nodes: 1000,
      children: 100,
    });
    assert.equal(wide.length, 1 + 1 + 100 + 1 + 1);
    assert.equal(wide[102]?.text, 'and 4900 more, not shown');
    assert.equal(wide[103]?.text, '"after"');
  });

  it('spells out control characters and direction marks', () => {
    const [, node] = treeOf([`a\u202eb\n${'x'.repeat(5000)}`], new Map());
    assert.ok(node);
    assert.ok(node.text.startsWith('"a\\u202eb\\nxxx'));
    assert.ok(node.text.length < 1100);
  });

  it('counts what is not finite apart, and the rest in intervals', async () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => i % 10);
    values[0] = NaN;
    values[10] = Infinity;
    values[20] = -Infinity;
    const summary = await summaryOf(
      tensorFile('FloatStorage', new Uint8Array(values.buffer), 1000, 'I10\nI100\n', 'I100\nI1\n'),
    );
    const finite = [...values].filter((value) => Number.isFinite(value));
    const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
    const std = Math.sqrt(finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / finite.length);
    const { histogram, mean: ownMean, std: ownStd, ...rest } = summary;
    assert.deepEqual(rest, { of: 'values', count: 1000, min: 0, max: 9, zeros: 97, nan: 1, infinite: 2 });
    assert.ok(Math.abs((ownMean ?? NaN) - mean) < 1e-12);
    assert.ok(Math.abs((ownStd ?? NaN) - std) < 1e-12);
    assert.equal(histogram.length, 64);
    assert.deepEqual([histogram[0], histogram[63], histogram.reduce((sum, each) => sum + each, 0)], [97, 100, 997]);
  });

  it('counts a view’s own elements only, and integers each for itself', async () => {
    const integers = BigInt64Array.from({ length: 12 }, (_, i) => BigInt(i - 6));
    const data = new Uint8Array(integers.buffer);
    // Every second column of a 3 × 4 matrix: -6 -4, -2 0, 2 4.
    const view = await summaryOf(tensorFile('LongStorage', data, 12, 'I3\nI2\n', 'I4\nI2\n'));
    assert.deepEqual([view.count, view.min, view.max, view.mean, view.zeros], [6, -6, 4, -1, 1]);
    assert.deepEqual(view.histogram, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    const repeated = await summaryOf(tensorFile('LongStorage', data, 12, 'I5\nI2\n', 'I0\nI1\n', 6));
    assert.deepEqual([repeated.count, repeated.min, repeated.max, repeated.zeros], [10, 0, 1, 5]);
  });

  it('goes over views with gaps that are larger than what it holds in memory', async () => {
    const [rows, columns] = [400_000, 3];
    const all = Float32Array.from({ length: rows * columns }, (_, i) =>
      i % columns === 1 ? NaN : Math.floor(i / columns),
    );
    const data = new Uint8Array(all.buffer);
    const expected = [2 * rows, 0, rows - 1, (rows - 1) / 2, 2, 0];
    const seen = (summary: TensorSummary): unknown => [
      summary.count,
      summary.min,
      summary.max,
      summary.mean,
      summary.zeros,
      summary.nan,
    ];
    const wide = await summaryOf(tensorFile('FloatStorage', data, all.length, `I${rows}\nI2\n`, `I${columns}\nI2\n`));
    const turned = await summaryOf(tensorFile('FloatStorage', data, all.length, `I2\nI${rows}\n`, `I2\nI${columns}\n`));
    const repeated = await summaryOf(
      tensorFile('FloatStorage', data, all.length, `I2\nI${rows}\n`, `I0\nI${columns}\n`),
    );
    for (const summary of [wide, turned, repeated]) {
      assert.deepEqual(seen(summary), expected);
      assert.equal(
        summary.histogram.reduce((sum, count) => sum + count, 0),
        2 * rows,
      );
    }
  });

  it('does not look at one number a billion times', async () => {
    const path = bench.file(
      'vast.pt',
      tensorFile('FloatStorage', new Uint8Array(16), 4, 'I1000000000\nI4\n', 'I0\nI1\n'),
    );
    const [result] = await summarizeTensors(path, (await outlineFile(path)).identity, [0]);
    assert.deepEqual(result, { tensor: 0, problem: 'The tensor shows its 4 elements 4000000000 times.' });
  });

  it('keeps its digits beside a large mean, over many pieces', async () => {
    const values = Float64Array.from({ length: 300_000 }, (_, i) => 1e9 + (i % 3) - 1);
    const summary = await summaryOf(
      tensorFile('DoubleStorage', new Uint8Array(values.buffer), values.length, 'I300000\n', 'I1\n'),
    );
    assert.equal(summary.mean, 1e9);
    assert.ok(Math.abs((summary.std ?? NaN) - Math.sqrt(2 / 3)) < 1e-9);
  });

  it('summarises every dtype of every format alike', async () => {
    for (const name of ['files/dtypes.pt', 'files/legacy.pt']) {
      const path = join(FIXTURES, name);
      const outline = await outlineFile(path);
      const results = await summarizeTensors(path, outline.identity, [...outline.tensors.keys()]);
      for (const result of results) {
        const tensor = outline.tensors[result.tensor];
        if ('summary' in result) assert.equal(result.summary.count, tensor?.elements, `${name} ${tensor?.name}`);
        else assert.match(result.problem, /^There are no statistics for elements of type /, `${name} ${tensor?.name}`);
      }
      const float = results[outline.tensors.findIndex((tensor) => tensor.name === 'float32')];
      assert.ok(float && 'summary' in float);
      assert.deepEqual([float.summary.min, float.summary.max], [0, 20]);
    }
  });

  it('summarises integers of every width by their values', async () => {
    const cases: [string, ArrayBufferView, number, number, number][] = [
      ['ByteStorage', Uint8Array.of(0, 255, 7), 0, 255, 262 / 3],
      ['CharStorage', Int8Array.of(-128, 127, 7), -128, 127, 2],
      ['ShortStorage', Int16Array.of(-32768, 32767, 1), -32768, 32767, 0],
      ['IntStorage', Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 1), -(2 ** 31), 2 ** 31 - 1, 0],
      [
        'LongStorage',
        BigInt64Array.of(-(2n ** 63n), 2n ** 53n, -1n),
        -(2 ** 63),
        2 ** 53,
        (-(2 ** 63) + 2 ** 53 - 1) / 3,
      ],
    ];
    for (const [storage, { buffer }, min, max, mean] of cases) {
      const summary = await summaryOf(tensorFile(storage, new Uint8Array(buffer as ArrayBuffer), 3, 'I3\n', 'I1\n'));
      assert.deepEqual([summary.min, summary.max], [min, max], storage);
      assert.ok(Math.abs((summary.mean ?? NaN) - mean) <= 1e-15 * Math.max(1, max - min), storage);
    }
  });

  it('does not mix a file with the one that replaced it', async () => {
    const path = bench.file('live.pt', readFileSync(join(FIXTURES, 'files/dtypes.pt')));
    const { identity } = await outlineFile(path);
    writeFileSync(path, readFileSync(join(FIXTURES, 'files/legacy.pt')));
    await assert.rejects(summarizeTensors(path, identity, [0]), /has changed since it was read/);
  });

  it('stops when cancelled', async () => {
    const path = join(FIXTURES, 'files/dtypes.pt');
    const { identity } = await outlineFile(path);
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await assert.rejects(summarizeTensors(path, identity, [0], { signal: abort.signal }), /enough/);
  });
});
