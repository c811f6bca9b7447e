/** The model while the clock is set back, and with what was kept before it was; clock.test.ts and clocks.test.ts have the rest. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { openKeptScan } from '../../../../src/core/experiment/keptScan';
import { FixtureWorkspace, metricsLine } from '../fixtureWorkspace';
import { LIMIT_MS, Shown } from './shown';

const HOUR_MS = 3_600_000;

describe('a model while the clock is set back', function () {
  this.timeout(4 * LIMIT_MS);
  let ws: FixtureWorkspace;
  let shown: Shown | undefined;
  const { now } = Date;
  /** What this process takes the time for, beside what the disk writes. */
  const setClock = (ms: number): void => {
    Date.now = () => now() + ms;
  };
  /** As files that are written by the clock that this process has. */
  const dateLikeClock = (folder: string): void => {
    const time = Date.now() / 1000;
    for (const name of fs.readdirSync(folder)) fs.utimesSync(path.join(folder, name), time, time);
    fs.utimesSync(folder, time, time);
  };

  beforeEach(() => {
    ws = new FixtureWorkspace();
    ws.run('a');
    ws.checkpoint('a', 50);
    ws.write('other/training_log.jsonl', '{"step": 5, "total_loss": 1}\n');
    for (const name of ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt', 'config.json'])
      ws.write(`other/checkpoints/checkpoint-10/${name}`, name === 'config.json' ? '{}' : 'content');
  });
  afterEach(() => {
    Date.now = now;
    shown?.watcher.dispose();
    shown = undefined;
    ws.remove();
  });

  it('is the disk, by the new clock, and says which runs have files of the future', async () => {
    shown = new Shown(ws.root);
    await shown.isTheDisk();
    assert.equal(shown.problems.length, 0);
    setClock(-HOUR_MS);
    await shown.due();
    await shown.isTheDisk();
    assert.deepEqual(
      shown.problems.map(([where, message]) => [where, message.replace(/\(.*\)/, '(…)')]),
      [['other', 'has files dated in the future (…), by a wrong clock: how old they are is not known']],
    );
    assert.deepEqual(
      shown.workspace.runs.flatMap(({ name, checkpoints }) => checkpoints.map(({ state }) => [name, state])).sort(),
      [
        ['a', 'complete'],
        ['other', 'complete'],
      ],
    );
    // What is saved from now on is an hour older than what was before.
    dateLikeClock(ws.checkpoint('a', 100));
    await shown.isTheDisk();
    dateLikeClock(path.dirname(ws.checkpoint('a', 150)));
    ws.metrics('a', [metricsLine(160, 0.5)]);
    await shown.due();
    await shown.isTheDisk();
    assert.deepEqual(
      shown.run('a')?.checkpoints.map(({ step }) => step),
      [50, 100, 150],
    );
    assert.equal(shown.run('a')?.step, 160);
    fs.rmSync(path.join(ws.experiments, 'a/checkpoints/checkpoint-50'), { recursive: true });
    await shown.isTheDisk();
    // And the clock is right again.
    setClock(0);
    await shown.due();
    await shown.isTheDisk();
    assert.deepEqual(shown.problems, []);
  });

  it('takes over nothing wrong of what was kept in what is now the future', async () => {
    const cache = path.join(ws.root, 'cache');
    const keep = (experiments: string): ReturnType<typeof openKeptScan> =>
      openKeptScan(experiments, { cache, fewest: 1 });
    const kept = (): boolean => fs.existsSync(cache) && fs.readdirSync(cache).length > 0;
    setClock(2 * HOUR_MS);
    const first = new Shown(ws.root, { keep });
    try {
      await first.watcher.rescan('folders');
      await first.isTheDisk();
      while (!kept()) await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      first.watcher.dispose();
    }
    for (const name of fs.readdirSync(cache))
      fs.utimesSync(path.join(cache, name), Date.now() / 1000, Date.now() / 1000);
    setClock(0);
    // One was damaged since in place of another, one is as it was.
    const damaged = path.join(ws.experiments, 'a/checkpoints/checkpoint-50/npt_weights.pt');
    fs.rmSync(damaged);
    ws.checkpoint('a', 60);
    shown = new Shown(ws.root, { keep });
    await shown.watcher.rescan('folders');
    await shown.isTheDisk();
    assert.deepEqual(
      shown.run('a')?.checkpoints.map(({ state }) => state),
      ['broken', 'complete'],
    );
  });
});
