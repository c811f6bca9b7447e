import assert from 'node:assert/strict';
import fc from 'fast-check';
import { JoinedSeries } from '../../../src/core/metrics/joined';
import { MinMaxPyramid } from '../../../src/core/metrics/pyramid';
import { Series } from '../../../src/core/metrics/series';
import { autoSmoothing, emaStart, extendEma, recentSlope } from '../../../src/core/metrics/smooth';
import { Trace, type TraceView } from '../../../src/core/metrics/trace';

function seriesOf(values: readonly number[], every = 1): Series {
  const series = new Series();
  values.forEach((value, index) => {
    series.push((index + 1) * every, 1000 + index * 2, value);
  });
  return series;
}

const anyValue = fc.oneof(
  { weight: 8, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY) },
);

function extremes(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  return finite.length === 0 ? [Number.NaN, Number.NaN] : [Math.min(...finite), Math.max(...finite)];
}

describe('the min/max pyramid', () => {
  it('has every bucket’s extremes on every level, however it grew', () => {
    fc.assert(
      fc.property(
        fc.array(anyValue, { minLength: 1, maxLength: 300 }),
        fc.array(fc.nat({ max: 300 }), { maxLength: 8 }),
        (values, stops) => {
          const pyramid = new MinMaxPyramid();
          for (const stop of [...stops.filter((each) => each < values.length).sort((a, b) => a - b), values.length])
            pyramid.extend(Float64Array.from(values.slice(0, stop)));
          for (let most = 1; most <= values.length; most *= 2) {
            const level = pyramid.levelFor(values.length, most);
            if (level === undefined) continue;
            for (let bucket = 0; bucket < level.count; bucket += 1) {
              const [low, high] = extremes(values.slice(bucket * level.size, (bucket + 1) * level.size));
              assert.ok(Object.is(level.low[bucket], low) || level.low[bucket] === low);
              assert.ok(Object.is(level.high[bucket], high) || level.high[bucket] === high);
            }
          }
        },
      ),
    );
  });
});

function inWindow(view: TraceView, from: number, until: number): number[] {
  return [...view.high].filter((_, index) => (view.x[index] as number) >= from && (view.x[index] as number) <= until);
}

describe('a trace', () => {
  it('gives at most two columns a pixel and loses no spike, in any window', () => {
    const random = fc.sample(fc.double({ min: 0.9, max: 1.1, noNaN: true }), 5000);
    fc.assert(
      fc.property(
        fc.nat({ max: 4999 }),
        fc.integer({ min: 20, max: 800 }),
        fc.nat({ max: 4999 }),
        fc.nat({ max: 4999 }),
        (at, width, a, b) => {
          const values = [...random];
          values[at] = 50;
          const from = Math.min(a, b);
          const until = Math.max(a, b) + 1;
          const view = new Trace(seriesOf(values), 0.9).view({ axis: 'step', origin: 0, range: [from, until], width });
          assert.ok(view.x.length <= 2 * width + 4, `${view.x.length} columns for ${width} pixels`);
          for (let index = 1; index < view.x.length; index += 1)
            assert.ok((view.x[index] as number) >= (view.x[index - 1] as number));
          const step = at + 1;
          if (step >= from && step <= until) assert.equal(Math.max(...view.high), 50);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is the same after growing and after being made at once', () => {
    const values = Array.from({ length: 700 }, (_, index) => Math.sin(index / 9) + 2);
    const series = seriesOf(values.slice(0, 333));
    const grown = new Trace(series, 0.8);
    const window = { axis: 'step', origin: 0, range: null, width: 100 } as const;
    grown.view(window);
    values.slice(333).forEach((value, index) => {
      series.push(334 + index, 1000 + (333 + index) * 2, value);
    });
    assert.deepEqual(grown.view(window), new Trace(seriesOf(values), 0.8).view(window));
    assert.deepEqual([...grown.tail('step', 0, 698).x], [699, 700]);
  });

  it('starts anew after a cut', () => {
    const series = seriesOf([1, 2, 3, 4, 100]);
    const trace = new Trace(series, 0);
    const window = { axis: 'step', origin: 0, range: null, width: 100 } as const;
    trace.view(window);
    series.cutAfter(3);
    series.push(4, 2000, 7);
    assert.deepEqual([...trace.view(window).line], [1, 2, 3, 7]);
  });

  it('takes the axis’s unit, and one point more on either side', () => {
    const trace = new Trace(seriesOf([5, 6, 7, 8, 9], 10), 0);
    const relative = trace.view({ axis: 'relative', origin: 20, range: [0, 10], width: 50 });
    assert.deepEqual([...relative.x], [-10, 0, 10, 20]);
    const time = trace.view({ axis: 'time', origin: 0, range: [1002, 1004], width: 50 });
    assert.deepEqual([...time.x], [1000, 1002, 1004, 1006]);
    assert.deepEqual(inWindow(time, 1002, 1004), [6, 7]);
  });

  it('has a gap where a value is not finite', () => {
    const view = new Trace(seriesOf([1, Number.NaN, Number.POSITIVE_INFINITY, 2]), 0.5).view({
      axis: 'step',
      origin: 0,
      range: null,
      width: 50,
    });
    assert.deepEqual([...view.line].map(Number.isNaN), [false, true, true, false]);
    assert.deepEqual([...view.high].map(Number.isNaN), [false, true, true, false]);
  });
});

describe('smoothing', () => {
  it('is a weighted mean of the past, not pulled to zero at the start', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (values, smoothing) => {
          const out = new Float64Array(values.length);
          extendEma(Float64Array.from(values), 0, smoothing, emaStart(), out);
          const weights = values.map((_, index) => smoothing ** (values.length - 1 - index));
          const expected =
            values.reduce((sum, value, index) => sum + value * (weights[index] as number), 0) /
            weights.reduce((sum, weight) => sum + weight, 0);
          assert.ok(Math.abs((out.at(-1) as number) - expected) < 1e-6);
          assert.ok(Math.abs((out[0] as number) - (values[0] as number)) < 1e-9);
        },
      ),
    );
  });

  it('averages more where there are more points', () => {
    assert.ok(autoSmoothing(50) < autoSmoothing(1000));
    assert.ok(autoSmoothing(1e7) <= 0.99);
  });

  it('has a slope in value per step', () => {
    const steps = Float64Array.from({ length: 50 }, (_, index) => 1e9 + index * 10);
    const values = steps.map((step) => 3 - (step - 1e9) * 0.002);
    assert.ok(Math.abs(recentSlope(steps, values, 20) + 0.002) < 1e-9);
    assert.ok(Number.isNaN(recentSlope(steps.subarray(0, 2), values.subarray(0, 2), 20)));
  });
});

describe('a branch’s curve', () => {
  it('is its parent’s up to the branch point, then its own, and grows with it', () => {
    const parent = seriesOf([1, 2, 3, 4, 5]);
    const own = new Series();
    const joined = new JoinedSeries();
    const stretches = [
      { series: parent, until: 3 },
      { series: own, until: Number.POSITIVE_INFINITY },
    ];
    assert.deepEqual([...joined.sync(stretches).values], [1, 2, 3]);
    own.push(4, 5000, 40);
    const before = joined.sync(stretches).revision;
    own.push(5, 5001, 50);
    assert.deepEqual([...joined.sync(stretches).values], [1, 2, 3, 40, 50]);
    assert.equal(joined.series.revision, before);
    // The child was resumed from an earlier step.
    own.cutAfter(4);
    assert.deepEqual([...joined.sync(stretches).values], [1, 2, 3, 40]);
    // The child's file was replaced by one that looks alike.
    const other = new Series();
    other.push(4, 5000, 41);
    assert.deepEqual(
      [
        ...joined.sync([
          { series: parent, until: 3 },
          { series: other, until: Number.POSITIVE_INFINITY },
        ]).values,
      ],
      [1, 2, 3, 41],
    );
  });
});
