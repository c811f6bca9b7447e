import assert from 'node:assert/strict';
import { short } from '../../../src/core/metrics/alerts/alert';
import type { Curriculum } from '../../../src/core/curriculum/curriculum';
import type { Alert } from '../../../src/core/metrics/alerts/alert';
import { RunAlerts, type AlertInput } from '../../../src/core/metrics/alerts/runAlerts';
import { secondsUntil, stepRate } from '../../../src/core/metrics/eta';
import { Series } from '../../../src/core/metrics/series';

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A noisy falling loss, ten steps a point, a second each. */
function noisy(points: number, change: (value: number, step: number) => number = (value) => value): Series {
  const random = seeded(7);
  const series = new Series();
  for (let index = 1; index <= points; index += 1) {
    const step = index * 10;
    const value = (2 + 3 * Math.exp(-step / 1500)) * (1 + (random() - 0.5) * 0.08);
    series.push(step, 1000 + index, change(value, step));
  }
  return series;
}

function alerts(loss: Series, more: Partial<AlertInput> = {}): Alert[] {
  return new RunAlerts().find({
    series: new Map([['loss/total', loss]]),
    curriculum: null,
    checkpointSteps: [1000, 2000],
    training: false,
    now: 0,
    lastTime: 0,
    ...more,
  });
}

const TWO_STAGES: Curriculum = {
  stages: [
    { name: 'teacher', from: 0, until: 2000, mixingRatio: 0, mlpMixingRatio: null },
    { name: 'student', from: 2000, until: 9000, mixingRatio: 1, mlpMixingRatio: null },
  ],
};

describe('figures in alerts', () => {
  it('are written as everywhere: a small loss in scientific form, a large one as a count', () => {
    assert.deepEqual([5e-5, 0.0412, 2.166, 61840].map(short), ['5e-5', '0.041', '2.2', '61,840']);
  });
});

describe('alerts', () => {
  it('say nothing about an ordinary run', () => {
    assert.deepEqual(alerts(noisy(200)), []);
  });

  it('tell of a spike: where, how high, and when it was over', () => {
    const found = alerts(noisy(400, (value, step) => (step >= 2500 && step < 2530 ? value + 2 : value)));
    assert.equal(found.length, 1);
    const [spike] = found;
    assert.equal(spike?.kind, 'spike');
    assert.ok(spike.step >= 2500 && spike.step < 2530);
    assert.ok(spike.value > 1.7 && spike.value < 2.4, String(spike.value));
    assert.equal(spike.detail, 'recovered in 30 steps');
  });

  it('do not take the jump at a stage’s start for a spike', () => {
    const found = alerts(
      noisy(400, (value, step) => (step >= 2000 ? value + 3 : value)),
      { curriculum: TWO_STAGES },
    );
    assert.deepEqual(
      found.map((alert) => [alert.kind, alert.step, alert.title]),
      [['stage', 2000, 'Stage changed: teacher → student']],
    );
  });

  it('tell of a NaN once a stretch, with the last good checkpoint', () => {
    const found = alerts(noisy(300, (value, step) => (step >= 2500 ? Number.NaN : value)));
    assert.deepEqual(
      found.map((alert) => [alert.kind, alert.step, alert.detail]),
      [['nan', 2500, 'last good checkpoint 2,000']],
    );
  });

  it('tell of a divergence and of a plateau', () => {
    const diverging = alerts(noisy(600, (value, step) => value * (1 + Math.max(0, step - 3000) / 4000)));
    assert.ok(diverging.some((alert) => alert.kind === 'divergence'));
    const flat = new Series();
    for (let index = 1; index <= 400; index += 1)
      flat.push(index * 10, index, 2 + (index < 100 ? (100 - index) / 50 : 0));
    assert.ok(alerts(flat).some((alert) => alert.kind === 'plateau'));
  });

  it('tell of a training run that has gone silent, or slow', () => {
    const loss = noisy(100);
    const stalled = alerts(loss, { training: true, lastTime: 1100, now: 1100 + 3600 });
    assert.deepEqual(
      stalled.map((alert) => alert.kind),
      ['stalled'],
    );
    assert.deepEqual(alerts(loss, { training: false, lastTime: 1100, now: 1100 + 3600 }), []);
    const throughput = new Series();
    for (let index = 1; index <= 100; index += 1) throughput.push(index * 10, 1000 + index, index > 80 ? 40 : 100);
    const slow = alerts(loss, {
      training: true,
      lastTime: 1100,
      now: 1101,
      series: new Map([
        ['loss/total', loss],
        ['throughput/tokens_per_second', throughput],
      ]),
    });
    assert.deepEqual(
      slow.map((alert) => alert.kind),
      ['slow'],
    );
  });
});

describe('the time left', () => {
  it('counts only the present segment’s pace', () => {
    const series = new Series();
    // 1 step a second, a pause of a day, then 10 steps a second.
    for (let step = 10; step <= 100; step += 10) series.push(step, step, 1);
    for (let step = 110; step <= 200; step += 10) series.push(step, 86400 + step / 10, 1);
    assert.equal(stepRate(series, 100), 10);
    assert.equal(secondsUntil(200, 1200, 10), 100);
    assert.equal(secondsUntil(200, null, 10), null);
    assert.equal(secondsUntil(200, 300, Number.NaN), null);
  });
});
