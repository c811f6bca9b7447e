/** NPT: Probe Run with the module that ships in the package, and what is said where it is not there. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import path from 'node:path';
import { webviewFrame } from '../../vscode/webview';
import { checkpointSteps, newestCheckpoint } from './disk';
import type { JourneySession } from './session';
import { reportText, validateFromPalette } from './validate';

const COMMAND = 'NPT: Probe Run';
const PROBES_WITHIN_MS = 300_000;
const NARROW = { width: 700, height: 900 };

async function probeFromPalette({ window, tree, run }: JourneySession): Promise<void> {
  const runs = (await tree.rows()).filter(({ level }) => level === 1);
  await window.runCommand(COMMAND);
  // Where there is one run, there is nothing to choose.
  if (runs.length === 1) return;
  await window.quickInput().fill(path.basename(run));
  await window.pick(path.basename(run));
}

export async function probeAndRunForward(session: JourneySession): Promise<void> {
  const { window, shot, run } = session;
  await probeFromPalette(session);
  await window.tab(`Probe of ${path.basename(run)}`).waitFor({ timeout: PROBES_WITHIN_MS });
  const frame = await webviewFrame(window.page, '.probe .card canvas', PROBES_WITHIN_MS);
  // fp32 on the same machine: what ONNX Runtime measures is what PyTorch logged.
  await frame.getByText(/^Similarities equal those that the trainer logged/).waitFor();
  const count = checkpointSteps(run).length;
  assert.match(
    await frame.locator('.headline').innerText(),
    new RegExp(`${count} checkpoints · on the run’s probe.pt`),
  );
  await shot('probe');
  const { page } = window;
  const wide = page.viewportSize();
  assert.ok(wide !== null);
  await shot('probe-high-contrast', ['high-contrast']);
  await page.setViewportSize(NARROW);
  await shot('probe-narrow', ['dark']);
  await page.setViewportSize(wide);
  await window.closeEditors();

  // The deepest level needs what is packaged for this platform alone.
  await session.setSetting('npt.validationLevel', 'forward');
  await validateFromPalette(session, run, `checkpoint-${newestCheckpoint(run)}`, /is valid/);
  const report = await reportText(session);
  assert.match(report, /every number, and the components’ outputs/, 'the report says how deep it looked');
  assert.match(report, /Run on the run’s probe\.pt/);
  assert.doesNotMatch(report, /The forward check was not run/);
  await shot('forward-report');
  await window.closeEditors();
  await window.clearNotifications();
}

/** As on a platform for which there is no ONNX Runtime: its module is not in the installed extension. */
export async function workWithoutTheModule(session: JourneySession): Promise<void> {
  const { window, shot, run, extension } = session;
  const module = path.join(extension, 'dist/node_modules/onnxruntime-node');
  const away = `${module}.away`;
  renameSync(module, away);
  try {
    await session.reload();
    await probeFromPalette(session);
    await window
      .notification(
        `The probe is not available: ONNX Runtime is not packaged for ${process.platform}-${process.arch}. Everything else works`,
      )
      .waitFor({ timeout: PROBES_WITHIN_MS });
    await shot('probe-off');
    await window.clearNotifications();
    // Everything up to the level forward was looked at.
    await validateFromPalette(session, run, `checkpoint-${newestCheckpoint(run)}`, /is valid/);
    assert.match(await reportText(session), /The forward check was not run: ONNX Runtime is not packaged for/);
    await window.closeEditors();
    await window.clearNotifications();
  } finally {
    renameSync(away, module);
  }
  await session.reload();
}
