import assert from 'node:assert/strict';
import { formatRoughly } from '../../../src/core/format';
import { Pace } from '../../../src/core/metrics/pace';

describe('how fast a run is seen to go', () => {
  const seen = (...looks: readonly (readonly [step: number, at: number])[]): number => {
    const pace = new Pace();
    for (const [step, at] of looks) pace.note(step, at);
    return pace.rate;
  };

  it('counts from when steps were first seen', () => {
    assert.equal(seen([10, 0], [10, 5], [30, 20], [50, 40], [50, 300]), 1);
  });

  it('is not told by one look, nor by a moment', () => {
    for (const rate of [seen(), seen([10, 0]), seen([10, 0], [12, 3])]) assert.ok(Number.isNaN(rate));
  });

  it('forgets what lies long back, and what a run did before it went back', () => {
    assert.equal(seen([0, 0], [10, 1000], [20, 1100], [80, 1700]), 0.1);
    assert.ok(Number.isNaN(seen([100, 0], [200, 100], [150, 110])));
    assert.equal(seen([100, 0], [200, 100], [150, 110], [160, 130]), 0.5);
  });

  it('gives an estimate that says no more than it knows', () => {
    const texts = [20, 40, 700, 5900, 6100, 125_000, 400_000, Number.NaN].map(formatRoughly);
    assert.deepEqual(texts, ['less than a minute', '1 min', '12 min', '98 min', '2 h', '35 h', '5 d', '–']);
  });
});
