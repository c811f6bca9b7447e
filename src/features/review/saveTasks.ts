/** Plans as entries of tasks.json. */
import * as vscode from 'vscode';
import { messageOf } from '../../core/errors';
import type { Plan } from '../../core/training/plan/plan';
import { taskEntry } from '../../core/training/plan/taskDefinition';
import { addTasks } from '../../core/training/plan/tasksFile';
import { showError, showInformation } from '../../platform/messages';

/**
 * Adds the plans to the workspace folder's tasks.json; whatever is in it stays as it is, comments too. What somebody has
 * typed and not saved is theirs: their document is edited then, and left for them to save.
 */
export async function saveTasks(plans: readonly Plan[]): Promise<void> {
  const [first] = plans;
  const folder = first && vscode.workspace.getWorkspaceFolder(vscode.Uri.file(first.cwd));
  if (folder === undefined) {
    void showError(vscode.l10n.t('Tasks are saved in a workspace folder: open {0} as one first.', first?.cwd ?? ''));
    return;
  }
  const file = vscode.Uri.joinPath(folder.uri, '.vscode', 'tasks.json');
  try {
    await vscode.workspace.fs.stat(file);
  } catch {
    await vscode.workspace.fs.writeFile(file, new Uint8Array());
  }
  const document = await vscode.workspace.openTextDocument(file);
  const unsaved = document.isDirty;
  let changed: string;
  try {
    changed = addTasks(document.getText(), plans.map(taskEntry));
  } catch (error) {
    void showError(vscode.l10n.t('{0} cannot be added to: {1}', file.fsPath, messageOf(error)));
    return;
  }
  const edit = new vscode.WorkspaceEdit();
  edit.replace(file, new vscode.Range(0, 0, document.lineCount, 0), changed);
  await vscode.workspace.applyEdit(edit);
  if (!unsaved) await document.save();
  const open = vscode.l10n.t('Open tasks.json');
  const message =
    plans.length === 1
      ? vscode.l10n.t('The task is in tasks.json: Run Task starts it.')
      : vscode.l10n.t('{0} tasks are in tasks.json: Run Task starts them.', plans.length);
  if ((await showInformation(message, open)) === open) await vscode.window.showTextDocument(document);
}
