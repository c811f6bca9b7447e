/** NPT: Create Training Workspace…: the trainer that ships with the extension, copied into a folder of the user's. */
import { constants } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';

/** Copies a tree; a file that is already there is the user's, so nothing is copied and its name is returned. */
async function existing(from: string, to: string): Promise<string | undefined> {
  const present = new Set(await readdir(to).catch(() => []));
  return (await readdir(from)).find((name) => present.has(name));
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isFile()) await copyFile(source, target, constants.COPYFILE_EXCL);
  }
}

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
    const taken = await existing(trainer, chosen.fsPath);
    if (taken !== undefined) {
      void vscode.window.showErrorMessage(
        vscode.l10n.t('{0} already has {1}; choose an empty folder. Nothing was copied.', chosen.fsPath, taken),
      );
      return;
    }
    await copyTree(trainer, chosen.fsPath);
    await mkdir(path.join(chosen.fsPath, 'experiments'), { recursive: true });
    deps.log.info(`created a training workspace in ${chosen.fsPath}`);
    const open = vscode.l10n.t('Open Folder');
    const isOpen = deps.workspaces.all.some((workspace) => workspace.root === chosen.fsPath);
    const message = vscode.l10n.t('The training workspace is in {0}.', chosen.fsPath);
    const answer = isOpen
      ? await vscode.window.showInformationMessage(message)
      : await vscode.window.showInformationMessage(message, open);
    if (answer === open) await vscode.commands.executeCommand('vscode.openFolder', chosen);
  };
  registerCommands(context, deps, { 'npt.createWorkspace': create });
}
