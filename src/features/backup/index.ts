/** NPT: Back Up Checkpoint…, Restore Checkpoint… and Verify Backup…. */
import type * as vscode from 'vscode';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import type { Named } from '../targets';
import type { BackupCommands } from './commands';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  let made: BackupCommands | undefined;
  const call =
    (command: 'backUp' | 'restore' | 'verify') =>
    async (named: Named): Promise<unknown> => {
      const onDemand = await import('../../onDemand');
      made ??= new onDemand.BackupCommands(context, deps);
      return made[command](named);
    };
  registerCommands(context, deps, {
    'npt.backUp': call('backUp'),
    'npt.restore': call('restore'),
    'npt.verifyBackup': call('verify'),
  });
}
