import assert from 'node:assert/strict';
import { aCheckpoint, aRun } from '../model/builders';
import { cellIn, NOON, rowsOf } from './someRows';

describe('a run as a row', () => {
  it('has what it is and has come to', () => {
    const parent = aRun('parent', { created: NOON - 9000, checkpoints: [] });
    const path = '/ws/experiments/child';
    const child = aRun('child', {
      state: 'failed',
      created: NOON - 7200,
      parent: { id: 'id-parent', run: 'parent', checkpoint: 'checkpoint-100', step: 100 },
      checkpoints: [
        aCheckpoint(100, path, { evalLoss: 2.4 }),
        aCheckpoint(200, path, { evalLoss: 2.1 }),
        aCheckpoint(300, path, { evalLoss: 2.2, state: 'broken' }),
      ],
      exit: { why: 'failed', step: 300, segment: 1, signal: null, error: 'out of memory', time: NOON - 3600 },
    });
    const table = rowsOf([parent, child]);
    const [row] = table.rows;
    const cell = (column: string): unknown => cellIn(table, row, column);
    assert.equal(row?.name, 'child');
    assert.equal(row.parentPath, parent.path);
    assert.equal(row.checkpoint, `${path}/checkpoints/checkpoint-200`);
    assert.deepEqual(
      ['state', 'stage', 'step', 'done', 'loss', 'eval', 'best', 'best_step', 'duration', 'parent', 'origin'].map(cell),
      ['failed', 'mixed', 300, 0.5, 2.5, 2.2, 2.1, 200, 3600, 'parent', 100],
    );
    assert.deepEqual(['checkpoint_count', 'size', 'error'].map(cell), [3, 3000, 'out of memory']);
  });

  it('counts the time of one that trains until now, and of one that was interrupted until its newest checkpoint', () => {
    const training = rowsOf([aRun('a', { state: 'training', created: NOON - 60 })]);
    assert.equal(cellIn(training, training.rows[0], 'duration'), 60);
    const path = '/ws/experiments/b';
    const interrupted = rowsOf([
      aRun('b', { created: NOON - 100, checkpoints: [aCheckpoint(1, path, { time: NOON - 40 })] }),
    ]);
    assert.equal(cellIn(interrupted, interrupted.rows[0], 'duration'), 60);
    const undated = rowsOf([aRun('c', { created: 0, checkpoints: [] })]);
    assert.deepEqual(
      ['duration', 'started'].map((column) => cellIn(undated, undated.rows[0], column)),
      [null, null],
    );
  });

  it('has a cell for each argument that any run names, but for where a run is and what it is called', () => {
    const table = rowsOf([
      aRun('a', {
        created: 2,
        config: { seed: 1, layers: [11, 12], output_dir: '/x', fp16: false, empty: '', no: null },
      }),
      aRun('b', { created: 1, config: { learning_rate: 1e-5, seed: 2, odd: Number.NaN } }),
    ]);
    const named = table.columns.all.filter(({ id }) => id.startsWith('--')).map(({ title }) => title);
    assert.deepEqual(named, ['seed', 'layers', 'fp16', 'empty', 'no', 'learning_rate', 'odd']);
    const cells = (index: number): unknown[] => named.map((name) => cellIn(table, table.rows[index], `--${name}`));
    assert.deepEqual(cells(0), [1, '11,12', 'false', 'none', 'none', null, null]);
    assert.deepEqual(cells(1), [2, null, null, null, null, 1e-5, 'NaN']);
  });

  it('takes `final` for its newest checkpoint only where no other has come further', () => {
    const path = '/ws/experiments/a';
    const final = aCheckpoint(200, path, { name: 'final', path: `${path}/final` });
    const checkpoint = (steps: readonly number[]): string | null | undefined =>
      rowsOf([aRun('a', { final, checkpoints: steps.map((step) => aCheckpoint(step, path)) })]).rows[0]?.checkpoint;
    assert.equal(checkpoint([100]), `${path}/final`);
    assert.equal(checkpoint([100, 300]), `${path}/checkpoints/checkpoint-300`);
  });
});
