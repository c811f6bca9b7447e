/** Tensors whose changes of sign torch had put off when it saved them (`x.conj()`, `x.conj().imag`). */
import assert from 'node:assert/strict';
import { Progress } from '../../../src/core/checkpoint/validate/progress';
import { FileComparison, OpenTorchFile } from '../../../src/core/checkpoint/compare/tensorComparison';
import { MemorySource } from '../../../src/core/torchfile/container/source';
import { summarize } from '../../../src/core/torchfile/tensors/summary';
import { readTensorBytes } from '../../../src/core/torchfile/tensors/tensorData';
import { readTorchFile } from '../../../src/core/torchfile/torchFile';
import { oneTensor, torchEntries, Workbench, zip } from '../checkpoint/fixtures';

type Mark = 'conj' | 'neg' | null;

/** A torch file with one tensor `w`, as torch marks it. */
function file(storage: string, data: ArrayBuffer, shape: number[], stride: number[], mark: Mark): Buffer {
  const numel = shape.reduce((last, size, axis) => last + (size - 1) * stride[axis]!, 1);
  return zip(torchEntries(oneTensor(storage, numel, shape, stride, { mark }), { 0: Buffer.from(data) }));
}

const floats = (...values: number[]): ArrayBuffer => new Float32Array(values).buffer;

describe('signs that were put off', () => {
  const bench = new Workbench();
  after(() => {
    bench.dispose();
  });

  async function summary(bytes: Buffer): Promise<[number | null, number | null, number | null]> {
    const source = new MemorySource(bytes);
    const read = await readTorchFile(source);
    assert.deepEqual(read.problems, []);
    const { min, max, mean } = await summarize(source, read, read.tensors[0]!.tensor);
    return [min, max, mean];
  }

  async function compared(a: Buffer, b: Buffer): Promise<unknown> {
    const files = await Promise.all(
      [a, b].map((bytes) => OpenTorchFile.open(bench.file('x.pt', bytes), 'missing', {})),
    );
    try {
      const comparison = new FileComparison(files[0]!, files[1]!, new Progress({}));
      const pair = { a: files[0]!.file.tensors[0]!.tensor, b: files[1]!.file.tensors[0]!.tensor };
      comparison.expect(pair);
      return await comparison.measure(pair);
    } finally {
      await Promise.all(files.map((file) => file.close()));
    }
  }

  it('are in the summary of a tensor that fills its storage, and of one with gaps', async () => {
    const values = floats(1, 2, -3, 6);
    assert.deepEqual(await summary(file('FloatStorage', values, [4], [1], null)), [-3, 6, 1.5]);
    assert.deepEqual(await summary(file('FloatStorage', values, [4], [1], 'neg')), [-6, 3, -1.5]);
    assert.deepEqual(await summary(file('FloatStorage', floats(1, 9, 3), [2], [2], 'neg')), [-3, -1, -2]);
    // Beyond one piece: cut in parts, and read in several.
    const rows = new Float32Array(600_000).fill(5).fill(7, 300_000);
    assert.deepEqual(await summary(file('FloatStorage', rows.buffer, [2, 200_000], [400_000, 1], 'neg')), [-7, -5, -6]);
    assert.deepEqual(await summary(file('FloatStorage', rows.buffer, [600_000], [1], 'neg')), [-7, -5, -6]);
  });

  it('are in the summary of integers, whose negative is no changed bit', async () => {
    const values = new BigInt64Array([1n, 0n, -256n, 2n ** 40n]).buffer;
    assert.deepEqual((await summary(file('LongStorage', values, [4], [1], 'neg'))).slice(0, 2), [-(2 ** 40), 256]);
    assert.deepEqual((await summary(file('ShortStorage', new Int16Array([0, 300]).buffer, [2], [1], 'neg')))[0], -300);
  });

  it('make two tensors of the same bytes different, and tensors of other bytes the same', async () => {
    const plain = file('FloatStorage', floats(1, 2), [2], [1], null);
    const marked = file('FloatStorage', floats(1, 2), [2], [1], 'neg');
    assert.equal(await compared(marked, marked), 'identical');
    assert.deepEqual(await compared(plain, marked), { difference: 20, a: 5, b: 5, product: -5 });
    const opposite = file('FloatStorage', floats(-1, -2), [2], [1], null);
    assert.deepEqual(await compared(opposite, marked), { difference: 0, a: 5, b: 5, product: 5 });
    const complex = (mark: Mark, imaginary: number): Buffer =>
      file('ComplexFloatStorage', floats(3, imaginary), [1], [1], mark);
    assert.deepEqual(await compared(complex(null, 4), complex('conj', 4)), {
      difference: 64,
      a: 25,
      b: 25,
      product: -7,
    });
    assert.deepEqual(await compared(complex(null, -4), complex('conj', 4)), {
      difference: 0,
      a: 25,
      b: 25,
      product: 25,
    });
  });

  it('are in the bytes of one tensor', async () => {
    const source = new MemorySource(file('IntStorage', new Int32Array([5, -1, 0]).buffer, [3], [1], 'neg'));
    const read = await readTorchFile(source);
    const bytes = await readTensorBytes(source, read, read.tensors[0]!.tensor, 100);
    assert.deepEqual([...new Int32Array(bytes.buffer)], [-5, 1, 0]);
  });
});
