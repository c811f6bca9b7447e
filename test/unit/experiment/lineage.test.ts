import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { aCheckpoint, aRun } from '../model/builders';

const from = (name: string, step: number, id: string | null = `id-${name}`): Run['parent'] => ({
  id,
  run: name,
  checkpoint: `checkpoint-${step}`,
  step,
});

const of = (...runs: readonly Run[]): Lineage => new Lineage([{ runs }]);
const ancestors = (lineage: Lineage, run: Run): [string, number][] =>
  lineage.ancestorsOf(run).map((each) => [each.run.name, each.until]);

describe('lineage', () => {
  it('goes by id, wherever the folder was renamed to', () => {
    const root = aRun('renamed', { id: 'id-root' });
    const child = aRun('child', { parent: from('root', 500) });
    const grandchild = aRun('grandchild', { parent: from('child', 700) });
    const lineage = of(grandchild, child, root);
    assert.deepEqual(ancestors(lineage, grandchild), [
      ['child', 700],
      ['renamed', 500],
    ]);
    assert.deepEqual(lineage.childrenOf(root), [child]);
  });

  it('cuts a grandparent where the line left it, even if the child was left before its own beginning', () => {
    const root = aRun('root');
    const child = aRun('child', { parent: from('root', 500) });
    const grandchild = aRun('grandchild', { parent: from('child', 300) });
    assert.deepEqual(
      ancestors(of(root, child, grandchild), grandchild).map(([, until]) => until),
      [300, 300],
    );
  });

  it('is not caught in a circle: nobody in it has a parent, and a run that left it has one', () => {
    const a = aRun('a', { parent: from('b', 10) });
    const b = aRun('b', { parent: from('c', 20) });
    const c = aRun('c', { parent: from('a', 20) });
    const self = aRun('self', { parent: from('self', 20) });
    const out = aRun('out', { parent: from('b', 100) });
    const lineage = of(a, b, c, self, out);
    for (const run of [a, b, c, self]) assert.equal(lineage.parentOf(run), undefined, run.name);
    assert.deepEqual(ancestors(lineage, out), [['b', 100]]);
  });

  it('does not take another run of the parent’s name for the parent', () => {
    const impostor = aRun('root', { id: 'another' });
    const child = aRun('child', { parent: from('root', 500) });
    assert.equal(of(impostor, child).parentOf(child), undefined);
  });

  it('finds a parent that was recorded without an id by its name, whether or not it has one now', () => {
    for (const id of [null, 'given-later']) {
      const old = aRun('old', { id });
      const branch = aRun('branch', { parent: from('old', 5, null) });
      assert.equal(of(old, branch).parentOf(branch), old, String(id));
    }
  });

  it('finds a parent whose run.json was lost by its name', () => {
    const parent = aRun('root', { id: null });
    const child = aRun('child', { parent: from('root', 500) });
    assert.equal(of(parent, child).parentOf(child), parent);
  });

  it('finds a nested run by its folder’s name where only one has it', () => {
    const nested = (outer: string): Run =>
      aRun(`${outer}/layer_3`, { id: null, path: `/ws/experiments/${outer}/layer_3` });
    const branch = aRun('branch', { parent: from('layer_3', 5, null) });
    const one = nested('one');
    assert.equal(of(one, branch).parentOf(branch), one);
    assert.equal(of(one, nested('two'), branch).parentOf(branch), undefined);
    const named = aRun('branch-2', { parent: from('one/layer_3', 5, null) });
    assert.equal(of(one, nested('two'), named).parentOf(named), one);
  });

  it('stays within a workspace that was copied with the same ids, and reaches into another only where it must', () => {
    const inWorkspace = (root: string): { parent: Run; child: Run } => ({
      parent: aRun('main', { path: `${root}/main` }),
      child: aRun('child', { path: `${root}/child`, parent: from('main', 5) }),
    });
    const one = inWorkspace('/one');
    const two = inWorkspace('/two');
    const lineage = new Lineage([{ runs: [one.child, one.parent] }, { runs: [two.child, two.parent] }]);
    assert.equal(lineage.parentOf(one.child), one.parent);
    assert.equal(lineage.parentOf(two.child), two.parent);
    const apart = new Lineage([{ runs: [two.child] }, { runs: [one.parent] }]);
    assert.equal(apart.parentOf(two.child), one.parent);
    const unnamed = aRun('x', { path: '/two/x', parent: from('main', 5, null) });
    assert.equal(
      new Lineage([{ runs: [unnamed] }, { runs: [one.parent] }]).parentOf(unnamed),
      undefined,
      'another workspace’s run of the same name',
    );
  });

  it('gives branches of a copied folder to the original, which the model lists last', () => {
    const original = aRun('main', { created: 1 });
    const copy = aRun('main-copy', { id: original.id, created: 1 });
    const child = aRun('child', { parent: from('main', 5), created: 2 });
    assert.equal(of(child, copy, original).parentOf(child), original);
  });

  it('knows the checkpoint that a branch left, and those that left one that is gone', () => {
    const final = aCheckpoint(600, '/ws/experiments/main', { name: 'final', path: '/ws/experiments/main/final' });
    const main = aRun('main', { final });
    const at200 = aRun('at200', { parent: from('main', 200) });
    const atFinal = aRun('atFinal', { parent: from('main', 600) });
    const gone = aRun('gone', { parent: from('main', 150) });
    const lineage = of(at200, atFinal, gone, main);
    assert.equal(lineage.originOf(at200), main.checkpoints[1]);
    assert.equal(lineage.originOf(atFinal), final);
    assert.equal(lineage.originOf(gone), undefined);
    assert.deepEqual(lineage.branchesAt(main.checkpoints[1]!), [at200]);
    assert.deepEqual(lineage.detachedFrom(main), [gone]);
  });

  it('ends for any parents that run.json files may name, and shows every run exactly once', () => {
    const parents = fc.array(fc.option(fc.tuple(fc.nat(11), fc.boolean())), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(parents, (named) => {
        const runs = named.map((parent, index) =>
          aRun(`r${index}`, {
            parent: parent === null ? null : from(`r${parent[0]}`, 200, parent[1] ? `id-r${parent[0]}` : null),
          }),
        );
        const lineage = of(...runs);
        const seen: string[] = [];
        const visit = (run: Run): void => {
          seen.push(run.name);
          lineage.childrenOf(run).forEach(visit);
        };
        runs.filter((run) => lineage.parentOf(run) === undefined).forEach(visit);
        assert.deepEqual(seen.sort(), runs.map((run) => run.name).sort());
        for (const run of runs) assert.ok(lineage.ancestorsOf(run).length < runs.length);
      }),
    );
  });
});
