import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parsePageMessage } from '../../../src/protocol/dashboard';

const WATCH = {
  type: 'watch',
  request: 1,
  axis: 'step',
  range: [0, 10],
  smoothing: null,
  curves: [{ run: '/a', metric: 'loss/total', smoothing: 0.9, width: 800 }],
};

describe('what the page may send', () => {
  it('is taken field by field', () => {
    assert.deepEqual(parsePageMessage({ ...WATCH, more: 1, curves: [{ ...WATCH.curves[0], more: 2 }] }), WATCH);
    assert.deepEqual(parsePageMessage({ ...WATCH, range: null }), { ...WATCH, range: null });
    assert.deepEqual(parsePageMessage({ type: 'ready', more: 1 }), { type: 'ready' });
    assert.deepEqual(parsePageMessage({ type: 'act', command: 'resume', path: '/a' }), {
      type: 'act',
      command: 'resume',
      path: '/a',
    });
    assert.deepEqual(parsePageMessage({ type: 'focus', run: '/a' }), { type: 'focus', run: '/a' });
    assert.deepEqual(parsePageMessage({ type: 'compare', request: 2, other: '/a' }), {
      type: 'compare',
      request: 2,
      other: '/a',
    });
    assert.deepEqual(parsePageMessage({ type: 'save', format: 'csv', name: 'x', metric: 'm', runs: ['/a'] }), {
      type: 'save',
      format: 'csv',
      name: 'x',
      metric: 'm',
      runs: ['/a'],
    });
    assert.deepEqual(parsePageMessage({ type: 'report', message: 'x' }), { type: 'report', message: 'x' });
  });

  it('is refused where a field is not what it should be', () => {
    const wrong: unknown[] = [
      null,
      'ready',
      [],
      {},
      { type: 'later' },
      { ...WATCH, request: -1 },
      { ...WATCH, axis: 'log' },
      { ...WATCH, range: [10, 0] },
      { ...WATCH, range: [0, Number.NaN] },
      { ...WATCH, range: [0, 1, 2] },
      { ...WATCH, curves: [{ ...WATCH.curves[0], smoothing: 1 }] },
      { ...WATCH, curves: [{ ...WATCH.curves[0], width: 1e9 }] },
      { ...WATCH, curves: [{ ...WATCH.curves[0], run: '' }] },
      { ...WATCH, curves: Array.from({ length: 1000 }, () => WATCH.curves[0]) },
      { type: 'act', command: 'rm', path: '/a' },
      { type: 'act', command: 'constructor', path: '/a' },
      { type: 'act', command: 'stop', path: 7 },
      { type: 'save', format: 'exe', name: 'x', content: 'y' },
      { type: 'save', format: 'csv', name: 'x', metric: 'm', runs: [1] },
      { type: 'report', message: 'x'.repeat(10000) },
    ];
    for (const message of wrong)
      assert.equal(parsePageMessage(message), undefined, JSON.stringify(message).slice(0, 100));
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.constantFrom('watch', 'act', 'save', 'focus', 'compare', 'report'),
        (anything, type) => {
          parsePageMessage(anything);
          if (typeof anything === 'object' && anything !== null) parsePageMessage({ ...anything, type });
        },
      ),
    );
  });
});
