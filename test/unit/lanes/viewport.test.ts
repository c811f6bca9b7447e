import assert from 'node:assert/strict';
import fc from 'fast-check';
import { layoutOf, type Layout } from '../../../src/core/lanes/layout';
import {
  fitted,
  laneAt,
  opening,
  panned,
  revealed,
  ticksOf,
  within,
  xOf,
  yOf,
  zoomed,
  type Room,
  type Viewport,
} from '../../../src/core/lanes/viewport';
import { aRun } from '../model/builders';
import { laneRuns } from './builders';

const pictured = (count: number, step = 1000): Layout =>
  layoutOf(laneRuns(Array.from({ length: count }, (_, at) => aRun(`r${at}`, { step }))), null);
const ROOM: Room = { width: 800, height: 600 };

describe('what is in sight of the lineage', () => {
  it('is everything when it is fitted, as far as lanes can be told apart', () => {
    for (const count of [1, 30, 250]) {
      const layout = pictured(count);
      const view = fitted(layout, ROOM);
      assert.ok(view.from === 0 && view.until > 1000);
      assert.ok(view.lane * count <= ROOM.height + 1e-6, String(count));
    }
    assert.equal(fitted(pictured(5000), ROOM).lane, 2);
    assert.equal(opening(pictured(5000), ROOM).lane, 28);
  });

  it('keeps what is under the pointer there when it is zoomed, within its bounds', () => {
    const layout = pictured(100);
    const start = { ...opening(layout, ROOM), top: 900 };
    const near = zoomed(start, { factor: 1.5, x: 200, y: 300 }, layout, ROOM);
    const step = start.from + 0.25 * (start.until - start.from);
    assert.ok(Math.abs(xOf(step, near, ROOM) - 200) < 1e-6);
    assert.equal(laneAt(300, near, layout), laneAt(300, start, layout));
    const steps = zoomed(start, { factor: 3, x: 200, y: 300, stepsAlone: true }, layout, ROOM);
    assert.deepEqual([steps.lane, steps.top], [start.lane, start.top]);
  });

  it('never leaves what there is, whatever is done', () => {
    const deeds = fc.array(
      fc.oneof(
        fc.record({ factor: fc.double({ min: 0.01, max: 100, noNaN: true }), x: fc.nat(800), y: fc.nat(600) }),
        fc.record({ dx: fc.integer({ min: -5000, max: 5000 }), dy: fc.integer({ min: -5000, max: 5000 }) }),
        fc.record({ lane: fc.nat(59), step: fc.option(fc.nat(1000)) }),
      ),
    );
    const layout = pictured(60);
    fc.assert(
      fc.property(deeds, (done) => {
        let view: Viewport = opening(layout, ROOM);
        for (const deed of done) {
          if ('factor' in deed) view = zoomed(view, deed, layout, ROOM);
          else if ('dx' in deed) view = panned(view, deed.dx, deed.dy, layout, ROOM);
          else {
            view = revealed(view, deed.lane, deed.step, layout, ROOM);
            const y = yOf(deed.lane, view);
            assert.ok(y > 0 && y < ROOM.height, 'the lane is in sight');
            const x = deed.step === null ? 0 : xOf(deed.step, view, ROOM);
            assert.ok(x >= -1e-6 && x <= ROOM.width + 1e-6, 'the step is in sight');
          }
          assert.ok(
            view.from >= -1e-6 && view.until <= layout.steps * 1.03 + 1e-6 && view.until - view.from >= 20 - 1e-6,
          );
          assert.ok(view.top >= 0 && view.top <= Math.max(0, view.lane * 60 - ROOM.height) + 1e-6);
          assert.deepEqual(within(view, layout, ROOM).lane, view.lane);
        }
      }),
    );
  });

  it('writes round steps at the axis, as many as there is room for', () => {
    const layout = pictured(3, 61_000);
    for (const width of [120, 300, 800, 2000]) {
      const ticks = ticksOf(fitted(layout, { width, height: 100 }), { width, height: 100 });
      assert.ok(ticks.length >= 1 && ticks.length <= width / 60 + 2, `${width}: ${ticks.join()}`);
      assert.ok(ticks.every((tick) => tick % 1000 === 0));
    }
    assert.deepEqual(ticksOf({ from: 10, until: 30, lane: 1, top: 0 }, { width: 300, height: 1 }), [10, 20, 30]);
  });
});
