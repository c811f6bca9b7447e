import assert from 'node:assert/strict';
import { CheckpointPathError } from '../../../src/core/checkpoint/pathErrors';
import type { ValidationReport } from '../../../src/core/checkpoint/report/report';
import { validateSeveral } from '../../../src/features/validate/several';

const report = (path: string): ValidationReport => ({ path }) as ValidationReport;
const never = new AbortController().signal;

describe('validating several checkpoints', () => {
  it('keeps what the others gave when one is deleted meanwhile, or fails in any other way', async () => {
    const { reports, gone, failed } = await validateSeveral(['a', 'b', 'c', 'd'], never, (path) => {
      if (path === 'b') throw new CheckpointPathError('b is gone');
      return path === 'c' ? Promise.reject(new Error('The worker ended.')) : Promise.resolve(report(path));
    });
    assert.deepEqual(
      reports.map(({ path }) => path),
      ['a', 'd'],
    );
    assert.deepEqual([gone, failed], [['b'], [{ path: 'c', why: 'The worker ended.' }]]);
  });

  it('says what is wrong with a single one', async () => {
    await assert.rejects(
      validateSeveral(['a'], never, () => Promise.reject(new Error('no'))),
      /^Error: no$/,
    );
  });

  for (const ends of ['with an error', 'with a report']) {
    it(`keeps what was done when it is cancelled, ending ${ends}`, async () => {
      const cancel = new AbortController();
      const asked: string[] = [];
      const { reports, gone, failed } = await validateSeveral(['a', 'b', 'c'], cancel.signal, (path) => {
        asked.push(path);
        if (path !== 'b') return Promise.resolve(report(path));
        cancel.abort();
        return ends === 'with an error' ? Promise.reject(new Error('Cancelled.')) : Promise.resolve(report(path));
      });
      assert.deepEqual(asked, ['a', 'b']);
      assert.equal(reports.length, ends === 'with an error' ? 1 : 2);
      assert.deepEqual([...gone, ...failed], []);
    });
  }
});
