/** Show Python Stacks: where a run that hangs is, from its own mouth. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { StopError } from '../../core/experiment/runningProcess';
import { TRAIN_LOG } from '../../core/experiment/runLayout';
import { showStacks } from '../../core/training/launchers';
import { showError, showInformation } from '../../platform/messages';
import type { FeatureDeps } from '../deps';
import { chooseRuns, type Named } from '../targets';
import { processOf } from './processOf';

/** Asks runs for the stacks of all their threads, which they write into train.log. */
export async function askForStacks(deps: FeatureDeps, named: Named): Promise<void> {
  const runs = await chooseRuns(deps, named, {
    title: vscode.l10n.t('Show Python Stacks'),
    untrusted: vscode.l10n.t('Asking for stacks signals a process: trust this workspace first.'),
    none: vscode.l10n.t('Nothing is training in this workspace.'),
    accepts: (run) => run.processState?.liveness === 'alive',
  });
  for (const run of runs) {
    const process = await processOf(run, vscode.l10n.t('{0} is not training.', run.name));
    if (process === undefined) continue;
    try {
      await showStacks(process);
    } catch (error) {
      if (!(error instanceof StopError)) throw error;
      void showError(vscode.l10n.t('{0} cannot be asked for its stacks. {1}', run.name, error.message));
      continue;
    }
    deps.log.info(`stacks ${run.path}: asked pid ${process.pid}`);
    void offerLog(run.name, path.join(run.path, TRAIN_LOG), run.path);
  }
}

async function offerLog(name: string, log: string, runPath: string): Promise<void> {
  const open = vscode.l10n.t('Open train.log');
  const answer = await showInformation(
    vscode.l10n.t('{0} writes the stacks of its threads into {1}.', name, log),
    open,
  );
  if (answer === open) await vscode.commands.executeCommand('npt.openTrainLog', runPath);
}
