/** NPT: Open Dashboard, and dashboards that come back after a reload. */
import * as vscode from 'vscode';
import { SharedMetrics } from '../../core/metrics/runMetrics';
import { RunPanels } from '../../platform/runPanels';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseRuns } from '../targets';
import { DashboardPanel, VIEW_TYPE } from './panel';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  // One reading of a run's metrics, however many dashboards show it.
  const metrics = new SharedMetrics();
  const panels = new RunPanels(
    VIEW_TYPE,
    (panel, runPath) => new DashboardPanel(panel, context, deps, metrics, runPath),
  );

  context.subscriptions.push(metrics, panels);
  registerCommands(context, deps, {
    'npt.openDashboard': async (named) => {
      const runs = await chooseRuns(deps, named, {
        title: vscode.l10n.t('Open Dashboard'),
        none: vscode.l10n.t('There is no run in this workspace yet.'),
        accepts: () => true,
      });
      for (const run of runs) {
        const open = panels.of(run.path);
        if (open !== undefined) open.reveal();
        else panels.open(run.name, run.path);
      }
    },
  });
}
