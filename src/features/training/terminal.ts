/** Show Terminal: a run's lines as they come, in the terminal that started it or in one that follows it. */
import * as vscode from 'vscode';
import { followWords, isAboutRun } from '../../core/training/launchers';
import { showError } from '../../platform/messages';
import { findPython, needingPython } from '../../platform/python';
import { TaskTextError } from '../../platform/tasks';
import { openTerminal, showTerminalOf } from '../../platform/terminals';
import type { FeatureDeps } from '../deps';
import { chooseRuns, type Named } from '../targets';
import { processOf } from './processOf';

export async function showTerminal(deps: FeatureDeps, named: Named): Promise<void> {
  const runs = await chooseRuns(deps, named, {
    title: vscode.l10n.t('Show Terminal'),
    untrusted: vscode.l10n.t('Following a run starts a process: trust this workspace first.'),
    none: vscode.l10n.t('Nothing is training in this workspace.'),
    accepts: (run) => run.state === 'training',
  });
  for (const run of runs) {
    if (showTerminalOf((words) => isAboutRun(words, run.path))) continue;
    const process = await processOf(run, vscode.l10n.t('{0} is not training.', run.name));
    if (process === undefined) continue;
    await needingPython(async () => {
      const root = deps.workspaces.rootOf(run);
      const words = followWords(process, run.path, deps.starter.supervisor);
      try {
        openTerminal(vscode.l10n.t('follow {0}', run.name), [await findPython(root), ...words], root);
      } catch (error) {
        if (!(error instanceof TaskTextError)) throw error;
        void showError(error.message);
      }
    });
  }
}
