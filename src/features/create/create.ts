/** NPT: Create Training Workspace…: the trainer that ships with the extension, in a folder of the user's, with its Python. */
import * as vscode from 'vscode';
import { CreateWorkspaceError, createTrainingWorkspace } from '../../core/training/createWorkspace';
import { showError, showInformation } from '../../platform/messages';
import { pick } from '../../platform/picks';
import type { FeatureDeps } from '../deps';
import { choosePython } from '../environment/choosePython';
import { makeEnvironment } from '../environment/makeEnvironment';

export async function createWorkspace(deps: FeatureDeps, trainer: string): Promise<void> {
  const title = vscode.l10n.t('Create Training Workspace');
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
  await offerEnvironment(chosen.fsPath, title);
  const open = vscode.l10n.t('Open Folder');
  const isOpen = deps.workspaces.all.some((workspace) => workspace.root === chosen.fsPath);
  const message = vscode.l10n.t('The training workspace is in {0}.', chosen.fsPath);
  const answer = isOpen ? await showInformation(message) : await showInformation(message, open);
  if (answer === open) await vscode.commands.executeCommand('vscode.openFolder', chosen);
}

/** Making an environment starts Python, and installing takes gigabytes: it is asked for, and can wait. */
async function offerEnvironment(root: string, title: string): Promise<void> {
  if (!vscode.workspace.isTrusted) return;
  const now = {
    label: vscode.l10n.t('Make a Python Environment in It Now…'),
    icon: 'package',
    detail: vscode.l10n.t('.venv, with what requirements.lock lists: torch, transformers and what they need'),
  };
  const later = {
    label: vscode.l10n.t('Use the Python That Is Chosen'),
    icon: 'symbol-misc',
    detail: vscode.l10n.t('NPT: Check Environment says later what it lacks'),
  };
  const picked = await pick([now, later], {
    title,
    placeHolder: vscode.l10n.t('Which Python trains in this workspace?'),
    ignoreFocusOut: true,
  });
  if (picked !== now) return;
  const python = await choosePython(title);
  if (python !== undefined) await makeEnvironment(root, python);
}
