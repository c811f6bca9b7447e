/** NPT: Export Model…, Generate Text…, Evaluate…: what the trainer's programs do with a checkpoint. */
import type * as vscode from 'vscode';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import type { ProgramCommands } from './programs';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const commands = async (): Promise<ProgramCommands> => new (await import('../../onDemand')).ProgramCommands(deps);
  registerCommands(context, deps, {
    'npt.export': async (named) => (await commands()).export(named),
    'npt.generate': async (named) => (await commands()).generate(named),
    'npt.evaluate': async (named) => (await commands()).evaluate(named),
  });
}
