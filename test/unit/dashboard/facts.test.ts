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
    assert.deepEqual(differenceOf(here, there), [
      { name: 'learning_rate', here: '1e-4', there: '5e-5' },
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
