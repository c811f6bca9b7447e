import assert from 'node:assert/strict';
import { lastLogged } from '../../../src/core/experiment/lastLogged';
import { ours } from '../../../src/core/metrics/sources/ours';

describe('the end of a metrics file', () => {
  const metrics = (step: number, values: object = { 'loss/total': 1 / step }): object => ({
    ...{ event: 'metrics', segment: 1, step, time: step },
    metrics: values,
  });
  const text = (...lines: readonly (object | string)[]): string =>
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n') + '\n';
  const said = (...lines: readonly (object | string)[]): unknown => {
    const { step, loss, end } = lastLogged(text(...lines), ours);
    return [step, loss, end];
  };

  it('says the last step, and the loss of the last line that has one', () => {
    assert.deepEqual(said(metrics(1), metrics(2)), [2, 0.5, null]);
    assert.deepEqual(said(metrics(2), metrics(3, { 'eval/kl': 1 })), [3, 0.5, null]);
    assert.deepEqual(said(metrics(2), { event: 'stage', step: 4, stage: 'mixed' }, '{"torn'), [4, 0.5, null]);
    assert.deepEqual(said(), [null, null, null]);
  });

  it('goes back to the checkpoint of a resume', () => {
    assert.deepEqual(said(metrics(8), { event: 'start', segment: 2, resume_step: 4 }), [4, 0.125, null]);
    assert.deepEqual(said(metrics(8), { event: 'start', segment: 2, resume_step: 4 }, metrics(5)), [5, 0.2, null]);
  });

  it('says how it ended, unless something followed', () => {
    const end = { event: 'end', why: 'stopped', step: 9 };
    assert.deepEqual(said(metrics(8), end), [9, 0.125, 'stopped']);
    assert.deepEqual(said(metrics(8), { event: 'end', why: 'done' }), [8, 0.125, 'done']);
    assert.deepEqual(said(metrics(8), end, { event: 'start', segment: 2, resume_step: 8 }), [8, 0.125, null]);
    assert.deepEqual(said(end, metrics(10)), [10, 0.1, null]);
  });

  it('is read only as far back as something is not known yet', () => {
    let parsed = 0;
    const counting = { ...ours, parseLine: (line: string) => ((parsed += 1), ours.parseLine(line)) };
    const lines = Array.from({ length: 1000 }, (_, index) => metrics(index + 1));
    assert.equal(lastLogged(text(...lines), counting).step, 1000);
    assert.equal(parsed, 1);
  });
});
