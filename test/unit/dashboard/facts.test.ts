import assert from 'node:assert/strict';
import type { Run } from '../../../src/core/experiment/model';
import { ancestorsOf, differenceOf, factsOf, figure } from '../../../src/features/dashboard/facts';

function run(name: string, more: Partial<Run> = {}): Run {
  return {
    name,
    id: `id-${name}`,
    path: `/experiments/${name}`,
    state: 'stopped',
    step: 100,
    maxSteps: 1000,
    stage: null,
    created: 0,
    parent: null,
    config: {},
    curriculum: null,
    process: null,
    exit: null,
    loss: null,
    checkpoints: [],
    final: null,
    ...more,
  };
}

const from = (name: string, step: number, id: string | null = `id-${name}`): Run['parent'] => ({
  id,
  run: name,
  checkpoint: `checkpoint-${step}`,
  step,
});

describe('what the page is told of a run', () => {
  it('finds ancestors by id, wherever the folder was renamed to', () => {
    const root = run('renamed', { id: 'id-root' });
    const child = run('child', { parent: from('root', 500) });
    const grandchild = run('grandchild', { parent: from('child', 700) });
    const runs = [grandchild, child, root];
    assert.deepEqual(
      ancestorsOf(grandchild, runs).map((each) => [each.run.name, each.until]),
      [
        ['child', 700],
        ['renamed', 500],
      ],
    );
    assert.equal(factsOf(child, runs, undefined).parentPath, '/experiments/renamed');
  });

  it('cuts a grandparent where the line left it, even if the child was left before its own beginning', () => {
    const root = run('root');
    const child = run('child', { parent: from('root', 500) });
    const grandchild = run('grandchild', { parent: from('child', 300) });
    assert.deepEqual(
      ancestorsOf(grandchild, [root, child, grandchild]).map((each) => each.until),
      [300, 300],
    );
  });

  it('is not caught in a circle of parents', () => {
    const a = run('a', { parent: from('b', 10) });
    const b = run('b', { parent: from('a', 20) });
    assert.deepEqual(
      ancestorsOf(a, [a, b]).map((each) => each.run.name),
      ['b'],
    );
  });

  it('does not take another run of the parent’s name for the parent', () => {
    const impostor = run('root', { id: 'another' });
    const child = run('child', { parent: from('root', 500) });
    assert.deepEqual(ancestorsOf(child, [impostor, child]), []);
    const dialect = run('old', { id: null });
    const branch = run('branch', { parent: from('old', 5, null) });
    assert.deepEqual(
      ancestorsOf(branch, [dialect, branch]).map((each) => each.run.name),
      ['old'],
    );
  });

  it('says in a few words what was trained', () => {
    const config = { model_name: 'meta-llama/Llama-3.2-1B', train_layers: '3,7', np_rank: 64 };
    assert.equal(factsOf(run('x', { config }), [], undefined).subtitle, 'Llama-3.2-1B · layers 3, 7 · rank 64');
    assert.equal(
      factsOf(run('x', { config: { demo_mode: true, train_layers: [1] } }), [], undefined).subtitle,
      'demo model · layer 1',
    );
    assert.equal(factsOf(run('x', { config: null }), [], undefined).subtitle, '');
  });

  it('lists the arguments that differ, and not where a run is', () => {
    const here = run('a', { config: { learning_rate: 1e-4, seed: 1, output_dir: 'x', layers: [1, 2] } });
    const there = run('b', { config: { learning_rate: 5e-5, seed: 1, output_dir: 'y', layers: [1, 2], np_rank: 8 } });
    assert.deepEqual(differenceOf(here, there).rows, [
      { name: 'learning_rate', here: '0.0001', there: '0.00005' },
      { name: 'np_rank', here: null, there: '8' },
    ]);
  });

  it('carries a NaN through JSON', () => {
    assert.deepEqual(JSON.parse(JSON.stringify([Number.NaN, Number.NEGATIVE_INFINITY, 1.5, undefined].map(figure))), [
      'NaN',
      '-Infinity',
      1.5,
      null,
    ]);
  });
});
