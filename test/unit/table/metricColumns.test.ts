/** Metrics as columns of the table of runs. */
import assert from 'node:assert/strict';
import { cellText, Columns } from '../../../src/core/table/columns';
import { readFilter } from '../../../src/core/table/filter';
import { START_LOOK } from '../../../src/core/table/look';
import { inMetricOrder, metricCells, metricColumns, metricOf, metricsOf } from '../../../src/core/table/metricColumns';
import type { RunRow } from '../../../src/core/table/row';
import { telling, viewOf } from '../../../src/core/table/view';
import { aRun } from '../model/builders';
import { NOON, rowsOf } from './someRows';

const METRICS = inMetricOrder([
  'zeta',
  'throughput/tokens_per_second',
  'eval_loss/total',
  'training/grad_norm',
  'mlp_direct_loss/layer_11',
  'mlp_direct_loss/layer_2',
]);

describe('metrics as columns', () => {
  it('are called and ordered as the dashboard has them, an evaluation with its best', () => {
    assert.deepEqual(
      metricColumns(METRICS).map(({ title, kind, better }) => [title, kind, better]),
      [
        ['eval loss', 'loss', 'low'],
        ['best eval loss', 'loss', 'low'],
        ['grad norm', 'figure', null],
        ['direct MLP loss, layer 2', 'loss', 'low'],
        ['direct MLP loss, layer 11', 'loss', 'low'],
        ['tokens/s', 'rate', null],
        ['zeta', 'figure', null],
      ],
    );
  });

  it('are known by ids that no argument has', () => {
    assert.deepEqual(metricOf('best:eval_loss/total'), { metric: 'eval_loss/total', figure: 'best' });
    assert.deepEqual(metricOf('last:best:odd'), { metric: 'best:odd', figure: 'last' });
    assert.equal(metricOf('loss'), undefined);
    assert.equal(metricOf('--last'), undefined);
    assert.deepEqual(metricsOf(['last:a', 'best:a', 'loss', 'last:b']), ['a', 'b']);
  });

  const { rows, columns: own } = rowsOf([
    aRun('a', { created: NOON - 1, config: { seed: 1 } }),
    aRun('b', { created: NOON - 2, config: { seed: 2 } }),
    aRun('c', { created: NOON - 3, config: { seed: 3 } }),
  ]);
  const columns = new Columns([{ name: 'seed', about: '' }], METRICS);
  const ids = ['last:throughput/tokens_per_second', 'last:training/grad_norm', 'best:eval_loss/total'];
  const figures = [
    [148_210, 0.4, 2.31],
    [1_250, Number.NaN, 2.2],
    [null, null, null],
  ];
  const full = rows.map((row, index): RunRow => {
    const cells = [...row.cells, ...metricColumns(METRICS).map(() => null)];
    const [rate, norm, best] = figures[index] ?? [];
    const found = metricCells(
      ids,
      new Map([
        ['throughput/tokens_per_second', { last: rate ?? null, best: null }],
        ['training/grad_norm', { last: norm ?? null, best: null }],
        ['eval_loss/total', { last: 9, best: best ?? null }],
      ]),
    );
    for (const [at, id] of ids.entries()) cells[columns.placeOf(id)] = found[at] ?? null;
    return { ...row, cells };
  });
  const view = (look: object, filter = '') =>
    viewOf(full, columns, telling(full, columns), {
      look: { ...START_LOOK, ...look },
      filter,
      fallback: '',
      only: null,
      folded: new Set(),
      now: NOON,
    });
  const text = (id: string, at: number): string => {
    const column = columns.find(id);
    return column === undefined ? '' : cellText(column, full[at]?.cells[columns.placeOf(id)] ?? null);
  };

  it('are written as figures, rates and NaN', () => {
    assert.equal(own.all.length + metricColumns(METRICS).length, columns.all.length);
    assert.deepEqual(
      [0, 1, 2].map((at) => ids.map((id) => text(id, at))),
      [
        ['148k', '0.4000', '2.310'],
        ['1,250', 'NaN', '2.200'],
        ['', '', ''],
      ],
    );
  });

  it('stand between what a run is and its arguments; the tokens a second from the beginning, the others when asked for', () => {
    const titles = (look: object): string[] => view(look).columns.map(({ title }) => title);
    assert.deepEqual(titles({}).slice(-2), ['tokens/s', 'seed']);
    assert.deepEqual(titles({ shown: ['best:eval_loss/total'] }).slice(-3), ['best eval loss', 'tokens/s', 'seed']);
  });

  it('sort, filter and have their best marked', () => {
    const shown = view({ shown: ids, sort: [{ column: 'last:throughput/tokens_per_second', descending: true }] });
    assert.deepEqual(
      shown.rows.map(({ name }) => name),
      ['a', 'b', 'c'],
    );
    assert.equal(shown.best.get('best:eval_loss/total'), 2.2);
    const filtered = (filter: string): string[] => view({}, filter).rows.map(({ name }) => name);
    assert.deepEqual(filtered('tokens/s>40k'), ['a']);
    assert.deepEqual(filtered('gradnorm:nan'), ['b']);
    assert.deepEqual(filtered('best_eval_loss<2.3'), ['b']);
    assert.deepEqual(filtered('best_eval_loss/total<2.3'), ['b']);
    assert.deepEqual(readFilter('gradnorm<1 a seed:2', columns, NOON).filter?.columns, [
      'last:training/grad_norm',
      '--seed',
    ]);
  });
});
