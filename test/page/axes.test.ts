import assert from 'node:assert/strict';
import fc from 'fast-check';
import { airy, linearTicks, logTicks, tickText } from '../../webview/charts/axes';

describe('the charts’ axes', () => {
  it('have few, ascending ticks within what is shown', () => {
    const limits = fc.tuple(
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      fc.double({ min: 1.0001, max: 1e6, noNaN: true }),
    );
    fc.assert(
      fc.property(limits, fc.integer({ min: 2, max: 12 }), ([low, ratio], most) => {
        const high = low * ratio;
        for (const ticks of [linearTicks(low, high, most), logTicks(low, high, most)]) {
          assert.ok(ticks.length <= most + 1, `${ticks.length} ticks of at most ${most}`);
          for (const [index, tick] of ticks.entries()) {
            assert.ok(tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
            assert.ok(index === 0 || tick > (ticks[index - 1] as number));
          }
        }
      }),
    );
  });

  it('show round numbers where a logarithmic axis spans less than a decade', () => {
    assert.deepEqual(logTicks(1.9, 6.5, 8), [2, 2.5, 3, 4, 5, 6]);
    assert.deepEqual(logTicks(1, 1e6, 8), [1, 10, 100, 1000, 10000, 100000, 1e6]);
  });

  it('have labels with as many digits as tell the ticks apart', () => {
    const label = (ticks: number[]): string[] => ticks.map((tick) => tickText(tick, ticks));
    assert.deepEqual(label([2, 2.5, 3]), ['2', '2.5', '3']);
    assert.deepEqual(label([2.25, 2.3, 2.35]), ['2.25', '2.3', '2.35']);
    assert.deepEqual(label([0, 0.0025, 0.005]), ['0', '2.5e-3', '5e-3']);
    assert.deepEqual(label([10000, 20000]), ['10k', '20k']);
  });

  it('leave air around what is drawn, and can draw nothing and a constant', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-9, max: 1e9, noNaN: true }),
        fc.double({ min: 1, max: 1e3, noNaN: true }),
        fc.boolean(),
        (low, ratio, log) => {
          const [bottom, top] = airy(low, low * ratio, log);
          assert.ok(bottom < low && top > low * ratio);
          assert.ok(!log || bottom > 0);
        },
      ),
    );
    assert.deepEqual(airy(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true), [0.1, 10]);
    assert.deepEqual(airy(0, 0, false), [-0.5, 1]);
  });
});
