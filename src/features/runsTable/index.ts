/** NPT: Show Runs: all runs in a table. */
import * as vscode from 'vscode';
import { registerAllRunsPage } from '../allRunsPage';
import type { FeatureDeps } from '../deps';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const page = { viewType: 'npt.runsTable', command: 'npt.showRuns', title: vscode.l10n.t('Runs') };
  registerAllRunsPage(context, deps, page, async () => (await import('../../onDemand')).runsTables(context, deps));
}
