/** NPT: Open Dashboard, Overlay in One Dashboard, and dashboards that come back after a reload. */
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

  const question = {
    title: vscode.l10n.t('Open Dashboard'),
    none: vscode.l10n.t('There is no run in this workspace yet.'),
    accepts: () => true,
  };
  context.subscriptions.push(panels);
  registerCommands(context, deps, {
    'npt.openDashboard': async (named) => {
      const runs = await chooseRuns(deps, named, question);
      for (const run of runs) (await panels.of(run.name, run.path)).reveal();
    },
    'npt.overlayRuns': async (named) => {
      const [run, ...others] = await chooseRuns(deps, named, question);
      if (run === undefined) return;
      const panel = await panels.of(run.name, run.path);
      panel.overlay(others.map(({ path }) => path));
      panel.reveal();
    },
  });
}
