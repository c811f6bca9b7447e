/** A panel whose page a session speaks with, and that shows what the workspaces' model says: a dashboard, the table of runs. */
import * as vscode from 'vscode';
import { Disposable, type Ends } from '../core/disposable';
import type { Lineage } from '../core/experiment/lineage';
import type { Run } from '../core/experiment/model';
import type { FeatureDeps } from './deps';

/** What such a session asks of whoever owns it, whatever it shows. */
export interface SessionHost {
  post(message: unknown): void;
  /** Runs of every opened workspace, as of the last scan. */
  runs(): readonly Run[];
  lineage(): Lineage;
  /** The first scan is not over. */
  scanning(): boolean;
  canTrain(): boolean;
  log(message: string): void;
}

interface Session extends Ends {
  receive(raw: unknown): void;
  setVisible(visible: boolean): void;
  modelChanged(): void;
}

export abstract class SessionPanel<S extends Session> extends Disposable {
  readonly session: S;

  /** Takes over `panel`: a new one, or one that VS Code kept over a reload. Its page is the owner's to show. */
  constructor(
    protected readonly panel: vscode.WebviewPanel,
    context: vscode.ExtensionContext,
    protected readonly deps: FeatureDeps,
    make: (host: SessionHost) => S,
  ) {
    super();
    const { webview } = panel;
    panel.iconPath = vscode.Uri.joinPath(context.extensionUri, 'media', 'icon.png');
    let scanning = true;
    const session = make({
      post: (message) => void webview.postMessage(message),
      runs: () => deps.workspaces.runs,
      lineage: () => deps.workspaces.lineage,
      scanning: () => scanning,
      canTrain: () => vscode.workspace.isTrusted,
      log: (message) => {
        deps.log.warn(message);
      },
    });
    this.session = this._register(session);
    const modelChanged = (): void => {
      session.modelChanged();
    };
    void deps.workspaces.ready().then(() => {
      scanning = false;
      modelChanged();
    });
    this._register(
      webview.onDidReceiveMessage((raw: unknown) => {
        session.receive(raw);
      }),
    );
    this._register(
      panel.onDidChangeViewState(() => {
        session.setVisible(panel.visible);
      }),
    );
    this._register(deps.workspaces.onDidChange(modelChanged));
    this._register(vscode.workspace.onDidGrantWorkspaceTrust(modelChanged));
  }

  reveal(): void {
    this.panel.reveal();
  }
}
