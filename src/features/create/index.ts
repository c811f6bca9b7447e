/** NPT: Create Training Workspace…: the trainer that ships with the extension, copied into a folder of the user's. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { CreateWorkspaceError, createTrainingWorkspace } from '../../core/training/createWorkspace';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { showError, showInformation } from '../../platform/messages';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const trainer = path.join(context.extensionPath, 'trainer');
  const create = async (): Promise<void> => {
    const [chosen] =
      (await vscode.window.showOpenDialog({
        canSelectFiles: false,
        canSelectFolders: true,
        openLabel: vscode.l10n.t('Create Here'),
        title: vscode.l10n.t('Folder for the training workspace'),
      })) ?? [];
    if (chosen === undefined) return;
    try {
      await createTrainingWorkspace(trainer, chosen.fsPath);
    } catch (error) {
      if (!(error instanceof CreateWorkspaceError)) throw error;
      void showError(error.message);
      return;
    }
    deps.log.info(`created a training workspace in ${chosen.fsPath}`);
    const open = vscode.l10n.t('Open Folder');
    const isOpen = deps.workspaces.all.some((workspace) => workspace.root === chosen.fsPath);
    const message = vscode.l10n.t('The training workspace is in {0}.', chosen.fsPath);
    const answer = isOpen ? await showInformation(message) : await showInformation(message, open);
    if (answer === open) await vscode.commands.executeCommand('vscode.openFolder', chosen);
  };
  registerCommands(context, deps, { 'npt.createWorkspace': create });
}
