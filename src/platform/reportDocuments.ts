/** Reports (Markdown) as read-only documents, so that the Markdown preview can show them without a file on disk. */
import * as vscode from 'vscode';
import { tabTitle } from './editors';
import { Disposable } from '../core/disposable';
import { ReportShelf } from './reportShelf';

const SCHEME = 'npt-report';

export class ReportDocuments extends Disposable implements vscode.TextDocumentContentProvider {
  private readonly shelf = new ReportShelf();
  private readonly changed = this._register(new vscode.EventEmitter<vscode.Uri>());
  readonly onDidChange = this.changed.event;

  constructor() {
    super();
    this._register(vscode.workspace.registerTextDocumentContentProvider(SCHEME, this));
    // Not when the document is closed: VS Code does that under an open preview, which asks for it again.
    this._register(
      vscode.window.tabGroups.onDidChangeTabs(() => {
        this.shelf.keep(vscode.window.tabGroups.all.flatMap((group) => group.tabs.map((tab) => tab.label)));
      }),
    );
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    // A preview that VS Code restored after a reload, or whose tab was closed and opened again.
    return this.shelf.get(uri.toString()) ?? vscode.l10n.t('This report is gone: run the command again.');
  }

  /**
   * Opens the report in the Markdown preview; one that is open already changes. What `markdown` takes from files must be
   * escaped.
   *
   * @param name the tab's title
   * @param subject tells reports of the same name apart, such as the paths they are about
   * @returns the document's address
   */
  async show(name: string, subject: string, markdown: string): Promise<vscode.Uri> {
    const document = `${tabTitle(name).replaceAll('/', '\u2215')}.md`;
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${document}`, query: subject });
    this.shelf.put(uri.toString(), document, markdown, subject.split(/[\n|]/));
    this.changed.fire(uri);
    await vscode.commands.executeCommand('markdown.showPreview', uri);
    return uri;
  }

  /** What reports say of a folder was found under its old name: those that are open say so. @param line Markdown */
  moved(from: string, to: string, line: string): void {
    for (const address of this.shelf.moved(from, to, line)) this.changed.fire(vscode.Uri.parse(address));
  }
}
