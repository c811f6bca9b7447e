/** Reports (Markdown) as read-only documents, so that the Markdown preview can show them without a file on disk. */
import * as vscode from 'vscode';
import { tabTitle } from './editors';
import { Disposable } from '../core/disposable';

const SCHEME = 'npt-report';

export class ReportDocuments extends Disposable implements vscode.TextDocumentContentProvider {
  private readonly reports = new Map<string, string>();
  private readonly changed = this._register(new vscode.EventEmitter<vscode.Uri>());
  readonly onDidChange = this.changed.event;

  constructor() {
    super();
    this._register(vscode.workspace.registerTextDocumentContentProvider(SCHEME, this));
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    // A preview that VS Code restored after a reload.
    return this.reports.get(uri.toString()) ?? vscode.l10n.t('This report is gone: run the command again.');
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
    const uri = vscode.Uri.from({
      scheme: SCHEME,
      path: `/${tabTitle(name).replaceAll('/', '\u2215')}.md`,
      query: subject,
    });
    this.reports.set(uri.toString(), markdown);
    this.changed.fire(uri);
    await vscode.commands.executeCommand('markdown.showPreview', uri);
    return uri;
  }
}
