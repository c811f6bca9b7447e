/** NPT: Show Lineage: who branched from whom. */
import * as vscode from 'vscode';
import { registerAllRunsPage } from '../allRunsPage';
import type { FeatureDeps } from '../deps';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const page = { viewType: 'npt.lineage', command: 'npt.showLineage', title: vscode.l10n.t('Lineage') };
  registerAllRunsPage(context, deps, page, async () => (await import('../../onDemand')).lineages(context, deps));
}
