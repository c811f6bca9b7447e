/**
 * The host thread's work for one change of a run in the Experiments view, short of VS Code's own: 5,000 checkpoints in a run,
 * 300 branches of it. usage: tsx tools/bench/tree.ts
 */
import { Lineage } from '../../src/core/experiment/lineage';
import type { Checkpoint, Run } from '../../src/core/experiment/model';
import { childrenOf, hasChildren, type TreeModel, type TreeNode } from '../../src/features/tree/nodes';
import { TreeRows } from '../../src/features/tree/rows';
import { aCheckpoint, aRun } from '../../test/unit/model/builders';

const CHECKPOINTS = 5000;
const BRANCHES = 300;

const checkpoints = (path: string): Checkpoint[] =>
  Array.from({ length: CHECKPOINTS }, (_, index) => aCheckpoint((index + 1) * 10, path));
const main = aRun('main', { state: 'training', checkpoints: checkpoints('/ws/experiments/main') });
const branches = Array.from({ length: BRANCHES }, (_, index): Run => {
  const parent = { id: main.id, run: 'main', checkpoint: null, step: (index * 16 + 5) * 10 };
  return aRun(`branch-${index}`, { parent, checkpoints: [] });
});

let items = 0;

/** What VS Code asks for: a row's children and whether each has some. */
function show(rows: TreeRows, model: TreeModel, node: TreeNode | undefined): TreeNode[] {
  const children = childrenOf(node, model);
  rows.give(node, children);
  for (const child of children) hasChildren(child, model);
  items += children.length;
  return children;
}

function change(rows: TreeRows, run: Run): number {
  const began = performance.now();
  const runs = [...branches, run];
  const model = { runs, lineage: new Lineage([{ runs }]) };
  rows.note([run.path]);
  const { all, rows: due } = rows.take(model, performance.now());
  for (const node of all ? show(rows, model, undefined) : due) show(rows, model, node);
  return performance.now() - began;
}

const rows = new TreeRows();
change(rows, main);
items = 0;
const times = Array.from({ length: 21 }, (_, index) => {
  const saved = aCheckpoint((CHECKPOINTS + index + 1) * 10, main.path);
  return change(rows, { ...main, checkpoints: [...main.checkpoints, saved] });
});
times.sort((a, b) => a - b);
process.stdout.write(
  `a new checkpoint beside ${CHECKPOINTS} and ${BRANCHES} branches: ${(times[10] ?? NaN).toFixed(2)} ms ` +
    `(worst of 21: ${(times[20] ?? NaN).toFixed(2)}), ${Math.round(items / 21)} rows\n`,
);
