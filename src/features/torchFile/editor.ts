/** The editor of one opened torch file: its page, and the session that speaks with it. */
import * as path from 'node:path';
import type * as vscode from 'vscode';
import type { CheckpointWorker } from '../../core/checkpoint/worker/workerClient';
import { showPage } from '../../platform/webviewPage';
import type { FeatureDeps } from '../deps';
import { TorchFileSession } from './session';

export function showTorchFile(
  file: string,
  panel: vscode.WebviewPanel,
  extensionUri: vscode.Uri,
  deps: FeatureDeps,
  reader: CheckpointWorker,
): void {
  const { webview } = panel;
  const session = new TorchFileSession(file, {
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
  showPage(webview, extensionUri, 'torchfile', path.basename(file));
}
