/** The panel of the table of runs: its page, and the session that speaks with it. */
import * as vscode from 'vscode';
import { Disposable } from '../../core/disposable';
import type { TakesPanel } from '../../platform/runPanels';
import { entitle, showPage } from '../../platform/webviewPage';
import type { RunsCommand } from '../../protocol/runsTable';
import type { FeatureDeps } from '../deps';
import { RunsTableSession } from './session';

/** Where the look is kept in the workspace's state. */
const LOOK = 'npt.runsTable.look';

const COMMANDS: Readonly<Record<RunsCommand, string>> = {
  dashboard: 'npt.openDashboard',
  overlay: 'npt.overlayRuns',
  compare: 'npt.compare',
  branch: 'npt.branch',
  delete: 'npt.deleteCheckpoints',
  log: 'npt.openTrainLog',
  path: 'npt.copyPath',
};

export function runsTables(context: vscode.ExtensionContext, deps: FeatureDeps): TakesPanel<RunsTablePanel> {
  return (panel, runPath) => new RunsTablePanel(panel, context, deps, runPath);
}

export class RunsTablePanel extends Disposable {
  private readonly session: RunsTableSession;

  /** Takes over `panel`: a new one, or one that VS Code kept over a reload. @param runPath ALL_RUNS */
  constructor(
    private readonly panel: vscode.WebviewPanel,
    context: vscode.ExtensionContext,
    deps: FeatureDeps,
    readonly runPath: string,
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
      new RunsTableSession({
        post: (message) => void webview.postMessage(message),
        runs: () => deps.workspaces.runs,
        lineage: () => deps.workspaces.lineage,
        scanning: () => scanning,
        canTrain: () => vscode.workspace.isTrusted,
        hasFolder: () => deps.workspaces.all.length > 0,
        kept: () => context.workspaceState.get(LOOK),
        keep: (look) => void context.workspaceState.update(LOOK, look),
        act: (command, paths) => void vscode.commands.executeCommand(COMMANDS[command], paths[0], paths),
        copy: (text) => void vscode.env.clipboard.writeText(text),
        log: (message) => {
          deps.log.warn(message);
        },
      }),
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
      }),
    );
    this._register(
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        this.session.modelChanged();
      }),
    );
    entitle(panel, vscode.l10n.t('Runs'));
    showPage(webview, context.extensionUri, 'runsTable', vscode.l10n.t('NPT Runs'));
  }

  reveal(): void {
    this.panel.reveal();
  }
}
