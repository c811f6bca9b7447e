/** Opens .pt and .pth files: a read-only custom editor that shows their structure and executes nothing. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { CheckpointWorker } from '../../core/checkpoint/worker/workerClient';
import type { FeatureDeps } from '../deps';

export const VIEW_TYPE = 'npt.torchFile';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  // A thread of its own: an opened file must not wait behind a validation of gigabytes. It starts with the first file.
  const reader = new CheckpointWorker(path.join(context.extensionPath, 'dist', 'checkpoint-worker.js'));

  const provider: vscode.CustomReadonlyEditorProvider = {
    openCustomDocument: (uri) => {
      if (uri.scheme !== 'file')
        throw new Error(vscode.l10n.t('Only torch files on disk can be opened, not those of {0}:', uri.scheme));
      return { uri, dispose: () => undefined };
    },
    resolveCustomEditor: async (document, panel) => {
      const tab = { isClosed: false };
      panel.onDidDispose(() => {
        tab.isClosed = true;
      });
      const { showTorchFile } = await import('../../onDemand');
      if (!tab.isClosed) showTorchFile(document.uri.fsPath, panel, context.extensionUri, deps, reader);
    },
  };
  context.subscriptions.push(
    reader,
    vscode.window.registerCustomEditorProvider(VIEW_TYPE, provider, { supportsMultipleEditorsPerDocument: true }),
  );
}
