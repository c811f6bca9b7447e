/** Show Terminal: a run's lines as they come, in the terminal that started it or in one that follows it. */
import * as vscode from 'vscode';
import { processIn } from '../../core/experiment/processFolder';
import { followWords } from '../../core/training/launchers';
import { isAboutRun } from '../../core/training/launchers/supervised';
import { showError, showInformation } from '../../platform/messages';
import { findPython, needingPython } from '../../platform/python';
import { TaskTextError } from '../../platform/tasks';
import { openTerminal, showTerminalOf } from '../../platform/terminals';
import type { FeatureDeps } from '../deps';
import { chooseRuns, type Named } from '../targets';

export async function showTerminal(deps: FeatureDeps, named: Named): Promise<void> {
  if (!vscode.workspace.isTrusted) {
    void showError(vscode.l10n.t('Following a run starts a process: trust this workspace first.'));
    return;
  }
  const runs = await chooseRuns(deps, named, {
    title: vscode.l10n.t('Show Terminal'),
    none: vscode.l10n.t('Nothing is training in this workspace.'),
    accepts: (run) => run.state === 'training',
  });
  for (const run of runs) {
    if (showTerminalOf((words) => isAboutRun(words, run.path))) continue;
    const process = await processIn(run.path);
    if (process === null) {
      void showInformation(vscode.l10n.t('{0} is not training.', run.name));
      continue;
    }
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
