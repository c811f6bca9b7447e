/** NPT: Compare Checkpoints from the palette: what changed between two of a run, the optimizer's state included. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { webviewFrame } from '../../vscode/webview';
import { checkpointSteps } from './disk';
import type { JourneySession } from './session';

const COMMAND = 'NPT: Compare Checkpoints';
const COMPARES_WITHIN_MS = 300_000;

export async function compareFirstAndLast({ window, shot, run }: JourneySession): Promise<void> {
  const steps = checkpointSteps(run);
  const [first, last] = [steps[0]!, steps.at(-1)!];
  await window.runCommand(COMMAND);
  // In either order: the earlier one is A.
  for (const [step, title] of [
    [last, 'Compare Checkpoints: Choose the First'],
    [first, `Compare checkpoint-${last} of ${path.basename(run)} With`],
  ] as const) {
    // Both ask in the same widget: its title tells which question is there.
    await window.page.locator('.quick-input-title').getByText(title).waitFor();
    await window.quickInput().fill(`checkpoint-${step}`);
    await window.pick(`checkpoint-${step}`, path.basename(run));
  }
  await window.notification(/tensors.* and the optimizer state differ/).waitFor({
    timeout: COMPARES_WITHIN_MS,
  });
  const frame = await webviewFrame(window.page, 'text=Relative change is the length of');
  const report = await frame.locator('body').innerText();
  assert.match(report, new RegExp(`optimizer\\s+AdamW\\s+the same`));
  assert.match(report, new RegExp(`steps\\s+${first}\\s+${last}\\b`));
  assert.match(report, /Change of exp_avg\s+Change of exp_avg_sq/);
  await window.clearNotifications();
  await shot('comparison');
  await frame.getByRole('heading', { name: 'Optimizer' }).scrollIntoViewIfNeeded();
  await frame.getByRole('heading', { name: 'Tensors' }).scrollIntoViewIfNeeded();
  await shot('comparison-optimizer');
  await window.closeEditors();
}
