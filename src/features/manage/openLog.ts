/** Opens a run's train.log: at the line that tells why it ended badly, else at its end. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { badEnding } from '../../core/experiment/ending';
import { findLogLine } from '../../core/experiment/logLine';
import { TRAIN_LOG } from '../../core/experiment/runLayout';
import { openAtEnd, openAtLine } from '../../platform/editors';
import { showInformation } from '../../platform/messages';
import type { FeatureDeps } from '../deps';
import { chooseRuns, type Named } from '../targets';

export async function openTrainLog(deps: FeatureDeps, named: Named): Promise<void> {
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
    const line = (badEnding(run) === null ? null : await findLogLine(run, true))?.line ?? null;
    const preview = runs.length === 1;
    if (line === null) await openAtEnd(log, preview);
    else await openAtLine(log, line, preview);
  }
}
