/** NPT: Open Dashboard, and dashboards that come back after a reload. */
import * as vscode from 'vscode';
import { RunPanels } from '../../platform/runPanels';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseRuns } from '../targets';
import type { DashboardPanel } from './panel';

const VIEW_TYPE = 'npt.dashboard';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const panels = new RunPanels<DashboardPanel>(VIEW_TYPE, async () =>
    (await import('../../onDemand')).dashboards(context, deps),
  );

  context.subscriptions.push(panels);
  registerCommands(context, deps, {
    'npt.openDashboard': async (named) => {
      const runs = await chooseRuns(deps, named, {
        title: vscode.l10n.t('Open Dashboard'),
        none: vscode.l10n.t('There is no run in this workspace yet.'),
        accepts: () => true,
      });
      for (const run of runs) (await panels.of(run.name, run.path)).reveal();
    },
  });
}
