/** The probe's page in an editor tab: shows what the last probe of a run found. */
import * as vscode from 'vscode';
import { Disposable } from '../../core/disposable';
import { FollowedRuns } from '../../core/experiment/followedRuns';
import { entitle, showPage } from '../../platform/webviewPage';
import { parseProbePageMessage, type ProbeHostMessage, type ProbeMessage } from '../../protocol/probe';
import { Conversation, pageOf } from '../../protocol/requests';
import type { FeatureDeps } from '../deps';
import { checkpointsToProbe } from './facts';

export class ProbePanel extends Disposable {
  private found: ProbeMessage | undefined;
  private news = '';
  private readonly conversation = new Conversation();
  private readonly followed = new FollowedRuns();

  /**
   * Takes over `panel`: a new one, or one that VS Code kept over a reload, whose page remembers what it showed.
   *
   * @param again probes the run anew
   */
  constructor(
    private readonly panel: vscode.WebviewPanel,
    context: vscode.ExtensionContext,
    private readonly deps: FeatureDeps,
    private path: string,
    again: (runPath: string) => void,
  ) {
    super();
    const { webview } = panel;
    panel.iconPath = vscode.Uri.joinPath(context.extensionUri, 'media', 'icon.png');
    this._register(
      webview.onDidReceiveMessage((raw: unknown) => {
        const message = parseProbePageMessage(raw);
        switch (message?.type) {
          case 'ready':
            this.conversation.begin(pageOf(raw));
            if (this.found !== undefined) this.post(this.found);
            this.news = '';
            this.tellNews();
            break;
          case 'again':
            again(this.path);
            break;
          case 'report':
            deps.log.warn(`probe page: ${message.message}`);
            break;
          case undefined:
            deps.log.warn('The probe page sent an unknown message; it was ignored.');
        }
      }),
    );
    this._register(
      deps.workspaces.onDidChange(() => {
        this.tellNews();
      }),
    );
    showPage(webview, context.extensionUri, 'probe', vscode.l10n.t('NPT Probe'));
    this.tellNews();
  }

  get runPath(): string {
    return this.path;
  }

  show(found: ProbeMessage): void {
    this.found = found;
    this.post(found);
    this.tellNews();
    this.panel.reveal();
  }

  private post(message: ProbeHostMessage): void {
    // A page that is not there yet gets it when it says that it is ready.
    const addressed = this.conversation.address(message);
    if (addressed !== undefined) void this.panel.webview.postMessage(addressed);
  }

  private tellNews(): void {
    const { runs } = this.deps.workspaces;
    this.path = this.followed.look([this.path], runs).get(this.path)?.path ?? this.path;
    const run = runs.find(({ path }) => path === this.path);
    if (run === undefined) return;
    if (this.found !== undefined) this.found = { ...this.found, run: run.path, name: run.name };
    entitle(this.panel, vscode.l10n.t('Probe of {0}', run.name));
    const known = new Set(this.found?.checkpoints.map(({ step }) => step));
    const newer = this.found === undefined ? 0 : checkpointsToProbe(run).filter(({ step }) => !known.has(step)).length;
    const message: ProbeHostMessage = { type: 'news', run: run.path, name: run.name, newer };
    const news = JSON.stringify(message);
    if (news === this.news) return;
    this.news = news;
    this.post(message);
  }
}
