/** The SIMD kernel gives what JavaScript gives, to the last bit; pieces of a file arrive whole and aligned. */
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { CHUNK_BYTES, extentPieces, type Extent } from '../../../src/core/torchfile/container/chunks';
import { MemorySource } from '../../../src/core/torchfile/container/source';
import { RunningTotals } from '../../../src/core/torchfile/tensors/totals';
import { blockOf } from '../../../src/core/torchfile/tensors/totalsBlock';
import { TotalsKernel } from '../../../src/core/torchfile/tensors/kernels/totalsKernel';

describe('TotalsKernel', () => {
  const ROOM = 8192;
  const kernel = TotalsKernel.create(ROOM * 4);
  const number = fc.oneof(
    { weight: 20, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
    { weight: 10, arbitrary: fc.float({ min: -2, max: 2, noNaN: true }) },
    { weight: 3, arbitrary: fc.constantFrom(0, -0, 2 ** -149, 3.4028234663852886e38) },
    { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
  );

  /** The numbers in the kernel's memory, `offset` floats from its start. */
  function inKernel(values: readonly number[], offset: number): Float32Array {
    assert.ok(kernel, 'Node 20 has WebAssembly SIMD on every machine that we test on');
    const view = new Float32Array(kernel.space.buffer, kernel.space.byteOffset + offset * 4, values.length);
    view.set(values);
    return view;
  }

  it('adds up a block as JavaScript does', () => {
    fc.assert(
      fc.property(
        fc.array(number, { minLength: 1, maxLength: 1024 }),
        fc.nat(8),
        fc.nat(40),
        (values, offset, from) => {
          const view = inKernel(values, offset);
          const [ours, theirs] = [
            { sumOfSquares: -1, maxAbs: -1 },
            { sumOfSquares: -1, maxAbs: -1 },
          ];
          const start = Math.min(from, values.length - 1);
          kernel?.blockOf(view, start, values.length, ours);
          blockOf(view, start, values.length, theirs);
          assert.equal(Number.isFinite(ours.sumOfSquares), Number.isFinite(theirs.sumOfSquares));
          if (Number.isFinite(ours.sumOfSquares)) assert.deepEqual(ours, theirs);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('leads to the same totals, wherever the pieces end', () => {
    fc.assert(
      fc.property(
        fc.array(number, { minLength: 1, maxLength: 5000, size: 'max' }),
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 }),
        (values, lengths) => {
          const view = inKernel(values, 0);
          const simd = new RunningTotals(null, kernel?.blockOf);
          const plain = new RunningTotals();
          for (let at = 0, i = 0; at < values.length; i++) {
            const length = lengths[i % lengths.length] ?? 1;
            simd.add(view.subarray(at, at + length));
            plain.add(Float32Array.from(values.slice(at, at + length)));
            at += length;
          }
          assert.deepEqual(simd.data, plain.data);
          assert.equal(simd.count, values.length);
          assert.equal(simd.nonFinite, values.filter((value) => !Number.isFinite(value)).length);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('leaves doubles and numbers that lie elsewhere to JavaScript', () => {
    const result = { sumOfSquares: 0, maxAbs: 0 };
    kernel?.blockOf(Float64Array.of(1e200, 3), 1, 2, result);
    assert.deepEqual(result, { sumOfSquares: 9, maxAbs: 3 });
    kernel?.blockOf(
      Float32Array.from({ length: 64 }, () => 2),
      0,
      64,
      result,
    );
    assert.deepEqual(result, { sumOfSquares: 256, maxAbs: 2 });
  });

  it('is not there without WebAssembly', () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly');
    assert.ok(descriptor);
    Object.defineProperty(globalThis, 'WebAssembly', { ...descriptor, value: undefined });
    try {
      assert.equal(TotalsKernel.create(1), null);
    } finally {
      Object.defineProperty(globalThis, 'WebAssembly', descriptor);
    }
  });
});

describe('extentPieces', () => {
  async function gather(file: Uint8Array, extents: readonly Extent[]): Promise<Uint8Array[]> {
    const found: Uint8Array[][] = extents.map(() => []);
    for await (const { extent, bytes } of extentPieces(new MemorySource(file), extents)) {
      found[extent]?.push(bytes.slice());
    }
    return found.map((pieces) => Buffer.concat(pieces));
  }

  it('gives each extent its bytes, neighbours in one read or not', async () => {
    const file = Uint8Array.from({ length: 3 * CHUNK_BYTES + 77 }, (_, i) => (i * 2654435761) >>> 24);
    const extent = fc.record({ gap: fc.constantFrom(0, 3, 16, 64, 100_000), length: fc.nat(700_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(extent, { minLength: 1, maxLength: 9 }), async (steps) => {
        let at = 0;
        const extents = steps.map(({ gap, length }) => {
          const position = at + gap;
          at = position + length;
          return { position, length };
        });
        const found = await gather(file, extents);
        extents.forEach(({ position, length }, i) => {
          assert.ok(Buffer.compare(found[i] ?? new Uint8Array(), file.subarray(position, position + length)) === 0);
        });
      }),
      { numRuns: 40 },
    );
  });
});
