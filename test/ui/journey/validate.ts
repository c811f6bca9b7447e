/** NPT: Validate Checkpoint from the palette, on a good checkpoint and on one with a flipped byte. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { webviewFrame } from '../../vscode/webview';
import { newestCheckpoint, NOTICED_WITHIN_MS } from './disk';
import type { JourneySession } from './session';

const COMMAND = 'NPT: Validate Checkpoint';
const VERDICT_WITHIN_MS = 300_000;

/** Validates a checkpoint as from the palette; resolves when its verdict is shown. */
export async function validateFromPalette(
  { window }: JourneySession,
  run: string,
  checkpoint: string,
  verdict: RegExp,
): Promise<void> {
  await window.runAndPick(COMMAND, checkpoint, path.basename(run));
  await window.notification(verdict).waitFor({ timeout: VERDICT_WITHIN_MS });
}

/** Opens the report of the validation whose good verdict is shown, and gives its text. */
export async function reportText({ window }: JourneySession): Promise<string> {
  await window
    .notification(/is valid/)
    .getByText('Show Report')
    .click();
  const frame = await webviewFrame(window.page, 'text=npt_weights.pt');
  return frame.locator('body').innerText();
}

/** One byte in the middle of the weights, as a failing disk would have it; sizes and everything else stay. */
function flipByte(file: string): void {
  const bytes = readFileSync(file);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = bytes[middle]! ^ 0x40;
  writeFileSync(file, bytes);
}

export async function validateGoodAndDamaged(session: JourneySession): Promise<void> {
  const { window, tree, shot, run } = session;
  const checkpoint = `checkpoint-${newestCheckpoint(run)}`;
  await validateFromPalette(session, run, checkpoint, /is valid/);
  await shot('valid');
  const good = await reportText(session);
  assert.match(good, /structure, every checksum and every number\./, 'the level where nobody has set one');
  assert.doesNotMatch(good, /NP components/, 'nothing was run');
  await window.closeEditors();
  await window.clearNotifications();

  // The damage is done to a copy: nothing of the run is lost.
  const damagedRun = `${run}-damaged`;
  const copy = path.join(damagedRun, 'checkpoints', checkpoint);
  mkdirSync(path.dirname(copy), { recursive: true });
  try {
    cpSync(path.join(run, 'checkpoints', checkpoint), copy, { recursive: true });
    flipByte(path.join(copy, 'npt_weights.pt'));
    await tree.row(path.basename(damagedRun)).waitFor({ timeout: NOTICED_WITHIN_MS });
    await validateFromPalette(session, damagedRun, checkpoint, /is not valid/);
    const message = await window.notification(/is not valid/).innerText();
    assert.match(message, /npt_weights\.pt/, 'the verdict names the damaged file');
    await shot('damaged');
    await window
      .notification(/is not valid/)
      .getByText('Show Report')
      .click();
    const report = await webviewFrame(window.page, 'text=npt_weights.pt');
    await report
      .getByText(/^Not valid/)
      .first()
      .waitFor();
    await shot('report');
    await window.closeEditors();
  } finally {
    rmSync(damagedRun, { recursive: true, force: true });
  }
  await tree.row(path.basename(damagedRun)).waitFor({ state: 'detached', timeout: NOTICED_WITHIN_MS });
}
