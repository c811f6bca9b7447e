import assert from 'node:assert/strict';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { RunFilter } from '../../../src/core/table/runFilter';
import { arrangementOf, RUN_ORDERS, type RunOrder, type TreeGrouping } from '../../../src/features/tree/arrangement';
import { runLabel } from '../../../src/features/tree/labels';
import {
  childrenOf,
  checkpointNode,
  containerOf,
  hasChildren,
  type TreeModel,
  type TreeNode,
} from '../../../src/features/tree/nodes';
import { TreeRows } from '../../../src/features/tree/rows';
import { aCheckpoint, aRun } from '../model/builders';

const evaluated = (name: string, evalLoss: number): Run['checkpoints'] => [
  aCheckpoint(100, `/ws/experiments/${name}`, { evalLoss, best: true }),
];

const RUNS = [
  aRun('run10', { step: 5, loss: 1, checkpoints: [] }),
  aRun('run9', { step: 700, loss: 9, checkpoints: evaluated('run9', 2.5) }),
  aRun('b', { step: 50, loss: Number.NaN, checkpoints: [] }),
  aRun('A', { step: 50, loss: 0.5, checkpoints: evaluated('A', 2.25) }),
  aRun('c', { step: 0, loss: null, checkpoints: [] }),
];

function modelOf(runs: readonly Run[], order: RunOrder = 'time', shown: readonly Run[] | null = null): TreeModel {
  const paths = shown === null ? null : new Set(shown.map(({ path }) => path));
  return {
    runs,
    lineage: new Lineage([{ runs }]),
    arrangement: arrangementOf({ order, flat: false, group: null }, paths, null),
  };
}

const names = (nodes: readonly TreeNode[]): string[] => nodes.map((node) => node.path.split('/').at(-1) ?? '');

describe('the arrangement of the tree', () => {
  it('sorts runs that stand beside each other, unknown and NaN at the end, equal ones as they came', () => {
    const orders: Readonly<Record<RunOrder, readonly string[]>> = {
      time: ['run10', 'run9', 'b', 'A', 'c'],
      name: ['A', 'b', 'c', 'run9', 'run10'],
      step: ['run9', 'b', 'A', 'run10', 'c'],
      loss: ['A', 'run9', 'run10', 'b', 'c'],
      size: ['run9', 'A', 'run10', 'b', 'c'],
    };
    for (const order of RUN_ORDERS)
      assert.deepEqual(names(childrenOf(undefined, modelOf(RUNS, order))), orders[order], order);
  });

  it('shows a branch at the root where its parent is filtered out, and below it where it is not', () => {
    const parent = aRun('parent');
    const branch = aRun('branch', {
      parent: { id: parent.id, run: 'parent', checkpoint: 'checkpoint-200', step: 200 },
    });
    const runs = [branch, parent];
    const origin = checkpointNode(parent, parent.checkpoints[1]!);
    const alone = modelOf(runs, 'time', [branch]);
    assert.deepEqual(names(childrenOf(undefined, alone)), ['branch']);
    assert.equal(containerOf(branch, alone), undefined);
    const both = modelOf(runs, 'time', runs);
    assert.deepEqual(names(childrenOf(undefined, both)), ['parent']);
    assert.equal(containerOf(branch, both)?.id, origin.id);
    const without = modelOf(runs, 'time', [parent]);
    assert.ok(!names(childrenOf(origin, without)).includes('branch'));
    const bare = { ...origin, checkpoint: { ...origin.checkpoint, files: [] } };
    assert.deepEqual([hasChildren(bare, both), hasChildren(bare, without)], [true, false]);
  });

  it('redraws what another order, another filter or a changed figure moves, and nothing otherwise', () => {
    const rows = new TreeRows();
    rows.take(modelOf(RUNS), 0);
    assert.deepEqual(rows.take(modelOf(RUNS), 1).all, false);
    assert.equal(rows.take(modelOf(RUNS, 'name'), 2).all, true);
    assert.equal(rows.take(modelOf(RUNS, 'name'), 3).all, false);
    assert.equal(rows.take(modelOf(RUNS, 'name', RUNS.slice(1)), 4).all, true);
    const parent = aRun('parent');
    const branches = ['x', 'y'].map((name, at) =>
      aRun(name, { step: at, parent: { id: parent.id, run: 'parent', checkpoint: 'checkpoint-200', step: 200 } }),
    );
    const below = new TreeRows();
    const before = modelOf([...branches, parent], 'step');
    below.give(undefined, childrenOf(undefined, before));
    for (const node of childrenOf(undefined, before)) below.give(node, childrenOf(node, before));
    below.take(before, 0);
    const overtaken = branches.map((run, at) => ({ ...run, step: 10 - at }));
    const redraw = below.take(modelOf([...overtaken, parent], 'step'), 1);
    assert.deepEqual([redraw.all, names(redraw.rows)], [false, ['checkpoint-200']]);
  });
});

describe('a tree that is grouped or flat', () => {
  const WORDS = { noTag: 'No tag', noDay: 'Day unknown', count: String };
  const tagged = (name: string, tags: readonly string[], rest: Partial<Run> = {}): Run =>
    aRun(name, { ...(tags.length === 0 ? {} : { notes: { tags, summary: '' } }), ...rest });
  const grouped = (by: TreeGrouping, runs: readonly Run[], shown: readonly Run[] | null = null): TreeModel => ({
    runs,
    lineage: new Lineage([{ runs }]),
    arrangement: arrangementOf(
      { order: 'name', flat: false, group: { by, words: WORDS } },
      shown === null ? null : new Set(shown.map(({ path }) => path)),
      null,
    ),
  });
  const outline = (model: TreeModel): string[] =>
    childrenOf(undefined, model).flatMap((node) => [
      node.kind === 'heading' ? `${node.title}:${node.description}` : node.kind,
      ...names(childrenOf(node, model)),
    ]);

  const parent = tagged('parent', ['keep', 'base']);
  const child = tagged('child', ['keep'], {
    parent: { id: parent.id, run: 'parent', checkpoint: 'checkpoint-200', step: 200 },
  });

  it('puts a run under each of its tags, branches beside their parents, what has none last', () => {
    const model = grouped('tag', [tagged('a', []), child, parent]);
    assert.deepEqual(outline(model), ['base:1', 'parent', 'keep:2', 'child', 'parent', 'No tag:1', 'a']);
    assert.deepEqual(outline(grouped('tag', [child, parent], [child])), ['keep:1', 'child']);
    assert.equal(containerOf(child, model), undefined);
    const origin = checkpointNode(parent, parent.checkpoints[1]!);
    assert.deepEqual(names(childrenOf(origin, model)), ['npt_weights.pt']);
  });

  it('has no two rows of one id, and names the rows of a run under each heading', () => {
    const model = grouped('tag', [child, parent]);
    const ids: string[] = [];
    const rows = new TreeRows();
    rows.take(model, 0);
    const visit = (node: TreeNode | undefined): void => {
      const children = childrenOf(node, model);
      rows.give(node, children);
      for (const each of children) {
        ids.push(each.id);
        visit(each);
      }
    };
    visit(undefined);
    assert.equal(new Set(ids).size, ids.length);
    rows.note([parent.path], true);
    const redraw = rows.take(model, 1);
    assert.deepEqual(
      [redraw.all, redraw.rows.map(({ id }) => id)],
      [false, ['base', 'keep'].map((tag) => `run:${parent.path}\ntag:${tag}`)],
    );
  });

  it('redraws a heading whose runs changed, and all where headings came', () => {
    const rows = new TreeRows();
    const before = grouped('tag', [child, parent]);
    rows.take(before, 0);
    rows.give(undefined, childrenOf(undefined, before));
    const untagged = { ...child, notes: { tags: ['base'], summary: '' } };
    const redraw = rows.take(grouped('tag', [untagged, parent]), 1);
    assert.deepEqual([redraw.all, redraw.rows.map(({ id }) => id)], [false, ['tag:base', 'tag:keep']]);
    assert.equal(rows.take(grouped('tag', [{ ...child, notes: { tags: ['new'], summary: '' } }, parent]), 2).all, true);
    assert.equal(rows.take(grouped('day', [child, parent]), 3).all, true);
  });

  it('groups by the day of birth, the newest first', () => {
    const at = (day: number): number => new Date(2026, 10, day, 12).getTime() / 1000;
    const runs = [aRun('x', { created: 0 }), aRun('old', { created: at(3) }), aRun('new', { created: at(26) })];
    assert.deepEqual(outline(grouped('day', runs)), [
      '2026-11-26:1',
      'new',
      '2026-11-03:1',
      'old',
      'Day unknown:1',
      'x',
    ]);
  });

  it('lists branches beside their parents, with their whole names', () => {
    const runs = [aRun('parent-lr', { parent: child.parent }), parent];
    const flat = arrangementOf({ order: 'time', flat: true, group: null }, null, null);
    const model: TreeModel = { runs, lineage: new Lineage([{ runs }]), arrangement: flat };
    assert.deepEqual(names(childrenOf(undefined, model)), ['parent-lr', 'parent']);
    assert.equal(runLabel(runs[0]!, model), 'parent-lr');
    const nested = { ...model, arrangement: arrangementOf({ order: 'time', flat: false, group: null }, null, null) };
    assert.equal(runLabel(runs[0]!, nested), '…lr');
  });
});

describe('the filter of the tree', () => {
  it('is the table’s, finds tags and notes, and says what it cannot read', () => {
    const filter = new RunFilter();
    const runs = [
      aRun('kept', { notes: { tags: ['keep', 'base line'], summary: 'Good Start' }, config: { learning_rate: 1e-5 } }),
      aRun('other', { notes: { tags: ['keeper'], summary: '' }, config: { learning_rate: 1e-4, seed: 3 } }),
      aRun('plain'),
    ];
    const found = (typed: string): string[] => {
      const { runs: passing, problem } = filter.filter(typed, runs, new Lineage([{ runs }]), 0);
      assert.equal(problem, null, typed);
      return passing.map(({ name }) => name);
    };
    assert.deepEqual(found(''), ['kept', 'other', 'plain']);
    assert.deepEqual(found('tag:keep'), ['kept', 'other']);
    assert.deepEqual(found('tag=keep'), ['kept']);
    assert.deepEqual(found('tags="base line"'), ['kept']);
    assert.deepEqual(found('tag:none'), ['plain']);
    assert.deepEqual(found('-tag:keep'), ['plain']);
    assert.deepEqual(found('start'), ['kept']);
    assert.deepEqual(found('keeper'), ['other']);
    assert.deepEqual(found('lr:1e-4 seed:3'), ['other']);
    const { runs: all, problem } = filter.filter('los<2', runs, new Lineage([{ runs }]), 0);
    assert.deepEqual([all.length, problem], [3, 'There is no column “los”. Did you mean loss?']);
  });
});
