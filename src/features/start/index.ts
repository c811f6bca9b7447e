/** NPT: Start New Run…, Fine-tune…, Debug a Stage… and Re-run… */
import type * as vscode from 'vscode';
import { needingPython } from '../../platform/python';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  registerCommands(context, deps, {
    'npt.startRun': (named) => needingPython(async () => (await import('../../onDemand')).startRun(deps, named)),
    'npt.fineTune': (named) => needingPython(async () => (await import('../../onDemand')).fineTune(deps, named)),
    'npt.debugStage': (named) => needingPython(async () => (await import('../../onDemand')).debugStage(deps, named)),
    'npt.reRun': (named) => needingPython(async () => (await import('../../onDemand')).reRun(deps, named)),
  });
}
