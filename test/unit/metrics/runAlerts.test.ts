import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Curriculum } from '../../../src/core/curriculum/curriculum';
import { RunAlerts, type AlertInput } from '../../../src/core/metrics/alerts/runAlerts';
import { Series, SeriesTable } from '../../../src/core/metrics/series';

const CURRICULA: readonly (Curriculum | null)[] = [
  null,
  {
    stages: [
      { name: 'teacher', from: 0, until: 60, mixingRatio: 0, mlpMixingRatio: null },
      { name: 'student', from: 60, until: 9000, mixingRatio: 1, mlpMixingRatio: null },
    ],
  },
];

const input = (table: SeriesTable, curriculum: Curriculum | null): AlertInput => ({
  series: table.series,
  curriculum,
  checkpointSteps: [20, 40, 60],
  training: true,
  now: 5000,
  lastTime: 4990,
});

const value = fc.oneof(
  { weight: 8, arbitrary: fc.double({ min: 1.9, max: 2.1, noNaN: true }) },
  { weight: 1, arbitrary: fc.double({ min: 5, max: 9, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY) },
);
const piece = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('log' as const),
      values: fc.array(value, { minLength: 1, maxLength: 40 }),
    }),
  },
  fc.record({ kind: fc.constant('resume' as const), back: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ kind: fc.constant('plan' as const), which: fc.integer({ min: 0, max: 1 }) }),
);

describe('the alerts of a run that grows', () => {
  it('are those that its whole log gives, after every piece', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const table = new SeriesTable();
        const kept = new RunAlerts();
        let step = 0;
        let curriculum = CURRICULA[0] ?? null;
        for (const each of pieces) {
          if (each.kind === 'log') {
            for (const logged of each.values) {
              step += 1;
              table.push(step, step, [
                ['loss/total', logged],
                ['training/grad_norm', step % 7 === 0 ? logged : 1],
              ]);
            }
          } else if (each.kind === 'resume') {
            step = Math.max(0, step - each.back);
            table.cutAfter(step);
          } else curriculum = CURRICULA[each.which] ?? null;
          const state = input(table, curriculum);
          assert.deepEqual(kept.find(state), new RunAlerts().find(state));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('look at no point twice', () => {
    let looked = 0;
    class Counted extends Series {
      override get values(): Float64Array {
        return new Proxy(super.values, {
          get: (target, key) => {
            if (typeof key === 'string' && /^\d+$/.test(key)) looked += 1;
            const found: unknown = Reflect.get(target, key, target);
            return typeof found === 'function' ? (found.bind(target) as unknown) : found;
          },
        });
      }
    }
    const series = new Map<string, Series>();
    for (let index = 0; index < 20; index += 1) series.set(`metric ${index}`, new Counted());
    const log = (from: number, to: number): void => {
      for (const each of series.values()) for (let step = from; step <= to; step += 1) each.push(step, step, 1);
    };
    const alerts = new RunAlerts();
    const find = (): unknown =>
      alerts.find({ series, curriculum: null, checkpointSteps: [], training: false, now: 0, lastTime: 0 });
    log(1, 1000);
    find();
    assert.equal(looked, 20 * 1000);
    looked = 0;
    find();
    assert.equal(looked, 0);
    log(1001, 1010);
    find();
    assert.equal(looked, 20 * 10);
  });

  it('of many NaNs are the newest, and not kept without end', () => {
    const table = new SeriesTable();
    for (let step = 1; step <= 5000; step += 1)
      table.push(step, step, [['loss/total', step % 2 === 0 ? Number.NaN : 1]]);
    const found = new RunAlerts().find({ ...input(table, null), training: false });
    assert.equal(found.length, 100);
    assert.equal(found[0]?.step, 5000);
  });
});
