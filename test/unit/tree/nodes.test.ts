import assert from 'node:assert/strict';
import {
  childrenOf as childrenIn,
  checkpointNode,
  containerOf as containerIn,
  holderOf,
  isOvertaken,
  runNode,
  type TreeNode,
} from '../../../src/features/tree/nodes';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { aCheckpoint, aRun } from '../model/builders';

const childrenOf = (node: TreeNode | undefined, runs: readonly Run[]): TreeNode[] =>
  childrenIn(node, { runs, lineage: new Lineage([{ runs }]) });
const containerOf = (run: Run, runs: readonly Run[]): TreeNode | undefined =>
  containerIn(run, { lineage: new Lineage([{ runs }]) });
const ids = (nodes: readonly TreeNode[]): string[] => nodes.map((node) => node.id);

function branchOf(parent: Run, name: string, step: number, rest: Partial<Run> = {}): Run {
  return aRun(name, { parent: { id: parent.id, run: parent.name, checkpoint: `checkpoint-${step}`, step }, ...rest });
}

describe('the tree of experiments', () => {
  const main = aRun('main');

  it('lists runs in the order of the model, and their checkpoints newest first', () => {
    const other = aRun('other');
    assert.deepEqual(ids(childrenOf(undefined, [other, main])), [runNode(other).id, runNode(main).id]);
    assert.deepEqual(
      childrenOf(runNode(main), [main]).map((node) => node.path.split('/').at(-1)),
      ['checkpoint-300', 'checkpoint-200', 'checkpoint-100'],
    );
  });

  it('puts final first, unless the run went on after it', () => {
    const final = (step: number): Run['final'] =>
      aCheckpoint(step, '/ws/experiments/done', { name: 'final', path: '/f/final' });
    const names = (run: Run): string[] =>
      childrenOf(runNode(run), [run]).map((node) => node.path.split('/').at(-1) ?? '');
    const newest = ['checkpoint-300', 'checkpoint-200', 'checkpoint-100'];
    assert.deepEqual(names(aRun('done', { final: final(600) })), ['final', ...newest]);
    assert.deepEqual(names(aRun('done', { final: final(300) })), ['final', ...newest]);
    assert.deepEqual(names(aRun('extended', { final: final(200) })), [
      'checkpoint-300',
      'final',
      'checkpoint-200',
      'checkpoint-100',
    ]);
    assert.ok(!isOvertaken(final(300)!, aRun('done')) && isOvertaken(final(299)!, aRun('extended')));
  });

  it('hangs a branch under the checkpoint it left, and nowhere else', () => {
    const branch = branchOf(main, 'main-lr', 200);
    const runs = [branch, main];
    assert.deepEqual(ids(childrenOf(undefined, runs)), [runNode(main).id]);
    const origin = main.checkpoints[1]!;
    assert.deepEqual(ids(childrenOf(checkpointNode(main, origin), runs)).slice(0, 1), [runNode(branch).id]);
    assert.equal(containerOf(branch, runs)?.id, checkpointNode(main, origin).id);
    assert.ok(!ids(childrenOf(runNode(main), runs)).includes(runNode(branch).id));
  });

  it('hangs a branch under the run itself when the checkpoint it left is gone', () => {
    const branch = branchOf(main, 'main-old', 50);
    const runs = [branch, main];
    assert.ok(ids(childrenOf(runNode(main), runs)).includes(runNode(branch).id));
    assert.equal(containerOf(branch, runs)?.id, runNode(main).id);
  });

  it('finds the parent by id, whatever the folders are called now', () => {
    const renamed = aRun('renamed', { id: 'id-main' });
    const branch = branchOf(main, 'child', 100);
    assert.deepEqual(ids(childrenOf(undefined, [branch, renamed])), [runNode(renamed).id]);
  });

  it('shows a branch whose parent is gone at the root', () => {
    const branch = branchOf(main, 'orphan', 100);
    assert.deepEqual(ids(childrenOf(undefined, [branch])), [runNode(branch).id]);
  });

  it('keeps every run visible when parents form a circle', () => {
    const a = aRun('a', { parent: { id: 'id-b', run: 'b', checkpoint: null, step: 100 } });
    const b = aRun('b', { parent: { id: 'id-a', run: 'a', checkpoint: null, step: 100 } });
    assert.deepEqual(ids(childrenOf(undefined, [a, b])).sort(), [runNode(a).id, runNode(b).id]);
  });

  it('lists the files of a checkpoint', () => {
    const [checkpoint] = main.checkpoints;
    const children = childrenOf(checkpointNode(main, checkpoint!), [main]);
    assert.deepEqual(
      children.map((node) => node.kind),
      ['file'],
    );
  });

  describe('of a run with very many checkpoints', () => {
    const path = '/ws/experiments/long';
    const long = (count: number): Run =>
      aRun('long', { checkpoints: Array.from({ length: count }, (_, index) => aCheckpoint((index + 1) * 10, path)) });

    it('shows the newest by themselves and the others in groups: each once, in order, never many at a time', () => {
      for (const count of [1, 100, 199, 200, 201, 5000, 50_000]) {
        const run = long(count);
        const children = childrenOf(runNode(run), [run]);
        assert.ok(children.length <= 1200, `${count}: ${children.length}`);
        const shown = children.flatMap((node) => (node.kind === 'group' ? childrenOf(node, [run]) : [node]));
        assert.deepEqual(
          shown.map((node) => node.path),
          run.checkpoints.map((each) => each.path).reverse(),
        );
        assert.equal(children[0]?.kind, 'checkpoint');
      }
      assert.ok(childrenOf(runNode(long(199)), [long(199)]).every((node) => node.kind === 'checkpoint'));
    });

    it('keeps a group as it is while newer checkpoints come', () => {
      const groups = (count: number): string[][] =>
        childrenOf(runNode(long(count)), [long(count)]).flatMap((node) =>
          node.kind === 'group' ? [[node.id, ...node.checkpoints.map((each) => each.name)]] : [],
        );
      const before = groups(450);
      assert.deepEqual(groups(520).slice(-before.length), before);
    });

    it('knows which group a checkpoint is in', () => {
      const run = long(450);
      for (const child of childrenOf(runNode(run), [run])) {
        const held = child.kind === 'group' ? childrenOf(child, [run]) : [child];
        const holder = child.kind === 'group' ? child.id : runNode(run).id;
        for (const node of held)
          if (node.kind === 'checkpoint') assert.equal(holderOf(run, node.checkpoint).id, holder);
      }
    });
  });
});
