/** First look: the sidebar shows the interrupted run and its checkpoints. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { checkpointSteps } from './disk';
import type { JourneySession } from './session';

export async function lookAround({ window, tree, shot, run }: JourneySession): Promise<void> {
  await window.showContainer('NPT');
  const name = path.basename(run);
  await tree.row(name).waitFor();
  await tree.expand(name);
  const steps = checkpointSteps(run);
  await tree.row(`checkpoint-${steps[0]!}`).waitFor();
  const rows = await tree.rows();
  const runRow = rows.find((row) => row.name === name);
  assert.match(runRow!.description, /stopped|interrupted/);
  assert.match(runRow!.description, /mixed/);
  const shown = rows.filter((row) => row.level === 2 && row.name.startsWith('checkpoint-')).map((row) => row.name);
  const onDisk = steps.map((step) => `checkpoint-${step}`).reverse();
  assert.deepEqual(shown.slice(0, onDisk.length), onDisk, 'the newest run shows its checkpoints, newest first');
  await shot('tree');
}
