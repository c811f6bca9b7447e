/** Plans as entries of tasks.json. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Plan } from '../../core/training/plan/plan';
import { saveTasks as save, TASKS_FILE } from '../../core/training/plan/saveTasks';
import { taskEntry } from '../../core/training/plan/taskDefinition';
import { TasksFileError } from '../../core/training/plan/tasksFile';
import { showError, showInformation } from '../../platform/messages';
import { isUnsaved } from '../../platform/unsaved';

/** Adds the plans to the workspace folder's tasks.json, and returns when they are there. */
export async function saveTasks(plans: readonly Plan[]): Promise<void> {
  const [first] = plans;
  const folder = first && vscode.workspace.getWorkspaceFolder(vscode.Uri.file(first.cwd));
  if (folder === undefined) {
    void showError(vscode.l10n.t('Tasks are saved in a workspace folder: open {0} as one first.', first?.cwd ?? ''));
    return;
  }
  const file = path.join(folder.uri.fsPath, TASKS_FILE);
  if (await isUnsaved(file)) {
    const message = vscode.l10n.t('{0} has changes that are not saved: save or undo them first.', file);
    offerToOpen(file, (open) => showError(message, open));
    return;
  }
  try {
    await save(folder.uri.fsPath, plans.map(taskEntry));
  } catch (error) {
    if (!(error instanceof TasksFileError)) throw error;
    const { message } = error;
    offerToOpen(file, (open) => showError(message, open));
    return;
  }
  const message =
    plans.length === 1
      ? vscode.l10n.t('The task is in tasks.json: Run Task starts it.')
      : vscode.l10n.t('{0} tasks are in tasks.json: Run Task starts them.', plans.length);
  offerToOpen(file, (open) => showInformation(message, open));
}

/** Nobody waits for a notification to be closed. */
function offerToOpen(file: string, show: (open: string) => Promise<string | undefined>): void {
  const open = vscode.l10n.t('Open tasks.json');
  void show(open).then(async (pressed) => {
    if (pressed === open) await vscode.window.showTextDocument(vscode.Uri.file(file));
  });
}
