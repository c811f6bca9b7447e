/** NPT: Branch with New Hyperparameters…, and with a Lower Learning Rate… */
import type * as vscode from 'vscode';
import { needingPython } from '../../platform/python';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  registerCommands(context, deps, {
    'npt.branch': (named) => needingPython(async () => (await import('../../onDemand')).branch(deps, named)),
    'npt.branchWithLowerRate': (named) =>
      needingPython(async () => (await import('../../onDemand')).branchWithLowerRate(deps, named)),
  });
}
