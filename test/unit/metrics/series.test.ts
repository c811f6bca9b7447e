import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SeriesTable, type Series } from '../../../src/core/metrics/series';

interface Point {
  step: number;
  time: number;
  value: number;
}

/** The same, as one would write it first: every series has its own points. */
class PlainTable {
  readonly byName = new Map<string, Point[]>();

  push(step: number, time: number, values: readonly (readonly [string, number])[]): void {
    for (const [name, value] of values) {
      const points = (this.byName.get(name) ?? []).filter((each) => each.step < step);
      points.push({ step, time: Math.max(time, points.at(-1)?.time ?? time), value });
      this.byName.set(name, points);
    }
  }

  cutAfter(step: number): void {
    for (const [name, points] of this.byName)
      this.byName.set(
        name,
        points.filter((each) => each.step <= step),
      );
  }
}

const pointsOf = (series: Series): Point[] =>
  [...series.values].map((value, index) => ({
    step: series.steps[index] as number,
    time: series.times[index] as number,
    value,
  }));

const NAMES = ['a', 'b', 'c', 'd'];
const row = fc.record({
  kind: fc.constant('row' as const),
  step: fc.integer({ min: 1, max: 30 }),
  time: fc.integer({ min: 0, max: 50 }),
  names: fc.subarray(NAMES, { minLength: 1 }),
});
const cut = fc.record({ kind: fc.constant('cut' as const), step: fc.integer({ min: 0, max: 30 }) });

describe('series that share their steps', () => {
  const axes = (table: SeriesTable): number => new Set([...table.series.values()].map((series) => series.axis)).size;
  const values = (names: readonly string[]): [string, number][] => names.map((name) => [name, 1]);

  it('hold what each of them would hold alone, whatever is logged and taken back', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 6, arbitrary: row }, cut), { maxLength: 40 }), (rows) => {
        const table = new SeriesTable();
        const plain = new PlainTable();
        rows.forEach((each, index) => {
          for (const target of [table, plain]) {
            if (each.kind === 'cut') target.cutAfter(each.step);
            else
              target.push(
                each.step,
                each.time,
                each.names.map((name, at) => [name, index * 10 + at] as const),
              );
          }
        });
        assert.deepEqual([...table.series.keys()], [...plain.byName.keys()]);
        for (const [name, series] of table.series) {
          const expected = plain.byName.get(name) ?? [];
          const found = pointsOf(series);
          assert.deepEqual(
            found.map(({ step, value }) => ({ step, value })),
            expected.map(({ step, value }) => ({ step, value })),
            name,
          );
          // A step that is logged twice keeps the time of either.
          found.forEach((each, at) => {
            assert.ok(at === 0 || each.time >= (found[at - 1] as Point).time, name);
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('do not join one that was taken back to before it left', () => {
    const table = new SeriesTable();
    table.push(1, 0, values(['b', 'c', 'd']));
    table.push(2, 0, values(['b']));
    table.push(3, 0, values(['d']));
    table.push(1, 1, values(['d']));
    table.push(3, 0, values(['c']));
    assert.deepEqual([...(table.series.get('c')?.times ?? [])], [0, 0]);
  });

  it('keep their times where nothing is logged twice', () => {
    const table = new SeriesTable();
    for (let step = 1; step <= 1000; step += 1) {
      table.push(step, step, [
        ['loss', step],
        ['norm', -step],
      ]);
      if (step % 10 === 0) table.push(step, step + 0.5, [['eval', step]]);
    }
    assert.deepEqual([...(table.series.get('norm')?.times.subarray(-2) ?? [])], [999, 1000]);
    assert.deepEqual([...(table.series.get('eval')?.times.subarray(-2) ?? [])], [990.5, 1000.5]);
  });

  it('are on one axis as long as they are logged together, over resumes too', () => {
    const table = new SeriesTable();
    const all = Array.from({ length: 116 }, (_, index) => `metric ${index}`);
    for (let step = 1; step <= 500; step += 1) {
      table.push(step, step, values(all));
      if (step % 100 === 0) table.push(step, step, values(['eval', 'eval 2']));
    }
    assert.equal(axes(table), 2);
    table.cutAfter(250);
    for (let step = 251; step <= 600; step += 1) table.push(step, step + 1000, values(all));
    assert.equal(axes(table), 2);
    assert.equal(table.series.get('metric 7')?.times.at(-1), 1600);
    assert.equal(table.series.get('metric 7')?.length, 600);
  });

  it('leave it in company when some of them are logged more rarely from then on', () => {
    const table = new SeriesTable();
    for (let step = 1; step <= 100; step += 1) {
      const rare = step < 50 || step % 5 === 0;
      table.push(step, step, values(rare ? ['a', 'b', 'c', 'd'] : ['a', 'b']));
    }
    assert.equal(axes(table), 2);
    assert.equal(table.series.get('c')?.axis, table.series.get('d')?.axis);
    assert.deepEqual([table.series.get('a')?.length, table.series.get('c')?.length], [100, 60]);
  });

  it('go back together without copies, however often a file does', () => {
    const table = new SeriesTable();
    for (let step = 1; step <= 2000; step += 1) {
      table.push(step, step, values(['a', 'b']));
      table.push(step, step + 0.5, values(['a', 'b']));
    }
    const axis = table.series.get('a')?.axis;
    assert.equal(axes(table), 1);
    table.push(1999, 5000, values(['a', 'b']));
    assert.equal(table.series.get('a')?.axis, axis);
    assert.equal(table.series.get('b')?.times.at(-1), 5000);
  });
});
