/** NPT: Open Dashboard, and dashboards that come back after a reload. */
import * as vscode from 'vscode';
import { RunPanels } from '../../platform/runPanels';
import { targetPath, type FeatureDeps } from '../deps';
import { pickRun } from '../pick';
import { DashboardPanel, VIEW_TYPE } from './panel';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const panels = new RunPanels(VIEW_TYPE, (panel, runPath) => new DashboardPanel(panel, context, deps, runPath));

  context.subscriptions.push(
    panels,
    vscode.commands.registerCommand('npt.openDashboard', async (argument?: unknown) => {
      await deps.workspaces.ready();
      const path = targetPath(argument);
      // A run that was born a moment ago may not have been seen yet.
      if (path !== undefined && deps.workspaces.runAt(path) === undefined) await deps.workspaces.rescan();
      const run =
        path === undefined
          ? await pickRun(deps, vscode.l10n.t('Open Dashboard'), () => true)
          : deps.workspaces.runAt(path);
      if (run === undefined) {
        if (path !== undefined)
          void vscode.window.showWarningMessage(vscode.l10n.t('There is no training run at {0}.', path));
        return;
      }
      const open = panels.of(run.path);
      if (open !== undefined) open.reveal();
      else panels.open(run.name, run.path);
    }),
  );
}
