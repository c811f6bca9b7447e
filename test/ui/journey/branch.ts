/** Right-click an early checkpoint → Branch with New Hyperparameters…: a second run under the first, which trains and is stopped. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../../eventually';
import { checkpointSteps, newestCheckpoint, NOTICED_WITHIN_MS, readJson } from './disk';
import type { JourneySession } from './session';

const LEARNING_RATE = '0.002';
const TRAINS_WITHIN_MS = 300_000;
const STOPS_WITHIN_MS = 300_000;

export async function branchWithLearningRate(session: JourneySession): Promise<void> {
  const { window, tree, shot, run } = session;
  const early = checkpointSteps(run)[0]!;
  await tree.expand(path.basename(run));
  await window.chooseInContextMenu(tree.row(`checkpoint-${early}`), 'Branch with New Hyperparameters…');
  await window.page.getByText(/^Branch from checkpoint-/).waitFor();
  await window.quickInput().fill('learning_rate');
  await shot('branch-arguments');
  await window.pick('learning_rate');
  await window.enter(LEARNING_RATE);
  await window.pick('Review and start');
  const start = window.pickRow(/Start branch /);
  await start.waitFor();
  assert.ok(
    (await window.pickRows()).some((row) => row.includes('learning_rate') && row.includes(`→ ${LEARNING_RATE}`)),
    'the review shows what changes',
  );
  await shot('branch-review');
  const name = /Start branch (\S+)/.exec(await start.innerText())?.[1];
  assert.ok(name !== undefined);
  await start.click();

  const branch = path.join(path.dirname(run), name);
  // Until its trainer has written run.json nothing says where it came from: then it moves under the checkpoint it left,
  // which unfolds by itself.
  const identity = path.join(branch, 'run.json');
  await eventually('run.json of the branch', TRAINS_WITHIN_MS, () => (existsSync(identity) ? true : undefined));
  await eventually('the branch under the checkpoint it left', NOTICED_WITHIN_MS, async () => {
    const rows = await tree.rows();
    const parent = rows.findIndex((row) => row.name === `checkpoint-${early}`);
    const child = rows[parent + 1];
    return child?.name === name && child.level === rows[parent]!.level + 1 ? true : undefined;
  });
  await tree
    .row(name)
    .getByText(/training/)
    .waitFor({ timeout: TRAINS_WITHIN_MS });
  const born = readJson(identity);
  assert.equal((born.parent as { step: number }).step, early);
  assert.deepEqual((born.changed as Record<string, unknown[]>).learning_rate?.[1], Number(LEARNING_RATE));

  await eventually('a checkpoint of the branch', TRAINS_WITHIN_MS, () =>
    checkpointSteps(branch).find((step) => step > early),
  );
  await window.tab(name).waitFor();
  await shot('branch-trains');
  session.branch = branch;
}

/** Stop Training asks the trainer to save: what it leaves validates. */
export async function stopAndValidate({ window, tree, shot, branch }: JourneySession): Promise<void> {
  assert.ok(branch !== undefined, 'there is a branch to stop');
  const name = path.basename(branch);
  await window.chooseInContextMenu(tree.row(name), 'Stop Training');
  await eventually('exit.json of the stopped run', STOPS_WITHIN_MS, () =>
    existsSync(path.join(branch, 'exit.json')) ? true : undefined,
  );
  assert.equal(readJson(path.join(branch, 'exit.json')).why, 'stopped');
  await tree
    .row(name)
    .getByText(/stopped/)
    .waitFor();
  await tree.expand(name);
  const saved = `checkpoint-${newestCheckpoint(branch)}`;
  await window.chooseInContextMenu(tree.row(saved), 'Validate Checkpoint');
  await window.notification(/is valid/).waitFor({ timeout: STOPS_WITHIN_MS });
  await shot('stopped');
  await window.clearNotifications();
}
