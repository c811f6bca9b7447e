/** NPT: Open Dashboard, and dashboards that come back after a reload. */
import * as vscode from 'vscode';
import { formatAge } from '../../core/format';
import { targetPath, type FeatureDeps } from '../deps';
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
      const run = path === undefined ? await pickRun(deps) : deps.workspaces.runAt(path);
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

async function pickRun(deps: FeatureDeps): Promise<{ path: string; name: string } | undefined> {
  const { runs } = deps.workspaces;
  if (runs.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no training run in this workspace yet.'));
    return undefined;
  }
  if (runs.length === 1) return runs[0];
  const now = Date.now() / 1000;
  const items = runs.map((run) => ({
    label: run.name,
    description: [
      run.state,
      vscode.l10n.t('step {0}', run.step.toLocaleString('en-US')),
      formatAge(run.created, now),
    ].join(' · '),
    run,
  }));
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Open Dashboard'),
    placeHolder: vscode.l10n.t('Which run?'),
    matchOnDescription: true,
  });
  return picked?.run;
}
