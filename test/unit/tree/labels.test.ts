import assert from 'node:assert/strict';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { runLabel } from '../../../src/features/tree/labels';
import { aRun } from '../model/builders';

function labels(...runs: readonly Run[]): string[] {
  const model = { runs, lineage: new Lineage([{ runs }]) };
  return runs.map((run) => runLabel(run, model));
}

describe('what the tree calls its runs', () => {
  it('tells those apart that stand together', () => {
    const long = (n: number): Run => aRun(`llama1b_r64_lr${n}_bs32_teacher20k_mixed30k_student40k_seed${n}`);
    assert.deepEqual(labels(long(41), long(42), aRun('main')), ['lr41…seed41', 'lr42…seed42', 'main']);
  });

  it('does not say again what the parent says', () => {
    const main = aRun('main');
    const parent = { id: main.id, run: 'main', checkpoint: 'checkpoint-200', step: 200 };
    assert.deepEqual(labels(aRun('main-lr0.001', { parent }), aRun('elsewhere', { parent }), main), [
      '…lr0.001',
      'elsewhere',
      'main',
    ]);
  });
});
