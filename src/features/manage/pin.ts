/** Pins checkpoints: what is pinned is never deleted by a limit. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { FINAL } from '../../core/checkpoint/fileNames';
import { setPinned } from '../../core/experiment/pins';
import { PINS } from '../../core/experiment/runLayout';
import { noteFailure } from '../../core/experiment/runNotes';
import { showError, showWarning } from '../../platform/messages';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoints, type Named } from '../targets';

export async function pin(deps: FeatureDeps, named: Named, pinned: boolean): Promise<void> {
  const chosen = await chooseCheckpoints(deps, named, {
    title: pinned ? vscode.l10n.t('Pin Checkpoint') : vscode.l10n.t('Unpin Checkpoint'),
    none: pinned
      ? vscode.l10n.t('There is no checkpoint to pin in this workspace.')
      : vscode.l10n.t('No checkpoint in this workspace is pinned.'),
    accepts: (checkpoint) => checkpoint.pinned !== pinned && checkpoint.name !== FINAL,
  });
  const ofRun = new Map<string, string[]>();
  for (const { run, checkpoint } of chosen) {
    // `final` is replaced, never deleted: there is nothing to keep it from.
    if (checkpoint.name !== FINAL) ofRun.set(run.path, [...(ofRun.get(run.path) ?? []), checkpoint.name]);
  }
  for (const [run, checkpoints] of ofRun) {
    try {
      const damaged = await setPinned(run, checkpoints, pinned);
      if (damaged !== null) {
        void showWarning(
          vscode.l10n.t(
            'pins.json of {0} {1}: earlier pins are lost. It was made anew, and what was there is now {2}.',
            path.basename(run),
            damaged.reason,
            damaged.aside,
          ),
        );
      }
    } catch (error) {
      void showError(noteFailure(path.join(run, PINS), error));
      break;
    }
  }
  await deps.workspaces.rescan('changes');
}
