/** A dashboard's panel: one an editor tab, its page, and the session that speaks with it. */
import * as vscode from 'vscode';
import { messageOf } from '../../core/errors';
import type { Run } from '../../core/experiment/model';
import { Disposable } from '../../core/disposable';
import { SharedMetrics } from '../../core/metrics/runMetrics';
import { showError } from '../../platform/messages';
import type { TakesPanel } from '../../platform/runPanels';
import { entitle, showPage } from '../../platform/webviewPage';
import type { RunCommand, SaveMessage } from '../../protocol/dashboard';
import { alertThresholds } from '../alerts/settings';
import type { FeatureDeps } from '../deps';
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

export class DashboardPanel extends Disposable {
  readonly session: DashboardSession;

  /** Takes over `panel`: a new one, or one that VS Code kept over a reload. */
  constructor(
    private readonly panel: vscode.WebviewPanel,
    context: vscode.ExtensionContext,
    private readonly deps: FeatureDeps,
    metrics: SharedMetrics,
    runPath: string,
  ) {
    super();
    const { webview } = panel;
    panel.iconPath = vscode.Uri.joinPath(context.extensionUri, 'media', 'icon.png');

    let scanning = true;
    void deps.workspaces.ready().then(() => {
      scanning = false;
      this.session.modelChanged();
    });
    this.session = this._register(
      new DashboardSession(
        runPath,
        {
          post: (message) => void webview.postMessage(message),
          runs: () => deps.workspaces.runs,
          lineage: () => deps.workspaces.lineage,
          scanning: () => scanning,
          canTrain: () => vscode.workspace.isTrusted,
          gpus: deps.gpus,
          thresholds: alertThresholds,
          notValid: () => deps.validations.notValid(),
          act: (command, path) => void vscode.commands.executeCommand(COMMANDS[command], path),
          save: (request, content) => void this.save(request, content),
          focused: (run) => {
            this.entitle(run);
          },
          log: (message) => {
            deps.log.warn(message);
          },
        },
        metrics,
      ),
    );
    this._register(
      webview.onDidReceiveMessage((raw: unknown) => {
        this.session.receive(raw);
      }),
    );
    this._register(
      panel.onDidChangeViewState(() => {
        this.session.setVisible(panel.visible);
      }),
    );
    this._register(
      deps.workspaces.onDidChange(() => {
        this.session.modelChanged();
        this.entitle(deps.workspaces.runAt(this.session.runPath));
      }),
    );
    this._register(
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        this.session.modelChanged();
      }),
    );
    this.entitle(deps.workspaces.runAt(runPath));
    showPage(webview, context.extensionUri, 'dashboard', vscode.l10n.t('NPT Dashboard'));
  }

  /** The page may have been told to look at another run than it was opened for. */
  get runPath(): string {
    return this.session.runPath;
  }

  /** Draws these runs over the one that it shows. */
  overlay(runs: readonly string[]): void {
    this.session.overlay(runs);
  }

  reveal(): void {
    this.panel.reveal();
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
