/** Right-click the newest checkpoint → Resume; the run trains on, through a stage change, to its end. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { webviewFrame } from '../../vscode/webview';
import { eventually } from '../../eventually';
import { checkpointSteps, newestCheckpoint, NOTICED_WITHIN_MS } from './disk';
import type { JourneySession } from './session';

const TRAINS_WITHIN_MS = 300_000;
const ENDS_WITHIN_MS = 600_000;
const MOVES_WITHIN_MS = 300_000;

export async function resumeToTheEnd({ window, tree, shot, run }: JourneySession): Promise<void> {
  const name = path.basename(run);
  const before = newestCheckpoint(run);
  const row = tree.row(`checkpoint-${before}`);
  await window.openContextMenu(row, 'Resume');
  await shot('context-menu');
  await window.page.keyboard.press('Escape');
  await window.chooseInContextMenu(row, 'Resume');

  // The dashboard opens by itself, the launch's terminal does not take half of it …
  await window.tab(name).waitFor({ timeout: TRAINS_WITHIN_MS });
  const dashboard = await webviewFrame(window.page, 'canvas');
  assert.equal(await window.terminal().isVisible(), false);
  // Its pixels, and not a screenshot of it: that would scroll the page.
  const drawn = (): Promise<string> => dashboard.evaluate<string>("document.querySelector('canvas').toDataURL()");
  // Its curve moves.
  const first = await drawn();
  await eventually('a moving loss curve', MOVES_WITHIN_MS, async () => ((await drawn()) === first ? undefined : true));
  await shot('training-on');
  // … but is beside the state, and trains on.
  await dashboard.locator('vscode-button[aria-label="Show Terminal"]').click();
  await window
    .terminal()
    .getByText(/step \d+\/\d+/)
    .first()
    .waitFor({ timeout: TRAINS_WITHIN_MS });
  await shot('terminal');

  // New checkpoints appear in the tree without anybody asking.
  const grown = await eventually('a new checkpoint on disk', TRAINS_WITHIN_MS, () =>
    checkpointSteps(run).find((step) => step > before),
  );
  await tree.row(`checkpoint-${grown}`).waitFor({ timeout: NOTICED_WITHIN_MS });

  await tree
    .row(name)
    .getByText(/student/)
    .waitFor({ timeout: ENDS_WITHIN_MS });
  await dashboard
    .getByText(/student/)
    .first()
    .waitFor();
  await shot('student-stage');

  await tree.row('final').waitFor({ timeout: ENDS_WITHIN_MS });
  assert.ok(existsSync(path.join(run, 'checkpoints/final/npt_weights.pt')));
  await tree.row(name, 'finished').waitFor();
  // The whole dashboard, without the terminal below it.
  await window.runCommand('View: Hide Panel');
  await shot('finished');
}
