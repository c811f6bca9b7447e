/**
 * A run outlives what showed it, in the real workbench: after the window was reloaded, after the extension host and after the whole
 * server were killed with SIGKILL, it is adopted, Stop works, and its log has every step once.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { lastStep, points, segments } from '../runHistory';
import { eventually } from '../eventually';
import { newestCheckpoint, readJson } from './journey/disk';
import type { JourneySession } from './journey/session';
import { NAME, openTrained, type TrainedSession } from './trainedSession';

/** What the trainer of the workspace logs. */
const LOGGED_EVERY = 2;
/** However fast the machine is, the training does not come to its end. */
const LONG = [
  ...['--max_steps', '100000', '--curriculum_stages', 'teacher:4,mixed:4:0.5,student:100000'],
  ...['--save_total_limit', '3'],
];
const LIMIT_MS = 300_000;

describe('a run that outlives what showed it', function () {
  this.timeout(4 * LIMIT_MS);
  // Each goes on where the one before it ended.
  this.bail(true);
  let opened: TrainedSession | undefined;
  let session: JourneySession | undefined;
  let starts = 0;

  before(async function () {
    // Processes are found by what Linux says of them.
    if (process.platform !== 'linux') this.skip();
    opened = await openTrained('ui-adopted', LONG);
    ({ session } = opened);
    starts = segments(session.run).length;
  });
  after(() => opened?.close());
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await session?.failureShot();
  });

  const trainerOf = (run: string): number => readJson(path.join(run, 'process.json')).pid as number;

  /** The row says that it trains, and its step goes on: from here on somebody looks who was not there before. */
  async function movesOn({ tree, run }: JourneySession): Promise<void> {
    const from = lastStep(run);
    await eventually('a step that came since', LIMIT_MS, async () => {
      const row = (await tree.rows()).find(({ name }) => name === NAME);
      const step = /([\d,]+) \w+ · .*training/.exec(row?.description ?? '')?.[1]?.replaceAll(',', '');
      return step !== undefined && Number(step) > from ? true : undefined;
    });
  }

  async function resume(now: JourneySession): Promise<number> {
    const { window, tree, run } = now;
    const from = newestCheckpoint(run);
    await window.chooseInContextMenu(tree.row(NAME), 'Resume');
    await eventually('a save after the resume', LIMIT_MS, () => (newestCheckpoint(run) > from ? true : undefined));
    await movesOn(now);
    starts += 1;
    return trainerOf(run);
  }

  /** Stop, from the window: what was trained is saved, and the log has each step once. */
  async function stop({ window, tree, run }: JourneySession): Promise<void> {
    await window.chooseInContextMenu(tree.row(NAME), 'Stop Training');
    await tree
      .row(NAME)
      .getByText(/stopped/)
      .waitFor({ timeout: LIMIT_MS });
    const { why, step } = readJson(path.join(run, 'exit.json'));
    assert.equal(why, 'stopped');
    assert.equal(newestCheckpoint(run), step);
    const logged = [...points(run).keys()].filter((key) => key.startsWith('loss/total '));
    const wanted = Array.from({ length: Math.floor(Number(step) / LOGGED_EVERY) }, (_, at) => (at + 1) * LOGGED_EVERY);
    assert.deepEqual(
      logged.map((key) => Number(key.split(' ')[1])),
      wanted,
    );
    assert.equal(segments(run).length, starts, 'no other trainer came in between');
  }

  for (const [what, happens] of [
    ['the window is reloaded', (now) => now.reload()],
    ['the extension host is killed', (now) => now.killExtensionHost()],
    ['the server is killed and started again', (now) => now.killServer()],
  ] as readonly (readonly [string, (now: JourneySession) => Promise<void>])[]) {
    it(`goes on and is adopted after ${what}; Stop works`, async () => {
      assert.ok(session !== undefined);
      const trainer = await resume(session);
      await happens(session);
      await movesOn(session);
      assert.equal(trainerOf(session.run), trainer, 'it is the same process');
      await stop(session);
    });
  }
});
