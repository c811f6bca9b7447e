/** Shows one of our pages in a webview: its files, its rights, its HTML. */
import * as vscode from 'vscode';
import { tabTitle } from './editors';
import { pageHtml } from './pageHtml';

/**
 * @param name of the page's bundle in dist/webview: `<name>.js` and `<name>.css`
 * @param title of the document, for screen readers
 */
export function showPage(webview: vscode.Webview, extension: vscode.Uri, name: string, title: string): void {
  const files = vscode.Uri.joinPath(extension, 'dist', 'webview');
  const uri = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(files, file)).toString();
  webview.options = { enableScripts: true, localResourceRoots: [files] };
  webview.html = pageHtml({
    title: tabTitle(title),
    source: webview.cspSource,
    script: uri(`${name}.js`),
    styles: [uri('codicon.css'), uri(`${name}.css`)],
    language: vscode.env.language,
  });
}

/** Sets the title of the page's tab. */
export function entitle(panel: vscode.WebviewPanel, title: string): void {
  panel.title = tabTitle(title);
}
