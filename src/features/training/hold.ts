/** Hold and Release: a run that waits may be kept from starting. */
import * as vscode from 'vscode';
import { StopError } from '../../core/experiment/runningProcess';
import { holdRun } from '../../core/training/launchers';
import { showError } from '../../platform/messages';
import type { FeatureDeps } from '../deps';
import { chooseRuns, type Named } from '../targets';
import { processOf } from './processOf';

export async function holdJobs(deps: FeatureDeps, named: Named, how: 'hold' | 'release'): Promise<void> {
  const runs = await chooseRuns(deps, named, {
    title: how === 'hold' ? vscode.l10n.t('Hold Job') : vscode.l10n.t('Release Job'),
    untrusted: vscode.l10n.t('A job is held and released by a program: trust this workspace first.'),
    none: vscode.l10n.t('No run of this workspace waits as a job.'),
    accepts: (run) =>
      run.processState?.liveness === 'waiting' && (run.processState.held === true) === (how === 'release'),
  });
  for (const run of runs) {
    const process = await processOf(run, vscode.l10n.t('{0} is not waiting any more.', run.name));
    if (process === undefined) continue;
    try {
      await holdRun(process, how);
      deps.log.info(`${how} ${run.path}: job ${process.job ?? ''}`);
    } catch (error) {
      if (!(error instanceof StopError)) throw error;
      const message =
        how === 'hold'
          ? vscode.l10n.t('{0} could not be held. {1}', run.name, error.message)
          : vscode.l10n.t('{0} could not be released. {1}', run.name, error.message);
      void showError(message);
    }
  }
  if (runs.length > 0) await deps.workspaces.rescan('changes');
}
