/** NPT: Back Up Checkpoint…, Restore Checkpoint… and Verify Backup…. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import type { BackupCommands } from './commands';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  let made: Promise<BackupCommands> | undefined;
  const commands = (): Promise<BackupCommands> =>
    (made ??= import('../../onDemand').then((onDemand) => {
      const all = new onDemand.BackupCommands(deps, path.join(context.extensionPath, 'dist', 'checkpoint-worker.js'));
      context.subscriptions.push(all);
      return all;
    }));
  registerCommands(context, deps, {
    'npt.backUp': async (named) => (await commands()).backUp(named),
    'npt.restore': async (named) => (await commands()).restore(named),
    'npt.verifyBackup': async (named) => (await commands()).verify(named),
  });
}
