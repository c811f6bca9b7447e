/** NPT: Show Runs: all runs in a table, in one editor tab that comes back after a reload. */
import * as vscode from 'vscode';
import { RunPanels } from '../../platform/runPanels';
import { ALL_RUNS } from '../../protocol/allRuns';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import type { RunsTablePanel } from './panel';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const panels = new RunPanels<RunsTablePanel>('npt.runsTable', async () =>
    (await import('../../onDemand')).runsTables(context, deps),
  );
  context.subscriptions.push(panels);
  registerCommands(context, deps, {
    'npt.showRuns': async () => {
      (await panels.of(vscode.l10n.t('Runs'), ALL_RUNS)).reveal();
    },
  });
}
