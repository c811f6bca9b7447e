/** The panel of the workspace's lineage: its page, and the session that speaks with it. */
import * as vscode from 'vscode';
import type { TakesPanel } from '../../platform/runPanels';
import { entitle, showPage } from '../../platform/webviewPage';
import type { LaneCommand } from '../../protocol/lineage';
import type { FeatureDeps } from '../deps';
import { SessionPanel } from '../sessionPanel';
import { LineageSession } from './session';

const COMMANDS: Readonly<Record<LaneCommand, string>> = {
  dashboard: 'npt.openDashboard',
  reveal: 'npt.reveal',
  log: 'npt.openTrainLog',
  path: 'npt.copyPath',
};

export function lineages(context: vscode.ExtensionContext, deps: FeatureDeps): TakesPanel<LineagePanel> {
  return (panel, runPath) => new LineagePanel(panel, context, deps, runPath);
}

export class LineagePanel extends SessionPanel<LineageSession> {
  /** @param runPath ALL_RUNS */
  constructor(
    panel: vscode.WebviewPanel,
    context: vscode.ExtensionContext,
    deps: FeatureDeps,
    readonly runPath: string,
  ) {
    super(
      panel,
      context,
      deps,
      (host) =>
        new LineageSession({
          ...host,
          hasFolder: () => deps.workspaces.all.length > 0,
          act: (command, path) => void vscode.commands.executeCommand(COMMANDS[command], path),
        }),
    );
    entitle(panel, vscode.l10n.t('Lineage'));
    showPage(panel.webview, context.extensionUri, 'lineage', vscode.l10n.t('NPT Lineage'));
  }
}
