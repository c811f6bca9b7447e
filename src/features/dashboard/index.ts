/** NPT: Open Dashboard, and dashboards that come back after a reload. */
import * as vscode from 'vscode';
import { targetPath, type FeatureDeps } from '../deps';
import { pickRun } from '../pick';
import { DashboardPanel, VIEW_TYPE } from './panel';

/** A run's path in what the page kept with setState. */
function savedRun(state: unknown): string | undefined {
  if (typeof state !== 'object' || state === null || !('run' in state)) return undefined;
  return typeof state.run === 'string' ? state.run : undefined;
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const panels = new Set<DashboardPanel>();

  const adopt = (panel: vscode.WebviewPanel, runPath: string): void => {
    const dashboard = new DashboardPanel(panel, context, deps, runPath);
    panels.add(dashboard);
    panel.onDidDispose(() => {
      panels.delete(dashboard);
      dashboard.dispose();
    });
  };

  context.subscriptions.push(
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
      const open = [...panels].find((panel) => panel.session.runPath === run.path);
      if (open !== undefined) {
        open.reveal();
        return;
      }
      adopt(vscode.window.createWebviewPanel(VIEW_TYPE, run.name, vscode.ViewColumn.Active), run.path);
    }),
    vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, {
      deserializeWebviewPanel: (panel, state: unknown) => {
        const path = savedRun(state);
        if (path === undefined) panel.dispose();
        else adopt(panel, path);
        return Promise.resolve();
      },
    }),
    {
      dispose: () => {
        for (const panel of panels) panel.dispose();
      },
    },
  );
}
