/**
 * The other ways to train, in the real workbench with the real trainer: a new run from a preset, a fine-tuned one, a stage to
 * debug, three values of one argument through the queue. Each with its pictures: what is asked, the review, what comes of it.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../eventually';
import { newestCheckpoint, readJson } from './journey/disk';
import type { JourneySession } from './journey/session';
import { openTrained, type TrainedSession } from './trainedSession';

const LIMIT_MS = 300_000;
/** What is gone on with comes to its end soon. */
const SHORT = ['--max_steps', '5000', '--save_steps', '4', '--generation_steps', '5000'];

describe('every way to train, in the workbench', function () {
  this.timeout(2 * LIMIT_MS);
  this.bail(true);
  let opened: TrainedSession | undefined;
  let session: JourneySession;
  /** The new run. */
  let fresh = '';

  before(async function () {
    opened = await openTrained('ui-train', SHORT);
    ({ session } = opened);
  });
  after(() => opened?.close());
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await opened?.session.failureShot();
  });

  const experiments = (): string => path.dirname(session.run);
  const runs = (): string[] => readdirSync(experiments()).filter((name) => !name.startsWith('.'));
  const argumentsOf = (name: string): Record<string, unknown> =>
    readJson(path.join(experiments(), name, 'config.json'));

  /** The question that has this title is open: the box of the one before closes only then. */
  const asked = (title: RegExp): Promise<void> =>
    session.window.page.locator('.quick-input-widget:visible .quick-input-title').getByText(title).waitFor();

  /** The tree says so of a run. */
  async function shows(name: string, state: string): Promise<void> {
    await session.tree.row(name, state).waitFor({ timeout: LIMIT_MS });
  }

  it('Start New Run: a preset, an argument changed, the devices to choose from, a review, a run that ends', async () => {
    const { window, shot } = session;
    await window.runCommand('NPT: Start New Run…');
    await window.pickRow('demo').waitFor();
    await shot('start-from');
    await window.pick('demo');
    await window.quickInput().fill('max_steps');
    await window.pick('max_steps');
    await window.enter('8');
    await window.pick('Review and start');
    const starts = /Start new run /;
    await window.pickRow(starts).waitFor();
    await shot('start-review');
    await window.quickInput().fill('Launcher');
    await window.pick('Choose Launcher and Devices…');
    await window.pickRow('CPU').waitFor();
    await shot('start-devices');
    await window.pick('CPU');
    await window.pickRow(starts).waitFor();
    const before = runs();
    await window.pickRow(starts).click();
    fresh = await eventually('the new run', LIMIT_MS, () => runs().find((name) => !before.includes(name)));
    await shows(fresh, 'finished');
    assert.equal(argumentsOf(fresh).max_steps, 8);
    await shot('start-finished');
  });

  it('Fine-tune: another learning rate for a few steps more, in the same run', async () => {
    const { window, tree, shot } = session;
    await window.chooseInContextMenu(tree.row(fresh), 'Fine-tune…');
    await asked(/learning_rate \(1\/2\)$/);
    await window.enter('0.0005');
    await asked(/steps \(2\/2\)$/);
    await window.enter('4');
    const starts = window.pickRow(/Start \S+ from step 8/);
    await starts.waitFor();
    await shot('fine-tune-review');
    await starts.click();
    await eventually('twelve steps', LIMIT_MS, () =>
      newestCheckpoint(path.join(experiments(), fresh)) === 12 ? true : undefined,
    );
    await shows(fresh, 'finished');
    const { learning_rate: rate, max_steps: steps } = argumentsOf(fresh);
    assert.deepEqual([rate, steps], [0.0005, 12]);
  });

  it('Debug a Stage: jumps to the student’s for two steps, in a run of its own', async () => {
    const { window, tree, shot } = session;
    await window.chooseInContextMenu(tree.row('checkpoint-8'), 'Debug a Stage…');
    await window.pickRow(/student/).waitFor();
    await shot('debug-stage');
    await window.pickRow(/student/).click();
    await asked(/steps \(2\/2\)$/);
    await window.enter('2');
    const starts = /Start branch /;
    await window.pickRow(starts).waitFor();
    await shot('debug-review');
    const before = runs();
    await window.pickRow(starts).click();
    const made = await eventually('the run', LIMIT_MS, () => runs().find((name) => !before.includes(name)));
    await shows(made, 'finished');
    const parent = readJson(path.join(experiments(), made, 'run.json')).parent as { step: number };
    assert.equal(parent.step, 8);
  });

  it('a sweep: three values are three branches, which train in their turn', async () => {
    const { window, tree, shot } = session;
    await window.chooseInContextMenu(tree.row('checkpoint-8'), 'Branch with New Hyperparameters…');
    await window.quickInput().fill('learning_rate');
    await window.pick('learning_rate');
    await window.enter('log 1e-4..1e-2 x3');
    await window.quickInput().fill('max_steps');
    await window.pick('max_steps');
    await window.enter('40');
    await window.pick('Review and start');
    const starts = /Start 3 runs/;
    await window.pickRow(starts).waitFor();
    await shot('sweep-review');
    const before = runs();
    await window.pickRow(starts).click();
    await eventually('one that trains and two that wait', LIMIT_MS, async () => {
      const rows = await tree.rows();
      const queued = rows.filter(({ description }) => /queued/.test(description)).length;
      return queued === 2 && rows.some(({ description }) => /training/.test(description)) ? true : undefined;
    });
    await shot('sweep-queue');
    const made = await eventually('three runs', LIMIT_MS, () => {
      const found = runs().filter((name) => !before.includes(name));
      return found.length === 3 ? found : undefined;
    });
    for (const name of made) await shows(name, 'finished');
    assert.deepEqual(made.map((name) => argumentsOf(name).learning_rate).sort(), [0.0001, 0.001, 0.01]);
    await shot('sweep-finished');
  });
});
