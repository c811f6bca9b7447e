/** Small things one does with a run or a checkpoint: pin, delete, copy the path, open the log. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { FINAL } from '../../core/checkpoint/fileNames';
import { writeFailure } from '../../core/files';
import { PinsError, setPinned } from '../../core/experiment/pins';
import { PINS, TRAIN_LOG } from '../../core/experiment/runLayout';
import { showError, showInformation, showWarning } from '../../platform/messages';
import { openAtEnd } from '../../platform/editors';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoints, chooseRuns, targetPaths, type Named } from '../targets';

async function pin(deps: FeatureDeps, named: Named, pinned: boolean): Promise<void> {
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
      const reason =
        error instanceof PinsError
          ? error.message
          : vscode.l10n.t('{0}: {1}.', path.join(run, PINS), writeFailure(error));
      void showError(reason);
      break;
    }
  }
  await deps.workspaces.rescan('changes');
}

async function openTrainLog(deps: FeatureDeps, named: Named): Promise<void> {
  const runs = await chooseRuns(deps, named, {
    title: vscode.l10n.t('Open Training Log'),
    none: vscode.l10n.t('There is no run in this workspace yet.'),
    accepts: () => true,
  });
  for (const run of runs) {
    const log = vscode.Uri.file(path.join(run.path, TRAIN_LOG));
    try {
      await vscode.workspace.fs.stat(log);
    } catch {
      void showInformation(vscode.l10n.t('{0} has no train.log.', run.name));
      continue;
    }
    await openAtEnd(log, runs.length === 1);
  }
}

/** Any node of the tree has a path; without one, a checkpoint's is asked for. One a line, as a shell takes them. */
async function copyPath(deps: FeatureDeps, named: Named): Promise<void> {
  let paths = targetPaths(named);
  if (paths.length === 0) {
    const chosen = await chooseCheckpoints(deps, named, {
      title: vscode.l10n.t('Copy Path'),
      none: vscode.l10n.t('There is no checkpoint in this workspace yet.'),
      accepts: () => true,
    });
    paths = chosen.map(({ checkpoint }) => checkpoint.path);
  }
  if (paths.length > 0) await vscode.env.clipboard.writeText(paths.join('\n'));
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  registerCommands(context, deps, {
    'npt.pin': (named) => pin(deps, named, true),
    'npt.unpin': (named) => pin(deps, named, false),
    'npt.deleteCheckpoints': async (named) => (await import('../../onDemand')).deleteChosen(deps, named),
    'npt.openTrainLog': (named) => openTrainLog(deps, named),
    'npt.copyPath': (named) => copyPath(deps, named),
    'npt.showLog': () => {
      deps.log.show();
    },
  });
}
