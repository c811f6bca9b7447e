/** Opens .pt and .pth files: a read-only custom editor that shows their structure and executes nothing. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { CheckpointWorker } from '../../core/checkpoint/worker/workerClient';
import { showPage } from '../../platform/webviewPage';
import type { FeatureDeps } from '../deps';
import { TorchFileSession } from './session';

export const VIEW_TYPE = 'npt.torchFile';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  // A thread of its own: an opened file must not wait behind a validation of gigabytes. It starts with the first file.
  const reader = new CheckpointWorker(path.join(context.extensionPath, 'dist', 'checkpoint-worker.js'));

  const show = (document: vscode.CustomDocument, panel: vscode.WebviewPanel): void => {
    const { webview } = panel;
    const session = new TorchFileSession(document.uri.fsPath, {
      reader,
      post: (message) => void webview.postMessage(message),
      log: (message) => {
        deps.log.warn(message);
      },
    });
    const listeners = [
      webview.onDidReceiveMessage((raw: unknown) => {
        session.receive(raw);
      }),
      panel.onDidChangeViewState(() => {
        session.setVisible(panel.visible);
      }),
    ];
    panel.onDidDispose(() => {
      for (const listener of listeners) listener.dispose();
      session.dispose();
    });
    showPage(webview, context.extensionUri, 'torchfile', path.basename(document.uri.fsPath));
  };

  const provider: vscode.CustomReadonlyEditorProvider = {
    openCustomDocument: (uri) => {
      if (uri.scheme !== 'file')
        throw new Error(vscode.l10n.t('Only torch files on disk can be opened, not those of {0}:', uri.scheme));
      return { uri, dispose: () => undefined };
    },
    resolveCustomEditor: show,
  };
  context.subscriptions.push(
    reader,
    vscode.window.registerCustomEditorProvider(VIEW_TYPE, provider, { supportsMultipleEditorsPerDocument: true }),
  );
}
