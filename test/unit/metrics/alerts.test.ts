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
      [['nan', 2500, 'last good checkpoint 2,000: branch from it with a lower learning rate']],
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

  it('tell of a training run that has gone silent', () => {
    const loss = noisy(100);
    const stalled = alerts(loss, { training: true, lastTime: 1100, now: 1100 + 3600 });
    assert.deepEqual(
      stalled.map((alert) => alert.kind),
      ['stalled'],
    );
    assert.deepEqual(alerts(loss, { training: false, lastTime: 1100, now: 1100 + 3600 }), []);
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

describe('a loss that leaves its level', () => {
  const kinds = (found: readonly Alert[]): string[] => found.map((alert) => alert.kind);

  /** Picture 02: a parent that goes down to 44, and its branch at ten times the learning rate, five steps a point. */
  function exploded(): { line: Series; own: Series } {
    const random = seeded(3);
    const line = new Series();
    for (let step = 5; step <= 100; step += 5) line.push(step, step, 44 + 40 * Math.exp(-step / 40) + random());
    const own = new Series();
    for (let step = 105; step <= 475; step += 5) {
      const height = step < 215 ? 44 * 10 ** Math.min(5.3, (step - 100) / 12) : 1e7 * Math.exp(-(step - 215) / 45);
      own.push(step, step, height * (0.3 + 1.4 * random()));
    }
    own.steps.forEach((step, index) => {
      line.push(step, step, own.values[index] as number);
    });
    return { line, own };
  }

  const PICTURE: Curriculum = {
    stages: [
      { name: 'teacher', from: 0, until: 200, mixingRatio: 0, mlpMixingRatio: null },
      { name: 'mixed', from: 200, until: 400, mixingRatio: 0.5, mlpMixingRatio: null },
      { name: 'student', from: 400, until: 600, mixingRatio: 1, mlpMixingRatio: null },
    ],
  };

  it('is called diverged within 20 steps, by its parent’s level, and stays so through two stages while it comes down', () => {
    const { line, own } = exploded();
    const kept = new RunAlerts();
    const growing = new Series();
    const seen = new Series();
    for (let index = 0; index < 20; index += 1)
      growing.push(line.steps[index] as number, 0, line.values[index] as number);
    let since = Number.NaN;
    own.steps.forEach((step, index) => {
      seen.push(step, 0, own.values[index] as number);
      growing.push(step, 0, own.values[index] as number);
      const found = kept.find({
        series: new Map([['loss/total', seen]]),
        line: { loss: growing, origin: 100 },
        curriculum: PICTURE,
        checkpointSteps: [50, 100],
        training: false,
        now: 0,
        lastTime: 0,
      });
      const diverged = found.find((alert) => alert.kind === 'divergence');
      if (Number.isNaN(since) && diverged !== undefined) since = step;
      if (Number.isNaN(since)) return;
      assert.ok(kept.diverged, `still at step ${step}`);
      assert.ok(Math.abs(kept.diverged.lowest - 50) < 8, String(kept.diverged.lowest));
      assert.equal(diverged?.title, 'Loss has diverged');
      assert.match(diverged.detail, /branch from checkpoint 100 with a lower learning rate/);
      assert.ok(!found.some((alert) => alert.kind === 'spike'), 'no "spike, recovered" on the way');
    });
    assert.ok(since <= 120, `called at ${since}`);
  });

  it('is over when it is back, and no spike of a few points is one', () => {
    const back = alerts(noisy(600, (value, step) => (step >= 2500 && step < 3200 ? value * 4 : value)));
    assert.deepEqual(
      back.map(({ kind, title }) => [kind, title]),
      [['divergence', 'Loss had diverged']],
    );
    assert.match(back[0]?.detail ?? '', /back at its level since step 3,\d\d\d/);
    assert.deepEqual(kinds(alerts(noisy(600, (value, step) => (step >= 2500 && step < 2520 ? value * 9 : value)))), [
      'spike',
    ]);
  });

  it('stays a spike that has not recovered where the level does not come back', () => {
    const found = alerts(noisy(300, (value, step) => (step >= 2500 ? value + 1.2 : value)));
    for (const spike of found.filter(({ kind }) => kind === 'spike'))
      assert.equal(spike.detail, 'not recovered yet', spike.detail);
    assert.ok(kinds(found).includes('divergence'));
  });

  it('is said of none of 100 healthy runs with stages, spikes and noise', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = seeded(seed);
      const series = new Series();
      for (let step = 10; step <= 6000; step += 10) {
        const lift = step < 2000 ? 0 : 0.4 * Math.exp(-(step - 2000) / 500);
        const level = 2 + 3 * Math.exp(-step / 700) + lift;
        const spike = random() < 0.004 ? level * (1 + 2 * random()) : 0;
        series.push(step, step, level * (1 + (random() + random() + random() - 1.5) * 0.15) + spike);
      }
      const found = alerts(series, { curriculum: TWO_STAGES });
      assert.ok(!kinds(found).includes('divergence'), `seed ${seed}`);
    }
  });
});

describe('a plateau', () => {
  /** Noise of 3 % around a level. */
  function levels(points: number, at: (index: number) => number): Series {
    const random = seeded(11);
    const series = new Series();
    for (let index = 0; index < points; index += 1)
      series.push(index + 1, index, at(index) * (1 + (random() + random() - 1) * 0.06));
    return series;
  }
  const plateaus = (loss: Series, more: Partial<AlertInput> = {}): Alert[] =>
    alerts(loss, more).filter(({ kind }) => kind === 'plateau');

  it('is told when the loss is no better over a third of its stage, with the step since which', () => {
    const [flat] = plateaus(levels(1500, (index) => 2 + Math.max(0, 500 - index) / 100));
    assert.deepEqual([flat?.title, flat?.present], ['Loss is on a plateau', true]);
    assert.ok((flat?.step ?? 0) >= 400, String(flat?.step));
    assert.match(flat?.detail ?? '', /^less than 1 % better in [\d,]+ steps$/);
  });

  it('is none while the loss falls slowly, where noise hides whether it does, and where the schedule ends', () => {
    assert.deepEqual(plateaus(levels(3000, (index) => 0.3 + (index / 20 + 1) ** -0.4)), []);
    assert.deepEqual(plateaus(levels(260, () => 2)), []);
    const flat = levels(1500, () => 2);
    const rate = new Series();
    for (let index = 0; index < 1500; index += 1) rate.push(index + 1, index, index < 150 ? 1 : 0.1);
    const series = new Map([
      ['loss/total', flat],
      ['training/learning_rate', rate],
    ]);
    assert.equal(plateaus(flat).length, 1);
    assert.deepEqual(plateaus(flat, { series }), []);
  });

  it('is over when the loss falls again', () => {
    const found = plateaus(levels(3000, (index) => (index < 1500 ? 2 : 1.5)));
    assert.equal(found.at(-1)?.title, 'Loss was on a plateau');
  });
});

describe('a loss beside its siblings’', () => {
  const run = (at: (step: number) => number, points = 300): Series => {
    const random = seeded(5);
    const series = new Series();
    for (let step = 1; step <= points; step += 1) series.push(step, step, at(step) * (1 + (random() - 0.5) * 0.1));
    return series;
  };
  /** Both of their pasts are one until step 100; there the stage changes, too, so that no level is known from before. */
  const beside = (own: Series, sibling: Series): Alert[] =>
    alerts(own, {
      curriculum: {
        stages: [
          { name: 'teacher', from: 0, until: 100, mixingRatio: 0, mlpMixingRatio: null },
          { name: 'student', from: 100, until: 900, mixingRatio: 1, mlpMixingRatio: null },
        ],
      },
      line: { loss: own, origin: 99 },
      siblings: [{ name: 'calm', loss: sibling, isComparable: () => true }],
    }).filter(({ kind }) => kind === 'divergence');

  it('has left them where it stays above and has not become better', () => {
    const [found] = beside(
      run((step) => (step <= 100 ? 2 : 4)),
      run((step) => (step <= 100 ? 2 : 2)),
    );
    assert.equal(found?.title, 'Loss has left its siblings');
    assert.match(found.detail, /^average 4\.\d+, 2 times calm \(2\.?\d*\) at the same steps; no checkpoint before it$/);
  });

  it('has not where it only learns more slowly, or where nothing is comparable', () => {
    const slower = run((step) => (step <= 100 ? 2 : 4 * Math.exp(-(step - 100) / 400)));
    assert.deepEqual(
      beside(
        slower,
        run(() => 1.5),
      ),
      [],
    );
    assert.deepEqual(
      beside(
        run(() => 4),
        run(() => 2, 150),
      ),
      [],
    );
  });
});

describe('a loss that explodes where a stage changes', () => {
  const exploding = (onset: number): Alert[] =>
    alerts(
      noisy(400, (value, step) => (step >= onset ? value * 2 ** ((step - onset) / 60) : value)),
      { curriculum: TWO_STAGES },
    ).filter(({ kind }) => kind === 'divergence');

  it('is called diverged whether that begins before, at or after the change', () => {
    for (const onset of [1900, 1960, 2000, 2050]) {
      const [found] = exploding(onset);
      assert.equal(found?.title, 'Loss has diverged', String(onset));
      assert.ok(Math.abs(found.step - onset) < 250, `${onset}: ${found.step}`);
    }
  });
});
