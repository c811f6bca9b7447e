/** Checksums, numbers, byte order, zip64: what lies under the levels checksums and numbers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkData } from '../../../src/core/checkpoint/validate/dataChecks';
import { Progress } from '../../../src/core/checkpoint/validate/progress';
import { crc32, crc32ByTable } from '../../../src/core/torchfile/container/crc32';
import { dtypeByName } from '../../../src/core/torchfile/tensors/dtypes';
import { MemorySource } from '../../../src/core/torchfile/container/source';
import { float8ToNumber, numbersOf, RunningTotals } from '../../../src/core/torchfile/tensors/totals';
import { readTensorBytes } from '../../../src/core/torchfile/tensors/tensorData';
import { readTorchFile } from '../../../src/core/torchfile/torchFile';
import { halfToNumber } from '../../../src/core/torchfile/pickle/torchValues';
import { oneTensor, torchEntries, torchZip, zip } from '../checkpoint/fixtures';

const FIXTURES = join(__dirname, '../../fixtures/checkpoints');

describe('crc32', () => {
  it('is zip’s, by table and by Node alike, in pieces too', () => {
    const check = Buffer.from('123456789');
    assert.equal(crc32ByTable(check), 0xcbf43926);
    const data = readFileSync(join(FIXTURES, 'files/dtypes.pt'));
    for (let length = 0; length < 40; length++)
      assert.equal(crc32ByTable(data.subarray(0, length)), crc32(data.subarray(0, length)));
    assert.equal(crc32ByTable(data.subarray(1001), crc32ByTable(data.subarray(0, 1001))), crc32(data));
  });
});

describe('narrow floats', () => {
  it('mean what torch says they mean', () => {
    // From torch 2.13: tensor(bits, uint8).view(dtype).float().
    const known: [string, number, number][] = [
      ['float8_e4m3fn', 0x7e, 448],
      ['float8_e4m3fn', 0x7f, NaN],
      ['float8_e4m3fn', 0x01, 2 ** -9],
      ['float8_e4m3fn', 0x80, -0],
      ['float8_e5m2', 0x7b, 57344],
      ['float8_e5m2', 0x7c, Infinity],
      ['float8_e5m2', 0xfc, -Infinity],
      ['float8_e5m2', 0x7d, NaN],
      ['float8_e5m2', 0x01, 2 ** -16],
      ['float8_e4m3fnuz', 0x7f, 240],
      ['float8_e4m3fnuz', 0x80, NaN],
      ['float8_e5m2fnuz', 0x7f, 57344],
      ['float8_e5m2fnuz', 0x80, NaN],
      ['float8_e8m0fnu', 0x7f, 1],
      ['float8_e8m0fnu', 0xff, NaN],
    ];
    for (const [name, bits, value] of known) assert.ok(Object.is(float8ToNumber(name, bits), value), `${name} ${bits}`);
    assert.equal(halfToNumber(0x3c00), 1);
    assert.equal(halfToNumber(0x0001), 2 ** -24);
    assert.equal(halfToNumber(0x7bff), 65504);
    assert.equal(halfToNumber(0xfc00), -Infinity);
    assert.ok(Number.isNaN(halfToNumber(0x7e00)));
    const bf16 = numbersOf(dtypeByName('bfloat16')!, new Uint8Array([0x80, 0x3f, 0xc0, 0xff]));
    assert.deepEqual([...(bf16 ?? [])].map(String), ['1', 'NaN']);
  });
});

describe('RunningTotals', () => {
  it('finds the first of what is not finite, wherever the pieces end', () => {
    for (const at of [0, 3, 1023, 1024, 4095, 9999]) {
      const values = new Float32Array(10_000).fill(2);
      values[at] = Infinity;
      const totals = new RunningTotals();
      for (let from = 0; from < values.length; from += 3000) totals.add(values.subarray(from, from + 3000));
      assert.deepEqual([totals.count, totals.nonFinite, totals.firstNonFinite, totals.maxAbs], [10_000, 1, at, 2]);
      assert.equal(totals.rms, 2);
    }
  });

  it('is not fooled by doubles whose squares overflow', () => {
    const totals = new RunningTotals();
    totals.add(new Float64Array([1e300, -1e308, 1]));
    assert.deepEqual([totals.nonFinite, totals.maxAbs], [0, 1e308]);
  });
});

describe('tensor data', () => {
  async function numbers(file: Buffer): Promise<string[]> {
    const source = new MemorySource(file);
    const read = await readTorchFile(source);
    assert.deepEqual(read.problems, []);
    const data = await checkData(source, read, 'x', { checksums: true, numbers: true }, new Progress({}));
    assert.deepEqual(data.findings, []);
    return data.numbers.map((item) => `${item.name} ${item.totals.nonFinite} ${item.firstIndex}`);
  }
  const floats = (...values: number[]): Buffer => Buffer.from(new Float32Array(values).buffer);

  it('is indexed as Python indexes it, through strides', async () => {
    const data = { 0: floats(0, 1, 2, NaN, 4, 5) };
    assert.deepEqual(await numbers(torchZip(oneTensor('FloatStorage', 6, [2, 3], [3, 1]), data)), ['w 1 [1, 0]']);
    assert.deepEqual(await numbers(torchZip(oneTensor('FloatStorage', 6, [3, 2], [1, 3]), data)), ['w 1 [0, 1]']);
    assert.deepEqual(await numbers(torchZip(oneTensor('FloatStorage', 6, [4], [1], { offset: 2 }), data)), ['w 1 [1]']);
  });

  it('does not count what lies between a view’s elements', async () => {
    const data = { 0: floats(0, NaN, 2, NaN, 4, 5) };
    assert.deepEqual(await numbers(torchZip(oneTensor('FloatStorage', 6, [3], [2]), data)), ['w 0 []']);
    assert.deepEqual(await numbers(torchZip(oneTensor('FloatStorage', 6, [2, 2], [2, 1]), data)), ['w 2 [0, 1]']);
  });

  it('counts a complex number’s two parts as one place', async () => {
    assert.deepEqual(
      await numbers(torchZip(oneTensor('ComplexFloatStorage', 3, [3], [1]), { 0: floats(0, 0, 1, NaN, 2, 2) })),
      ['w 1 [1]'],
    );
  });

  it('is turned round when it was written on a big-endian machine', async () => {
    const values = floats(1, 2, 3);
    const turned = Buffer.from(values).swap32();
    const entries = torchEntries(oneTensor('FloatStorage', 3, [3], [1]), { 0: turned });
    const file = zip(
      entries.map((entry) => (entry.name.endsWith('byteorder') ? { ...entry, data: Buffer.from('big') } : entry)),
    );
    const source = new MemorySource(file);
    const read = await readTorchFile(source);
    assert.deepEqual(read.problems, []);
    assert.equal(read.littleEndian, false);
    const [named] = read.tensors;
    assert.ok(named);
    assert.deepEqual(Buffer.from(await readTensorBytes(source, read, named.tensor, 100)), values);
    assert.deepEqual(await numbers(file), ['w 0 []']);
    const odd = zip(
      entries.map((entry) => (entry.name.endsWith('byteorder') ? { ...entry, data: Buffer.from('middle') } : entry)),
    );
    assert.deepEqual(
      (await readTorchFile(new MemorySource(odd))).problems.map((problem) => problem.code),
      ['byte-order'],
    );
  });

  it('is read through deflate as well', async () => {
    const { deflateRawSync } = await import('node:zlib');
    const raw = Buffer.from(new Float32Array(700_000).map((_, i) => (i === 699_999 ? NaN : i % 7)).buffer);
    const entries = torchEntries(oneTensor('FloatStorage', 700_000, [700_000], [1]), { 0: raw });
    const file = zip(
      entries.map((entry) =>
        entry.name.endsWith('data/0')
          ? { ...entry, method: 8, data: deflateRawSync(raw), size: raw.length, crc: crc32(raw) }
          : entry,
      ),
    );
    const source = new MemorySource(file);
    const read = await readTorchFile(source);
    assert.deepEqual(
      read.problems.map((problem) => problem.code),
      ['zip-compressed'],
    );
    const data = await checkData(source, read, 'x', { checksums: true, numbers: true }, new Progress({}));
    assert.deepEqual(data.findings, []);
    assert.deepEqual(
      data.numbers.map((item) => item.firstIndex),
      ['[699999]'],
    );
  });
});

describe('zip64', () => {
  it('takes count, size and place of the directory from the wide record, and notices when the two disagree', async () => {
    const file = readFileSync(join(FIXTURES, 'files/dtypes.pt'));
    const end = file.lastIndexOf(Buffer.from('PK\x05\x06'));
    assert.ok(file.lastIndexOf(Buffer.from('PK\x06\x06')) > 0, 'torch writes zip64 records');
    const hidden = Buffer.from(file);
    hidden.fill(0xff, end + 8, end + 20);
    assert.deepEqual((await readTorchFile(new MemorySource(hidden))).problems, []);
    const lying = Buffer.from(file);
    lying.writeUInt16LE(3, end + 10);
    assert.deepEqual(
      (await readTorchFile(new MemorySource(lying))).problems.map((problem) => problem.code),
      ['zip-central-directory'],
    );
  });
});
