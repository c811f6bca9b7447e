/** NPT: Compare Checkpoints. */
import type * as vscode from 'vscode';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  registerCommands(context, deps, {
    'npt.compare': async (named) => (await import('../../onDemand')).compare(deps, named),
  });
}
