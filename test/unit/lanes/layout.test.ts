import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Run } from '../../../src/core/experiment/model';
import type { LaneRun } from '../../../src/core/lanes/laneRun';
import { edgesThrough, laneId, layoutOf, type Lane, type Layout } from '../../../src/core/lanes/layout';
import { aRun } from '../model/builders';
import { branchOf, laneRuns } from './builders';

const of = (...runs: Run[]): Layout => layoutOf(laneRuns(runs), null);
const names = ({ lanes }: Layout): string[] => lanes.map(({ name, depth }) => `${'.'.repeat(depth)}${name}`);
const named = ({ lanes }: Layout, name: string): Lane => {
  const lane = lanes.find((each) => each.name === name);
  assert.ok(lane, name);
  return lane;
};

/** What must hold of any picture: every run once, each below its parent, no line of a branch through another lane's run. */
function assertSound(layout: Layout, runs: readonly LaneRun[], shown: ReadonlySet<number> | null = null): void {
  const { lanes, places } = layout;
  const drawn = lanes.flatMap(({ run }) => (run === null ? [] : [run.key]));
  assert.equal(new Set(drawn).size, drawn.length, 'a run is drawn twice');
  if (shown === null) assert.equal(drawn.length, runs.length, 'a run is not drawn');
  else for (const key of shown) assert.ok(drawn.includes(key), 'a run that passes is not drawn');
  for (const [index, lane] of lanes.entries()) {
    assert.equal(lane.index, index);
    assert.equal(places.get(lane.id), index);
    assert.ok(lane.from <= lane.to && lane.to <= lane.reach && lane.reach <= layout.steps);
    assert.ok(lane.end >= index && lane.end < lanes.length);
    const parent = lanes[lane.parent];
    if (parent === undefined) {
      assert.deepEqual([lane.parent, lane.left, lane.depth], [-1, null, 0]);
      continue;
    }
    assert.ok(parent.index < index && parent.end >= lane.end);
    assert.equal(lane.depth, parent.depth + 1);
    assert.ok(parent.children.includes(index));
    assert.equal(lane.left, lane.run?.parent?.step, 'a branch leaves at the recorded step');
    const { left } = lane;
    assert.ok(parent.reach >= left, 'a branch leaves a line that does not go so far');
    assert.ok(parent.from <= left || parent.run?.parent !== null);
    const recorded = lane.run?.parent;
    assert.equal(parent.run?.key ?? null, recorded?.key ?? null);
  }
  for (const lane of lanes)
    assert.deepEqual(
      [...lane.children].sort((a, b) => a - b),
      lane.children,
    );
}

describe('the picture of the lineage', () => {
  it('puts each branch below its parent, the last one to leave it first, families by their newest run', () => {
    const layout = of(
      aRun('other', { created: 50 }),
      branchOf('main', 300, 'late', { created: 20 }),
      branchOf('main', 100, 'early', { created: 60 }),
      branchOf('late', 400, 'later', { created: 30 }),
      aRun('main', { created: 10 }),
    );
    assert.deepEqual(names(layout), ['main', '.late', '..later', '.early', 'other']);
    const early = named(layout, 'early');
    assert.deepEqual([early.left, early.from, early.to], [100, 100, 300]);
    assert.deepEqual(named(layout, 'main').children, [1, 3]);
    // `later` left at a step that `late` does not have any more.
    assert.deepEqual([named(layout, 'late').to, named(layout, 'late').reach], [300, 400]);
  });

  it('remembers a parent that is gone by its name, once for all its branches, and not one of another name’s', () => {
    const gone = (name: string, id: string | null, parent: string): Run =>
      aRun(name, { parent: { id, run: parent, checkpoint: null, step: 200 } });
    const layout = of(
      gone('a', 'lost', 'old'),
      gone('b', 'lost', 'old'),
      gone('c', null, 'old'),
      gone('d', null, 'older'),
    );
    assert.deepEqual(names(layout), ['old', '.a', '.b', 'old', '.c', 'older', '.d']);
    for (const lane of layout.lanes)
      if (lane.run === null) assert.deepEqual([lane.from, lane.reach, lane.dim], [0, 200, true]);
  });

  it('takes a parent that was renamed for the parent', () => {
    const layout = of(branchOf('main', 200, 'branch'), aRun('renamed', { id: 'id-main' }));
    assert.deepEqual(names(layout), ['renamed', '.branch']);
  });

  it('gives runs that name themselves or each other no parent, and those that left the circle theirs', () => {
    const layout = of(
      branchOf('b', 100, 'a'),
      branchOf('a', 100, 'b'),
      branchOf('self', 100, 'self'),
      branchOf('a', 200, 'out'),
    );
    assert.deepEqual(names(layout), ['a', '.out', 'b', 'self']);
    const lost = layout.lanes.map(({ run }) => run?.parent?.lost);
    assert.deepEqual(lost, ['circle', null, 'circle', 'self']);
  });

  it('draws branches of a copied folder below the original alone', () => {
    const copy = aRun('copy', { id: 'id-main', created: 5 });
    const layout = of(branchOf('main', 100, 'child'), copy, aRun('main', { created: 5 }));
    assert.deepEqual(names(layout), ['main', '.child', 'copy']);
  });

  it('is not stuck on a chain of 3,000 branches, nor on half of a change', () => {
    const chain = Array.from({ length: 3000 }, (_, at) =>
      at === 0 ? aRun('r0') : branchOf(`r${at - 1}`, at, `r${at}`),
    );
    const runs = laneRuns(chain);
    const layout = layoutOf(runs, null);
    assert.equal(layout.lanes.at(-1)?.depth, 2999);
    // A parent that did not come yet is none; runs that became each other's parents in two messages neither.
    const [first, second] = runs;
    assert.ok(first && second?.parent);
    assert.equal(layoutOf([second], null).lanes.length, 1);
    const circle = { ...first, parent: { ...second.parent, key: second.key } };
    assert.deepEqual(
      layoutOf([circle, second], null).lanes.map(({ parent }) => parent),
      [-1, -1],
    );
  });

  it('shows what passes a filter with its ancestors, which are dim', () => {
    const runs = laneRuns([
      branchOf('main', 300, 'child'),
      branchOf('child', 300, 'grandchild'),
      aRun('main'),
      aRun('other'),
    ]);
    const keyOf = (name: string): number => runs.find((run) => run.name === name)?.key ?? -1;
    const layout = layoutOf(runs, new Set([keyOf('child')]));
    assert.deepEqual(names(layout), ['main', '.child']);
    assert.deepEqual(
      layout.lanes.map(({ dim }) => dim),
      [true, false],
    );
    assert.equal(layout.passing, 1);
    assert.deepEqual(layoutOf(runs, new Set()).lanes, []);
  });

  it('of any runs draws each once, in a lane of its own, every branch from its parent at the right step', () => {
    const records = fc.array(
      fc.record({
        parent: fc.option(fc.record({ of: fc.nat(14), step: fc.nat(900), by: fc.constantFrom('id', 'name', 'gone') })),
        step: fc.nat(900),
        created: fc.nat(5),
        copyOf: fc.option(fc.nat(14)),
        passes: fc.boolean(),
      }),
      { minLength: 1, maxLength: 15 },
    );
    fc.assert(
      fc.property(records, fc.boolean(), (made, isFiltered) => {
        const runs = laneRuns(
          made.map(({ parent, step, created, copyOf }, at) =>
            aRun(`r${at}`, {
              ...{ step, created, id: `id-r${copyOf ?? at}` },
              parent:
                parent === null
                  ? null
                  : {
                      id: parent.by === 'name' ? null : parent.by === 'id' ? `id-r${parent.of}` : `lost-${parent.of}`,
                      run: `r${parent.of}`,
                      checkpoint: null,
                      step: parent.step,
                    },
            }),
          ),
        );
        const shown = isFiltered ? new Set(runs.filter((_, at) => made[at]?.passes).map(({ key }) => key)) : null;
        const layout = layoutOf(runs, shown);
        assertSound(layout, runs, shown);
        // In whatever order they came.
        assert.deepEqual(names(layoutOf([...runs].reverse(), shown)), names(layout));
        // What crosses a stretch of lanes, found at once and by looking at all.
        const count = layout.lanes.length;
        for (let first = 0; first < count; first += 1) {
          const last = Math.min(count - 1, first + 2);
          const all = layout.lanes.filter(({ index, parent }) => parent >= 0 && parent <= last && index >= first);
          assert.deepEqual(
            edgesThrough(layout, first, last).sort((a, b) => a - b),
            all.map(({ index }) => index),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it('draws no branch’s line through the line of another, where every branch left what was there', () => {
    const steps = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 100 })), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(steps, (made) => {
        const begun: number[] = [];
        const runs = made.map(([pick, share], at) => {
          if (at === 0) {
            begun.push(0);
            return aRun('r0', { step: 1000, checkpoints: [] });
          }
          const parent = pick % at;
          const from = (begun[parent] ?? 0) + Math.round(((1000 - (begun[parent] ?? 0)) * share) / 100);
          begun.push(from);
          return branchOf(`r${parent}`, from, `r${at}`, { step: 1000, checkpoints: [] });
        });
        const { lanes } = of(...runs);
        for (const { parent, left, index } of lanes) {
          for (const between of lanes.slice(parent + 1, index)) {
            if (parent >= 0) assert.ok(between.from >= (left ?? 0), `${between.name} lies in the way`);
          }
        }
      }),
    );
  });

  it('lays out 5,000 runs with 50,000 checkpoints in less than a tenth of a second', function () {
    this.timeout(20_000);
    const runs = laneRuns(
      Array.from({ length: 5000 }, (_, at) =>
        at % 9 === 0 ? aRun(`r${at}`, { created: at }) : branchOf(`r${Math.floor(at / 2)}`, 100, `r${at}`),
      ),
    );
    const times = Array.from({ length: 5 }, () => {
      const { user } = process.cpuUsage();
      const layout = layoutOf(runs, null);
      assert.equal(layout.lanes.length, 5000);
      return process.cpuUsage().user - user;
    });
    assert.ok(Math.min(...times) < 100_000, `${Math.min(...times)} µs`);
    assert.ok(laneId(3).includes('3'));
  });
});
