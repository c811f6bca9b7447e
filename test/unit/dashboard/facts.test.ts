import assert from 'node:assert/strict';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { differenceOf, factsOf, figure } from '../../../src/features/dashboard/facts';

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
    processState: null,
    exit: null,
    loss: null,
    checkpoints: [],
    final: null,
    ...more,
  };
}

const NO_LINEAGE = new Lineage([]);

describe('what the page is told of a run', () => {
  it('has another number for each configuration, and none where there is none', () => {
    const numberOf = (config: Run['config']): number | null =>
      factsOf(run('x', { config }), NO_LINEAGE, undefined).configuration;
    const one = { seed: 1 };
    assert.equal(numberOf(one), numberOf(one));
    assert.notEqual(numberOf(one), numberOf({ seed: 2 }));
    assert.equal(numberOf(null), null);
  });

  it('says in a few words what was trained', () => {
    const config = { model_name: 'meta-llama/Llama-3.2-1B', train_layers: '3,7', np_rank: 64 };
    assert.equal(factsOf(run('x', { config }), NO_LINEAGE, undefined).subtitle, 'Llama-3.2-1B · layers 3, 7 · rank 64');
    assert.equal(
      factsOf(run('x', { config: { demo_mode: true, train_layers: [1] } }), NO_LINEAGE, undefined).subtitle,
      'demo model · layer 1',
    );
    assert.equal(factsOf(run('x', { config: null }), NO_LINEAGE, undefined).subtitle, '');
  });

  it('lists the arguments that differ, and not where a run is', () => {
    const here = run('a', { config: { learning_rate: 1e-4, seed: 1, output_dir: 'x', layers: [1, 2] } });
    const there = run('b', { config: { learning_rate: 5e-5, seed: 1, output_dir: 'y', layers: [1, 2], np_rank: 8 } });
    assert.deepEqual(differenceOf(here, there, NO_LINEAGE).rows, [
      { name: 'learning_rate', before: '1e-4', after: '5e-5' },
      { name: 'np_rank', before: null, after: '8' },
    ]);
  });

  it('tells what changed from a parent to its branch, whichever is looked at; of others, from the older to the newer', () => {
    const parent = run('p', { config: { learning_rate: 5e-3 }, created: 9 });
    const branch = run('b', {
      config: { learning_rate: 0.05 },
      parent: { id: 'id-p', run: 'p', checkpoint: 'checkpoint-100', step: 100 },
      // A clock that was set back in between.
      created: 5,
    });
    const lineage = new Lineage([{ runs: [branch, parent] }]);
    const rows = [{ name: 'learning_rate', before: '0.005', after: '0.05' }];
    for (const [one, other] of [
      [parent, branch],
      [branch, parent],
    ] as const)
      assert.deepEqual(differenceOf(one, other, lineage), { from: 'p', to: 'b', unknown: [], rows });
    const older = run('o', { config: { learning_rate: 0.1 }, created: 1 });
    for (const [one, other] of [
      [older, parent],
      [parent, older],
    ] as const) {
      const { from, to } = differenceOf(one, other, lineage);
      assert.deepEqual([from, to], ['o', 'p']);
    }
  });

  it('says whose configuration is not there yet, and lists nothing against nothing', () => {
    const here = run('a', { config: null });
    const there = run('b', { config: { learning_rate: 5e-5, seed: 1 }, created: 1 });
    assert.deepEqual(differenceOf(there, here, NO_LINEAGE), { from: 'a', to: 'b', unknown: ['a'], rows: [] });
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
