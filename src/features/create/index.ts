/** NPT: Create Training Workspace…. */
import * as path from 'node:path';
import type * as vscode from 'vscode';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const trainer = path.join(context.extensionPath, 'trainer');
  registerCommands(context, deps, {
    'npt.createWorkspace': async () => (await import('../../onDemand')).createWorkspace(deps, trainer),
  });
}
