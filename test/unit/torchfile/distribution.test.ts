/** Moments and histograms: what the SIMD kernel finds is what JavaScript finds, and what the definition says. */
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { Histogram, HISTOGRAM_BINS, Moments } from '../../../src/core/torchfile/tensors/distribution';
import { SummaryKernel } from '../../../src/core/torchfile/tensors/kernels/summaryKernel';

describe('Moments and Histogram', () => {
  const ROOM = 40_000;
  const kernel = SummaryKernel.create(ROOM * 4);

  const finite = fc.oneof(
    { weight: 10, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
    { weight: 10, arbitrary: fc.float({ min: -2, max: 2, noNaN: true }) },
    { weight: 5, arbitrary: fc.constantFrom(0, -0, 1, 2 ** -149, 3.4028234663852886e38, -3.4028234663852886e38) },
  );
  const number = fc.oneof(
    { weight: 30, arbitrary: finite },
    { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
  );
  /** Several blocks of them, made of few so that they are made fast. */
  const many = (each: fc.Arbitrary<number>): fc.Arbitrary<Float32Array> =>
    fc
      .tuple(fc.array(each, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 30_000 }))
      .map(([seed, length]) => Float32Array.from({ length }, (_, i) => seed[(i * 7) % seed.length] as number));

  /** The numbers in the kernel's memory, where the reader puts them. */
  function inKernel(values: Float32Array): Float32Array {
    assert.ok(kernel, 'Node 20 has WebAssembly SIMD on every machine that we test on');
    const view = new Float32Array(kernel.space.buffer, kernel.space.byteOffset, values.length);
    view.set(values);
    return view;
  }

  function momentsOf(values: Float32Array | Float64Array, by: SummaryKernel | null): Moments {
    const moments = new Moments(by);
    for (let at = 0; at < values.length; at += 10_000) moments.add(values.subarray(at, at + 10_000));
    return moments;
  }

  const close = (actual: number, expected: number, scale: number): void => {
    assert.ok(Math.abs(actual - expected) <= 1e-12 * scale, `${actual} is not ${expected}`);
  };

  it('finds the same numbers in every way', () => {
    fc.assert(
      fc.property(many(number), fc.boolean(), (values, inPlace) => {
        const plain = momentsOf(values, null);
        const simd = momentsOf(inPlace ? inKernel(values) : values, kernel);
        const exact = ({ count, finite, nan, zeros, min, max }: Moments): unknown => [
          count,
          finite,
          nan,
          zeros,
          min,
          max,
        ];
        assert.deepEqual(exact(simd), exact(plain));
        const known = [...values].filter(Number.isFinite);
        assert.deepEqual(exact(plain), [
          values.length,
          known.length,
          values.filter(Number.isNaN).length,
          known.filter((value) => value === 0).length,
          known.reduce((least, value) => Math.min(least, value), Infinity) + 0,
          known.reduce((most, value) => Math.max(most, value), -Infinity) + 0,
        ]);
        if (known.length === 0) return;
        const size = known.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const mean = known.reduce((sum, value) => sum + value / known.length, 0);
        const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
        for (const found of [plain, simd]) {
          close(found.mean, mean, size);
          close(found.squares, squares, known.length * size * size);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('counts the same intervals in every way', () => {
    fc.assert(
      fc.property(many(finite), fc.boolean(), fc.boolean(), (values, integers, inPlace) => {
        const numbers = integers ? values.map((value) => Math.round(Math.max(-200, Math.min(200, value)))) : values;
        const { min, max } = momentsOf(numbers, null);
        const plain = new Histogram(min, max, integers, true, null);
        const simd = new Histogram(min, max, integers, true, kernel);
        plain.add(numbers);
        simd.add(inPlace ? inKernel(numbers) : numbers);
        assert.deepEqual(simd.counts, plain.counts);
        assert.equal(
          plain.counts.reduce((sum, count) => sum + count, 0),
          numbers.length,
        );
        if (min === max) assert.equal(plain.counts.length, 1);
        else if (integers && max - min < HISTOGRAM_BINS)
          assert.deepEqual(
            plain.counts,
            plain.counts.map((_, bin) => numbers.filter((value) => value === min + bin).length),
          );
        else assert.equal(plain.counts.length, HISTOGRAM_BINS);
      }),
      { numRuns: 150 },
    );
  });

  it('leaves out what is not finite, and starts anew for the next tensor', () => {
    const values = Float32Array.from({ length: 20_000 }, (_, i) => i % 64);
    values[9000] = NaN;
    values[9001] = Infinity;
    const histogram = new Histogram(0, 63, false, false, kernel);
    histogram.add(values);
    assert.equal(
      histogram.counts.reduce((sum, count) => sum + count, 0),
      19_998,
    );
    for (let time = 0; time < 2; time++) {
      const next = new Histogram(1, 1, false, true, kernel);
      next.add(inKernel(new Float32Array(1000).fill(1)));
      assert.deepEqual(next.counts, [1000]);
    }
  });

  it('knows that doubles may be too large for their squares', () => {
    const moments = momentsOf(Float64Array.of(1.7e308, 1.7e308, -1.7e308), kernel);
    assert.deepEqual([moments.min, moments.max, moments.finite], [-1.7e308, 1.7e308, 3]);
    assert.ok(!Number.isFinite(moments.squares));
    const histogram = new Histogram(moments.min, moments.max, false, true, kernel);
    histogram.add(Float64Array.of(1.7e308, 1.7e308, -1.7e308));
    assert.deepEqual([histogram.counts[0], histogram.counts[HISTOGRAM_BINS - 1]], [1, 2]);
  });

  it('has an interval for numbers too close together to divide', () => {
    const tiny = Float64Array.of(0, 5e-324);
    const histogram = new Histogram(0, 5e-324, false, true, null);
    histogram.add(tiny);
    assert.equal(
      histogram.counts.reduce((sum, count) => sum + count, 0),
      2,
    );
  });
});
