import assert from 'node:assert/strict';
import { badEnding } from '../../../src/core/experiment/ending';
import type { Run, RunExit } from '../../../src/core/experiment/model';
import { aRun } from '../model/builders';

function ended(exit: Partial<RunExit> | null, more: Partial<Run> = {}): Run {
  const state = exit?.why === 'failed' ? 'failed' : 'interrupted';
  return aRun('run', {
    state,
    step: 734,
    exit: exit === null ? null : { why: 'failed', step: 734, segment: 1, signal: null, error: null, time: 0, ...exit },
    ...more,
  });
}

describe('how a run ended badly', () => {
  it('is its own error in full, with what helps', () => {
    const error = `the GPU is out of memory: lower --batch_size ${'x'.repeat(500)}`;
    const found = badEnding(ended({ why: 'failed', error }, { checkpoints: [], final: null }));
    assert.equal(found?.title, 'Failed at step 734');
    assert.equal(found.reason, error);
    assert.match(found.advice, /smaller batch_size.*It had saved no complete checkpoint/);
  });

  it('says by whom a run was killed, and how one ended that could say nothing', () => {
    const killed = badEnding(ended({ why: 'killed', signal: 'SIGKILL' }));
    assert.equal(killed?.title, 'Killed by SIGKILL at step 734');
    assert.match(killed.reason, /kernel where memory ran out.*kill -9/);
    assert.match(killed.advice, /^Resume goes on from checkpoint-\d+/);
    assert.match(badEnding(ended({ why: 'killed', signal: 'SIGSEGV' }))?.reason ?? '', /native code/);
    assert.equal(badEnding(ended({ why: 'killed', signal: 'SIGRTMIN' }))?.reason, 'It ended without a save.');
    assert.match(badEnding(ended({ why: 'preempted', signal: 'SIGUSR1' }))?.reason ?? '', /scheduler \(SIGUSR1\)/);
    assert.match(badEnding(ended(null))?.reason ?? '', /left no exit\.json/);
  });

  it('is none of a run that trains, was stopped or is done', () => {
    for (const state of ['training', 'queued', 'stopped', 'finished'] as const)
      assert.equal(badEnding(ended({ why: 'failed', error: 'x' }, { state })), null);
  });
});
