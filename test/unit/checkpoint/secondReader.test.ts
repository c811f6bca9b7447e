/** The second thread, from its bundle: it finds what one thread finds, and where it cannot work nothing is lost. */
import { buildSync } from 'esbuild';
import assert from 'node:assert/strict';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkData, type DataResult } from '../../../src/core/checkpoint/validate/dataChecks';
import { Progress } from '../../../src/core/checkpoint/validate/progress';
import { SecondReader } from '../../../src/core/checkpoint/data/secondReader';
import { openFile } from '../../../src/core/torchfile/container/source';
import { readTorchFile } from '../../../src/core/torchfile/torchFile';
import { pickle, text, torchZip, Workbench } from './fixtures';

const LEVELS = { checksums: true, numbers: true };
const TENSORS = 18;
/** 6 MB: each is cut, and the two threads share it. */
const NUMEL = 1_500_000;

describe('SecondReader', function () {
  const bench = new Workbench();
  let file = '';

  before(function () {
    if (availableParallelism() < 2) this.skip();
    buildSync({
      entryPoints: [join(__dirname, '../../../src/core/checkpoint/data/dataReader.ts')],
      outfile: join(bench.root, 'data-reader.js'),
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      logLevel: 'error',
    });
    const tensors = Array.from({ length: TENSORS }, (_, i) =>
      pickle(
        text(`w${i}`),
        'ctorch._utils\n_rebuild_tensor_v2\n((',
        text('storage'),
        'ctorch\nFloatStorage\n',
        text(String(i)),
        text('cpu'),
        `I${NUMEL}\ntQI0\n(I${NUMEL}\nt(I1\nt\x89ccollections\nOrderedDict\n)RtR`,
      ),
    );
    const storages = Object.fromEntries(
      tensors.map((_, i) => {
        const values = new Float32Array(NUMEL).fill(i + 1);
        if (i % 7 === 3) values[NUMEL - 5] = NaN;
        return [String(i), new Uint8Array(values.buffer)];
      }),
    );
    const bytes = torchZip(pickle('\x80\x02}(', ...tensors, 'u.'), storages);
    bytes[bytes.length >> 1]! ^= 1;
    file = bench.file('large.pt', bytes);
  });
  after(() => {
    bench.dispose();
  });

  async function check(folder: string | null): Promise<{ result: DataResult; helped: boolean; told: number[] }> {
    const source = await openFile(file, true);
    const second = folder === null ? null : SecondReader.start(file, source.size, LEVELS, folder);
    const told: number[] = [];
    const progress = new Progress({ onProgress: (done) => told.push(done) });
    progress.expect(source.size);
    try {
      const result = await checkData(source, await readTorchFile(source), 'x', LEVELS, progress, second);
      return { result, helped: second !== null, told };
    } finally {
      await second?.dispose();
      await source.close();
    }
  }
  const summary = ({ findings, numbers }: DataResult): unknown => [
    findings,
    numbers.map((tensor) => [tensor.name, tensor.firstIndex, tensor.totals.data]),
  ];

  it('finds what one thread finds', async () => {
    const alone = await check(null);
    const both = await check(bench.root);
    assert.equal(both.helped, true);
    assert.equal(alone.result.numbers.length, TENSORS);
    assert.deepEqual(
      alone.result.findings.map((finding) => finding.code),
      ['checksum-mismatch'],
    );
    assert.deepEqual(
      alone.result.numbers.filter((tensor) => tensor.totals.nonFinite > 0).map(({ name }) => name),
      ['w3', 'w10', 'w17'],
    );
    for (const { name, firstIndex, totals } of alone.result.numbers) {
      const nonFinite = ['w3', 'w10', 'w17'].includes(name);
      assert.equal(firstIndex, nonFinite ? `[${NUMEL - 5}]` : '[]');
      assert.equal(totals.count, NUMEL);
      assert.equal(totals.nonFinite, nonFinite ? 1 : 0);
      // The flipped bit is in one of them, so that its norm is not that of its fill.
      if (name !== 'w8' && name !== 'w9') assert.ok(Math.abs(totals.rms - Number(name.slice(1)) - 1) < 1e-9, name);
    }
    assert.deepEqual(summary(both.result), summary(alone.result));
    assert.ok(both.told.every((done, i) => done >= (both.told[i - 1] ?? 0)));
  });

  it('loses nothing when the other thread fails', async () => {
    const folder = join(bench.root, 'broken');
    const alone = await check(null);
    for (const script of ['process.exit(1)', 'throw new Error("no")']) {
      mkdirSync(folder, { recursive: true });
      // It takes batches that it never does anything about.
      writeFileSync(
        join(folder, 'data-reader.js'),
        `Atomics.add(require('node:worker_threads').workerData.shared, 0, 3);\n${script}`,
      );
      const both = await check(folder);
      assert.equal(both.helped, true);
      assert.deepEqual(summary(both.result), summary(alone.result));
    }
  });

  it('is not started for small files, or where its program is missing', () => {
    assert.equal(SecondReader.start(file, 1 << 20, LEVELS, bench.root), null);
    assert.equal(SecondReader.start(file, 1 << 30, LEVELS, join(bench.root, 'nowhere')), null);
  });

  it('sees a file that became shorter as both threads do', async () => {
    truncateSync(file, 40 << 20);
    const alone = await check(null);
    const both = await check(bench.root);
    assert.deepEqual(summary(both.result), summary(alone.result));
  });
});
