/** Small things one does with a run or a checkpoint: pin, copy the path, open the log. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { PinsError, setPinned } from '../../core/experiment/pins';
import { targetPath, type FeatureDeps } from '../deps';
import { pickCheckpoint, pickRun } from '../pick';

async function pin(deps: FeatureDeps, argument: unknown, pinned: boolean): Promise<void> {
  const target = targetPath(argument);
  const title = pinned ? vscode.l10n.t('Pin Checkpoint') : vscode.l10n.t('Unpin Checkpoint');
  const chosen =
    target === undefined
      ? await pickCheckpoint(deps, title, (checkpoint) => checkpoint.pinned !== pinned && checkpoint.name !== 'final')
      : deps.workspaces.checkpointAt(target);
  if (chosen === undefined) return;
  try {
    await setPinned(chosen.run.path, chosen.checkpoint.name, pinned);
  } catch (error) {
    const reason =
      error instanceof PinsError
        ? error.message
        : vscode.l10n.t('{0} cannot be written: {1}', path.join(chosen.run.path, 'pins.json'), String(error));
    void vscode.window.showErrorMessage(reason);
    return;
  }
  await deps.workspaces.rescan();
}

async function openTrainLog(deps: FeatureDeps, argument: unknown): Promise<void> {
  const target = targetPath(argument);
  const run =
    target === undefined
      ? await pickRun(deps, vscode.l10n.t('Open Training Log'), () => true)
      : deps.workspaces.runAt(target);
  if (run === undefined) return;
  const log = vscode.Uri.file(path.join(run.path, 'train.log'));
  try {
    await vscode.workspace.fs.stat(log);
  } catch {
    void vscode.window.showInformationMessage(vscode.l10n.t('{0} has no train.log.', run.name));
    return;
  }
  await vscode.window.showTextDocument(log, { preview: true });
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  context.subscriptions.push(
    vscode.commands.registerCommand('npt.pin', (argument?: unknown) => pin(deps, argument, true)),
    vscode.commands.registerCommand('npt.unpin', (argument?: unknown) => pin(deps, argument, false)),
    vscode.commands.registerCommand('npt.openTrainLog', (argument?: unknown) => openTrainLog(deps, argument)),
    vscode.commands.registerCommand('npt.copyPath', async (argument?: unknown) => {
      const target =
        targetPath(argument) ?? (await pickCheckpoint(deps, vscode.l10n.t('Copy Path'), () => true))?.checkpoint.path;
      if (target !== undefined) await vscode.env.clipboard.writeText(target);
    }),
    vscode.commands.registerCommand('npt.showLog', () => {
      deps.log.show();
    }),
  );
}
