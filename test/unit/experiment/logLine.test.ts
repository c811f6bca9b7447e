import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findLogLine, logLineOf } from '../../../src/core/experiment/logLine';
import type { RunExit } from '../../../src/core/experiment/model';
import { aRun } from '../model/builders';

const LOG =
  'step 1\nTraceback (most recent call last):\n  File "a.py"\nRuntimeError: boom\nerror: boom, at last\nbye\n';

describe('the line of the log that tells how a run ended', () => {
  it('is what the run said last, else its last error, else the last line', () => {
    assert.deepEqual(logLineOf(LOG, 'boom, at last'), { text: 'error: boom, at last', line: 5 });
    assert.deepEqual(logLineOf(LOG, 'not in it'), { text: 'error: boom, at last', line: 5 });
    assert.deepEqual(logLineOf('step 1\nValueError: x\n', 'y'), { text: 'ValueError: x', line: 2 });
    assert.deepEqual(logLineOf(LOG, null), { text: 'bye', line: 6 });
    assert.equal(logLineOf('', 'x'), null);
  });

  describe('on disk', () => {
    let folder = '';
    const exit: RunExit = { why: 'failed', step: 1, segment: 1, signal: null, error: 'boom, at last', time: 1 };
    const run = () => aRun('run', { path: folder, state: 'failed', exit });

    beforeEach(() => {
      folder = mkdtempSync(path.join(os.tmpdir(), 'log-line-'));
    });
    afterEach(() => {
      rmSync(folder, { recursive: true });
    });

    it('has its number; in a long log only where its lines are to be counted', async () => {
      writeFileSync(path.join(folder, 'train.log'), LOG);
      assert.equal((await findLogLine(run()))?.line, 5);
      const lines = 300_000;
      writeFileSync(path.join(folder, 'train.log'), `${'a line of progress\n'.repeat(lines)}${LOG}`);
      assert.deepEqual(await findLogLine(run()), { text: 'error: boom, at last', line: null });
      assert.equal((await findLogLine(run(), true))?.line, lines + 5);
    });

    it('is none where there is no log, or no file', async () => {
      assert.equal(await findLogLine(run(), true), null);
      mkdirSync(path.join(folder, 'train.log'));
      assert.equal(await findLogLine(run(), true), null);
    });
  });
});
