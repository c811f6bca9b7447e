/** NPT: Show Lineage: who branched from whom, in one editor tab that comes back after a reload. */
import * as vscode from 'vscode';
import { RunPanels } from '../../platform/runPanels';
import { ALL_RUNS } from '../../protocol/allRuns';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import type { LineagePanel } from './panel';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const panels = new RunPanels<LineagePanel>('npt.lineage', async () =>
    (await import('../../onDemand')).lineages(context, deps),
  );
  context.subscriptions.push(panels);
  registerCommands(context, deps, {
    'npt.showLineage': async () => {
      (await panels.of(vscode.l10n.t('Lineage'), ALL_RUNS)).reveal();
    },
  });
}
