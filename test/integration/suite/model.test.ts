import assert from 'node:assert/strict';
import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { activated, mainRun, modelShows } from './extension';

/** How soon is for test/unit's watch tests: here other work may hold the cores. */
const LIVE_MS = 180_000;

describe('the model of the workspace', () => {
  it('has the run on disk with its checkpoints and their stages', async () => {
    const api = await activated();
    const run = api.workspaces.runs.find((candidate) => candidate.path === mainRun());
    assert.ok(run);
    assert.equal(run.name, 'main');
    assert.equal(run.state, 'stopped');
    assert.equal(run.maxSteps, 5000);
    const onDisk = readdirSync(path.join(mainRun(), 'checkpoints'))
      .filter((name) => /^checkpoint-\d+$/.test(name))
      .sort((a, b) => Number(a.slice(11)) - Number(b.slice(11)));
    assert.deepEqual(
      run.checkpoints.map((checkpoint) => checkpoint.name),
      onDisk,
    );
    assert.ok(run.checkpoints.every((checkpoint) => checkpoint.state === 'complete'));
    // The curriculum's ends are exclusive: step 4 is the first of the mixed stage, step 8 of the student's.
    assert.deepEqual(
      run.checkpoints.slice(0, 2).map((checkpoint) => [checkpoint.step, checkpoint.stage]),
      [
        [4, 'mixed'],
        [8, 'student'],
      ],
    );
  });

  it('shows a checkpoint that appears, and drops it when it goes', async () => {
    const api = await activated();
    const checkpoints = path.join(mainRun(), 'checkpoints');
    const draft = path.join(checkpoints, '.tmp-checkpoint-6-test-1');
    const target = path.join(checkpoints, 'checkpoint-6');
    cpSync(path.join(checkpoints, 'checkpoint-8'), draft, { recursive: true });
    const has = (runs: Parameters<Parameters<typeof modelShows>[3]>[0]): boolean =>
      runs.some((run) => run.checkpoints.some((checkpoint) => checkpoint.path === target));
    try {
      renameSync(draft, target);
      await modelShows(api, 'the new checkpoint', LIVE_MS, (runs) => (has(runs) ? true : undefined));
    } finally {
      rmSync(draft, { recursive: true, force: true });
      rmSync(target, { recursive: true, force: true });
    }
    await modelShows(api, 'that it is gone', LIVE_MS, (runs) => (has(runs) ? undefined : true));
  });
});
