import assert from 'node:assert/strict';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { childrenOf, runNode, type TreeModel, type TreeNode } from '../../../src/features/tree/nodes';
import { FIGURES_MS, TreeRows, type Redraw } from '../../../src/features/tree/rows';
import { aCheckpoint, aRun } from '../model/builders';

const model = (...runs: readonly Run[]): TreeModel => ({ runs, lineage: new Lineage([{ runs }]) });

/** As VS Code does it with everything unfolded. */
function unfold(rows: TreeRows, of: TreeModel, parent?: TreeNode): void {
  const children = childrenOf(parent, of);
  rows.give(parent, children);
  for (const child of children) unfold(rows, of, child);
}

const paths = (redraw: Redraw): string[] => redraw.rows.map((row) => row.path);

describe('which rows of the tree are redrawn', () => {
  const a = aRun('a');
  const b = aRun('b');
  let rows: TreeRows;
  const change = (now: number, changed: Run, ...all: Run[]): Redraw => {
    rows.note([changed.path]);
    return rows.take(model(...all), now);
  };

  beforeEach(() => {
    rows = new TreeRows();
    rows.take(model(a, b), 0);
    unfold(rows, model(a, b));
  });

  it('everything where a run came, a changed run alone otherwise', () => {
    assert.equal(new TreeRows().take(model(a, b), 0).all, true);
    const stopped = { ...a, state: 'stopped' as const };
    const redraw = change(10, stopped, stopped, b);
    assert.equal(redraw.all, false);
    assert.deepEqual(paths(redraw), [a.path]);
    assert.equal(change(20, a, b).all, true);
  });

  it('every run whose figures waited, not only the first', () => {
    change(0, a, a, b);
    change(0, b, a, b);
    const a2 = { ...a, step: a.step + 1 };
    const b2 = { ...b, step: b.step + 1 };
    assert.deepEqual(paths(change(100, a2, a2, b)), []);
    // While a's figures wait, b's come: theirs must not be lost.
    const waiting = change(200, b2, a2, b2);
    assert.deepEqual(paths(waiting), []);
    assert.equal(waiting.again, FIGURES_MS - 200);
    const redraw = rows.take(model(a2, b2), FIGURES_MS);
    assert.deepEqual(paths(redraw).sort(), [a.path, b.path]);
    assert.equal(redraw.again, undefined);
  });

  it('at once what a person reacts to: state, checkpoints, a verdict', () => {
    change(0, a, a, b);
    const saved = { ...a, checkpoints: [...a.checkpoints, aCheckpoint(400, a.path)] };
    assert.deepEqual(paths(change(10, saved, saved, b)), [a.path]);
    rows.note([a.path], true);
    assert.deepEqual(paths(rows.take(model(saved, b), 20)), [a.path]);
    assert.deepEqual(paths(rows.take(model(saved, b), 30)), []);
  });

  it('the row that a branch hangs under, and not the whole tree', () => {
    const branch = aRun('branch', { parent: { id: a.id, run: 'a', checkpoint: null, step: 200 } });
    const redraw = change(10, branch, branch, a, b);
    assert.equal(redraw.all, false);
    assert.deepEqual(paths(redraw), [a.checkpoints[1]?.path]);
    unfold(rows, model(branch, a, b));
    assert.deepEqual(paths(change(20, branch, a, b)), [a.checkpoints[1]?.path], 'when it goes');
  });

  it('of ages only those that read differently', () => {
    const [old, recent] = [0, 3_000_000].map((time) => aCheckpoint(time / 1000 + 1, a.path, { time }));
    const run = { ...a, checkpoints: [old!, recent!] };
    const now = 3_000_030;
    for (const row of childrenOf(runNode(run), model(run))) {
      rows.give(runNode(run), childrenOf(runNode(run), model(run)));
      rows.noteAge(row, now);
    }
    assert.deepEqual(rows.outdated(now + 1), []);
    assert.deepEqual(
      rows.outdated(now + 60).map((row) => row.path),
      [recent?.path],
    );
  });

  it('forgets rows that are gone', () => {
    const [first] = a.checkpoints;
    const later = { ...a, checkpoints: a.checkpoints.slice(1) };
    for (const row of childrenOf(runNode(a), model(a))) rows.noteAge(row, 0);
    rows.give(runNode(a), childrenOf(runNode(later), model(later)));
    assert.ok(!rows.outdated(1e12).some((row) => row.path === first?.path));
    assert.equal(rows.outdated(1e12).length, 2);
  });
});
