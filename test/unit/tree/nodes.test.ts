import assert from 'node:assert/strict';
import { childrenOf, checkpointNode, containerOf, runNode, type TreeNode } from '../../../src/features/tree/nodes';
import type { Run } from '../../../src/core/experiment/model';
import { aCheckpoint, aRun } from '../model/builders';

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

  it('puts final first', () => {
    const done = aRun('done', { final: aCheckpoint(600, '/ws/experiments/done', { name: 'final', path: '/f/final' }) });
    assert.equal(childrenOf(runNode(done), [done])[0]?.path, '/f/final');
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
});
