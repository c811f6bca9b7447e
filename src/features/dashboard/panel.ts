/** A dashboard's panel: one an editor tab, its page, and the session that speaks with it. */
import * as vscode from 'vscode';
import { messageOf } from '../../core/errors';
import type { Run } from '../../core/experiment/model';
import { SharedMetrics } from '../../core/metrics/runMetrics';
import { showError } from '../../platform/messages';
import type { TakesPanel } from '../../platform/runPanels';
import { entitle, showPage } from '../../platform/webviewPage';
import type { RunCommand, SaveMessage } from '../../protocol/dashboard';
import { alertThresholds } from '../alerts/settings';
import type { FeatureDeps } from '../deps';
import { SessionPanel } from '../sessionPanel';
import { DashboardSession } from './session';

const COMMANDS: Readonly<Record<RunCommand, string>> = {
  stop: 'npt.stop',
  resume: 'npt.resume',
  extend: 'npt.extend',
  validate: 'npt.validate',
  branch: 'npt.branch',
  branchWithLowerRate: 'npt.branchWithLowerRate',
  log: 'npt.openTrainLog',
  terminal: 'npt.showTerminal',
};

/** What makes dashboards: one reading of a run's metrics, however many of them show it. */
export function dashboards(context: vscode.ExtensionContext, deps: FeatureDeps): TakesPanel<DashboardPanel> {
  const metrics = new SharedMetrics();
  context.subscriptions.push(metrics);
  return (panel, runPath) => new DashboardPanel(panel, context, deps, metrics, runPath);
}

export class DashboardPanel extends SessionPanel<DashboardSession> {
  constructor(
    panel: vscode.WebviewPanel,
    context: vscode.ExtensionContext,
    deps: FeatureDeps,
    metrics: SharedMetrics,
    runPath: string,
  ) {
    super(
      panel,
      context,
      deps,
      (host) =>
        new DashboardSession(
          runPath,
          {
            ...host,
            gpus: deps.gpus,
            thresholds: alertThresholds,
            notValid: () => deps.validations.notValid(),
            act: (command, path) => void vscode.commands.executeCommand(COMMANDS[command], path),
            save: (request, content) => void this.save(request, content),
            focused: (run) => {
              this.entitle(run);
            },
          },
          metrics,
        ),
    );
    this._register(
      deps.workspaces.onDidChange(() => {
        this.entitle(deps.workspaces.runAt(this.session.runPath));
      }),
    );
    this.entitle(deps.workspaces.runAt(runPath));
    showPage(panel.webview, context.extensionUri, 'dashboard', vscode.l10n.t('NPT Dashboard'));
  }

  /** The page may have been told to look at another run than it was opened for. */
  get runPath(): string {
    return this.session.runPath;
  }

  /** Draws these runs over the one that it shows. */
  overlay(runs: readonly string[]): void {
    this.session.overlay(runs);
  }

  private entitle(run: Run | undefined): void {
    if (run !== undefined) entitle(this.panel, run.name);
  }

  private async save(request: SaveMessage, content: () => Promise<string | Uint8Array>): Promise<void> {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
    const name = `${request.name.replace(/[^\w.-]+/g, '-')}.${request.format}`;
    const target = await vscode.window.showSaveDialog({
      ...(folder === undefined ? {} : { defaultUri: vscode.Uri.joinPath(folder, name) }),
      filters: { [request.format.toUpperCase()]: [request.format] },
    });
    if (target === undefined) return;
    try {
      const bytes = await content();
      await vscode.workspace.fs.writeFile(target, typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes);
    } catch (error) {
      const why = messageOf(error);
      void showError(vscode.l10n.t('Could not save {0}: {1}', target.fsPath, why));
      this.deps.log.error(`Saving ${target.fsPath} failed: ${why}`);
    }
  }
}
