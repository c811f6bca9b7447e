/** The components' outputs by ONNX Runtime against the same products in double precision. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { manifestHash } from '../../../src/core/checkpoint/layouts/manifest';
import { fixedInput, probeWeights } from '../../../src/core/checkpoint/probe/probe';
import type { ProbedLayer } from '../../../src/core/checkpoint/report/report';
import { renderReport } from '../../../src/core/checkpoint/report/renderReport';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import { crc32ByTable } from '../../../src/core/torchfile/container/crc32';
import { MemorySource } from '../../../src/core/torchfile/container/source';
import { numbersOf } from '../../../src/core/torchfile/tensors/totals';
import { readTensorBytes } from '../../../src/core/torchfile/tensors/tensorData';
import { readTorchFile } from '../../../src/core/torchfile/torchFile';
import { CHECKPOINTS, FIXTURES, pickle, recordsOf, text, torchZip, Workbench } from './fixtures';

const D = 16;

interface Matrix {
  rows: number;
  columns: number;
  values: number[];
}

async function matrices(path: string): Promise<Map<string, Matrix>> {
  const source = new MemorySource(readFileSync(path));
  const file = await readTorchFile(source);
  const result = new Map<string, Matrix>();
  for (const { name, tensor } of file.tensors) {
    const values = [...(numbersOf(tensor.dtype, await readTensorBytes(source, file, tensor, 1 << 20)) ?? [])];
    result.set(name, { rows: tensor.shape[0] ?? 0, columns: tensor.shape[1] ?? 0, values });
  }
  return result;
}

function multiply(a: Matrix, b: Matrix): Matrix {
  const values: number[] = [];
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.columns; j++) {
      let sum = 0;
      for (let k = 0; k < a.columns; k++) sum += a.values[i * a.columns + k]! * b.values[k * b.columns + j]!;
      values.push(sum);
    }
  }
  return { rows: a.rows, columns: b.columns, values };
}

function meanLength(matrix: Matrix): number {
  let sum = 0;
  for (let i = 0; i < matrix.rows; i++)
    sum += Math.hypot(...matrix.values.slice(i * matrix.columns, (i + 1) * matrix.columns));
  return sum / matrix.rows;
}

async function assertProducts(
  path: string,
  layers: readonly ProbedLayer[],
  input: (layer: number) => Float32Array,
): Promise<void> {
  const weights = await matrices(path);
  for (const { layer, parts, tokens } of layers) {
    const a: Matrix = { rows: tokens, columns: D, values: [...input(layer)] };
    for (const part of parts) {
      const prefix = [...weights.keys()]
        .find((name) => name.includes(`layer_${layer}_`) || name.includes(`layers.${layer}.`))
        ?.replace(/W_.*/, '');
      const suffix =
        (part.projection && `_${part.projection}`) +
        (weights.has(`${prefix ?? ''}W_down${part.projection && `_${part.projection}`}.0`) ? `.${part.rank}` : '');
      const get = (name: string): Matrix => weights.get(`${prefix ?? ''}${name}${suffix}`)!;
      const z = multiply(a, get('W_down'));
      const vA = multiply(z, get('W_a_up'));
      const close = (left: number, right: number): void => {
        assert.ok(Math.abs(left - right) <= 1e-5 * Math.max(1, Math.abs(right)), `${left} is not ${right}`);
      };
      close(part.vANorm, meanLength(vA));
      close(part.vBNorm, meanLength(multiply(z, get('W_b_up'))));
      if (part.similarity === null) continue;
      let cosine = 0;
      for (let t = 0; t < tokens; t++) {
        const [x, y] = [vA.values.slice(t * D, (t + 1) * D), a.values.slice(t * D, (t + 1) * D)];
        cosine += x.reduce((sum, value, i) => sum + value * y[i]!, 0) / (Math.hypot(...x) * Math.hypot(...y));
      }
      close(part.similarity, cosine / tokens);
    }
  }
}

describe('probe', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  for (const [fixture, layers, parts] of [
    [CHECKPOINTS.field, 3, 1],
    [CHECKPOINTS.oursDual, 2, 2],
    [CHECKPOINTS.oursTriple, 2, 9],
    [CHECKPOINTS.fieldOld, 1, 1],
  ] as const) {
    it(`gives what the matrices give: ${fixture}`, async () => {
      const path = join(FIXTURES, fixture, 'npt_weights.pt');
      const probed = await probeWeights(path, null);
      assert.equal(probed.length, layers);
      assert.ok(probed.every((layer) => layer.parts.length === parts && layer.mapped && layer.input === 'fixed'));
      await assertProducts(path, probed, (layer) => fixedInput(layer, D));
    });
  }

  const TORCH = join(FIXTURES, '../probe');
  interface Expected {
    readonly layer: number;
    readonly tokens: number;
    readonly effectiveRank: number;
    readonly parts: readonly {
      readonly projection: string;
      readonly rank: number;
      readonly v_a: readonly number[];
      readonly v_b: readonly number[];
    }[];
  }
  const expected = JSON.parse(readFileSync(join(TORCH, 'expected.json'), 'utf8')) as Record<string, Expected>;

  for (const name of ['single-1', 'single-4', 'dual-1', 'dual-4', 'triple-1', 'triple-4']) {
    it(`gives what PyTorch gives, to 1e-5: ${name}`, async () => {
      const torch = expected[name]!;
      const seen: string[] = [];
      const [layer] = await probeWeights(join(TORCH, name, 'npt_weights.pt'), join(TORCH, 'probe.pt'), {
        onOutputs: (index, tokens, parts) => {
          assert.deepEqual([index, tokens], [torch.layer, torch.tokens]);
          for (const { projection, rank, vA, vB } of parts) {
            const other = torch.parts.find((part) => part.projection === projection && part.rank === rank)!;
            for (const [ours, theirs] of [
              [vA, other.v_a],
              [vB, other.v_b],
            ] as const) {
              assert.equal(ours.length, theirs.length);
              ours.forEach((value, i) => {
                assert.ok(Math.abs(value - theirs[i]!) <= 1e-5, `${value} is not ${theirs[i]!}`);
              });
            }
            seen.push(`${projection} ${rank}`);
          }
        },
      });
      assert.deepEqual(seen.sort(), torch.parts.map(({ projection, rank }) => `${projection} ${rank}`).sort());
      assert.ok(layer?.mapped && layer.input === 'probe.pt');
      assert.ok(Math.abs((layer.effectiveRank ?? NaN) - torch.effectiveRank) <= 1e-3, `${layer.effectiveRank ?? '–'}`);
    });
  }

  it('maps weights through a symbolic link too', async () => {
    const link = join(bench.root, 'npt_weights.pt');
    symlinkSync(join(FIXTURES, CHECKPOINTS.oursDual, 'npt_weights.pt'), link);
    const probed = await probeWeights(link, null);
    assert.ok(probed.every((layer) => layer.mapped));
  });

  it('carries along what cannot be mapped', async () => {
    // One layer of rank 1 with bf16 weights: 1.0 is 0x3f80.
    const bf16 = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => [0x80, 0x3f]).flat());
    const tensor = (name: string, key: string, rows: number, columns: number): Buffer =>
      pickle(
        text(name),
        'ctorch._utils\n_rebuild_tensor_v2\n((',
        text('storage'),
        'ctorch\nBFloat16Storage\n',
        text(key),
        text('cpu'),
        `I${rows * columns}\ntQK\x00K`,
        rows,
        'K',
        columns,
        '\x86K',
        columns,
        'K\x01\x86\x89ccollections\nOrderedDict\n)RtR',
      );
    const values = pickle(
      '\x80\x02}(',
      tensor('layer_3_np.W_down', '0', 16, 1),
      tensor('layer_3_np.W_a_up', '1', 1, 16),
      tensor('layer_3_np.W_b_up', '2', 1, 40),
      'u.',
    );
    const path = bench.file('npt_weights.pt', torchZip(values, { 0: bf16(16), 1: bf16(16), 2: bf16(40) }));
    const probed = await probeWeights(path, null);
    assert.equal(probed.length, 1);
    await assertProducts(path, probed, (layer) => fixedInput(layer, D));
  });

  /** A checkpoint in a run whose probe.pt gives every layer three tokens of ones. */
  function inRun(): string {
    const folder = bench.copy(CHECKPOINTS.oursDual);
    const run = dirname(folder);
    mkdirSync(join(run, 'checkpoints'));
    renameSync(folder, join(run, 'checkpoints/checkpoint-30'));
    const tokens = 3;
    const tensor = (name: string): Buffer =>
      pickle(
        text(name),
        'ctorch._utils\n_rebuild_tensor_v2\n((',
        text('storage'),
        'ctorch\nFloatStorage\n',
        text('0'),
        text('cpu'),
        `I${tokens * D}\ntQK\x00K`,
        tokens,
        'K',
        D,
        '\x86K',
        D,
        'K\x01\x86\x89ccollections\nOrderedDict\n)RtR',
      );
    const ones = Buffer.from(new Float32Array(tokens * D).fill(1).buffer);
    writeFileSync(
      join(run, 'probe.pt'),
      torchZip(pickle('\x80\x02}(', tensor('layer_1'), tensor('layer_2'), 'u.'), { 0: ones }),
    );
    return join(run, 'checkpoints/checkpoint-30');
  }

  function logMetrics(folder: string, metrics: Record<string, number>): void {
    const path = join(folder, 'manifest.json');
    const manifest: Record<string, unknown> = { ...(JSON.parse(readFileSync(path, 'utf8')) as object), metrics };
    writeFileSync(path, JSON.stringify({ ...manifest, sha256: manifestHash(manifest) }));
  }

  it('runs on the run’s probe.pt and agrees with what the trainer logged, or says so', async () => {
    const folder = inRun();
    const report = await validateCheckpoint(folder, { level: 'forward' });
    assert.equal(report.verdict, 'valid', JSON.stringify(report.findings));
    const layers = report.probe ?? [];
    assert.ok(layers.length === 2 && layers.every((layer) => layer.input === 'probe.pt' && layer.tokens === 3));
    await assertProducts(join(folder, 'npt_weights.pt'), layers, () => new Float32Array(3 * D).fill(1));
    assert.match(renderReport(report), /## NP components[\s\S]*\| 1 \| gate \|/);
    const measured = layers[0]?.parts[0]?.similarity ?? 0;
    logMetrics(folder, { 'probe/v_a_attention_similarity/layer_1': measured + 1e-6 });
    assert.deepEqual((await validateCheckpoint(folder, { level: 'forward' })).findings, []);
    logMetrics(folder, { 'probe/v_a_attention_similarity/layer_1': measured + 0.5 });
    const other = await validateCheckpoint(folder, { level: 'forward' });
    assert.equal(other.verdict, 'valid');
    assert.deepEqual(
      other.findings.map(({ code, severity }) => [code, severity]),
      [['forward-disagrees', 'warning']],
    );
  });

  /** Fills a record with a value and makes its CRC true. */
  function fill(folder: string, record: string, value: number): void {
    bench.edit(folder, 'npt_weights.pt', (bytes) => {
      const place = recordsOf(bytes).get(`npt_weights/data/${record}`);
      assert.ok(place);
      for (let at = place.start; at < place.start + place.length; at += 4) bytes.writeFloatLE(value, at);
      bytes.writeUInt32LE(
        crc32ByTable(bytes.subarray(place.start, place.start + place.length)),
        place.directoryAt + 16,
      );
      return bytes;
    });
  }

  it('sees products that overflow where the weights do not', async () => {
    const folder = bench.copy(CHECKPOINTS.field);
    for (const record of ['0', '1']) fill(folder, record, 1e25);
    const report = await validateCheckpoint(folder, { level: 'forward' });
    assert.equal(report.verdict, 'invalid');
    assert.equal(report.findings[0]?.code, 'forward-non-finite');
    assert.match(report.findings[0].message, /layer 13/);
  });

  it('does not run damaged weights, and says so', async () => {
    const folder = bench.copy(CHECKPOINTS.field);
    fill(folder, '0', NaN);
    const report = await validateCheckpoint(folder, { level: 'forward' });
    assert.equal(report.verdict, 'invalid');
    assert.equal(report.probe, undefined);
    assert.match(
      report.findings.find(({ code }) => code === 'forward-unavailable')?.message ?? '',
      /the weights are damaged/,
    );
  });
});
