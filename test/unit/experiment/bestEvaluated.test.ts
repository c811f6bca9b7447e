import assert from 'node:assert/strict';
import { bestEvaluated, byBestEvaluation } from '../../../src/core/experiment/checkpoints';
import type { Checkpoint } from '../../../src/core/experiment/model';
import { aCheckpoint, aRun } from '../model/builders';

describe('the best evaluation of a run', () => {
  const at = '/ws/experiments/a';
  const best = (...checkpoints: readonly Checkpoint[]): number | undefined =>
    bestEvaluated(aRun('a', { checkpoints }))?.step;

  it('is that of the checkpoint that the run calls its best', () => {
    assert.equal(best(aCheckpoint(1, at, { evalLoss: 2, best: true }), aCheckpoint(2, at, { evalLoss: 1 })), 1);
  });

  it('is the lowest where the run calls none so, or one without an evaluation', () => {
    const found = [aCheckpoint(1, at, { evalLoss: 2 }), aCheckpoint(2, at, { evalLoss: 1 })];
    assert.equal(best(...found), 2);
    for (const evalLoss of [null, Number.NaN, Infinity])
      assert.equal(best(...found, aCheckpoint(3, at, { evalLoss, best: true })), 2);
    assert.equal(best(aCheckpoint(1, at, { evalLoss: Number.NaN }), aCheckpoint(2, at, { evalLoss: null })), undefined);
    const final = aCheckpoint(3, at, { name: 'final', evalLoss: 0.5 });
    assert.equal(bestEvaluated(aRun('a', { checkpoints: found, final }))?.name, 'final');
  });

  it('orders runs, those without one last, equal ones as they came', () => {
    const evaluated = (name: string, evalLoss: number | null): ReturnType<typeof aRun> =>
      aRun(name, { checkpoints: [aCheckpoint(1, `/ws/experiments/${name}`, { evalLoss })] });
    const runs = [
      evaluated('none', null),
      evaluated('b', 2),
      evaluated('nan', Number.NaN),
      evaluated('a', 2),
      evaluated('c', 1),
    ];
    assert.deepEqual(
      byBestEvaluation(runs).map(({ name }) => name),
      ['c', 'b', 'a', 'none', 'nan'],
    );
  });
});
