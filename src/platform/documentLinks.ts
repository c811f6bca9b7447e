/** Links in text documents; who gives them sets no tooltip: VS Code shows its own words at them. */
import * as vscode from 'vscode';

/** Links in files of this name, wherever they lie. @param linksIn is asked when such a file is opened or has changed */
export function provideLinks(
  name: string,
  linksIn: (document: vscode.TextDocument) => Promise<vscode.DocumentLink[]>,
): vscode.Disposable {
  return vscode.languages.registerDocumentLinkProvider(
    { scheme: 'file', pattern: `**/${name}` },
    { provideDocumentLinks: linksIn },
  );
}
