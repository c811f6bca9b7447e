/** NPT: Check Environment. */
import * as path from 'node:path';
import type * as vscode from 'vscode';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const asks = path.join(context.extensionPath, 'supervisor', 'npt_environment.py');
  registerCommands(context, deps, {
    'npt.checkEnvironment': async () => (await import('../../onDemand')).showEnvironment(deps, asks),
  });
}
