/** Work that a person sees going on, and can cancel. */
import * as vscode from 'vscode';
import { plainText } from '../core/plainText';

/** `done` and `total` in the same unit; zero of zero is nothing done yet. */
export type ShowShare = (done: number, total: number) => void;

/**
 * Runs `work` under a notification with Cancel.
 *
 * @param work gets a signal that it must heed, a function that shows how far it is, and one that says what it is at
 * @returns what `work` gives; undefined when cancelled
 */
export async function withCancellableProgress<T>(
  title: string,
  work: (signal: AbortSignal, showShare: ShowShare, showMessage: (message: string) => void) => Promise<T>,
): Promise<T | undefined> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: plainText(title), cancellable: true },
    async (progress, token) => {
      const abort = new AbortController();
      const registration = token.onCancellationRequested(() => {
        abort.abort();
      });
      let shown = 0;
      try {
        return await work(
          abort.signal,
          (done, total) => {
            const share = total === 0 ? 0 : (100 * done) / total;
            progress.report({ increment: Math.max(0, share - shown) });
            shown = Math.max(shown, share);
          },
          (message) => {
            progress.report({ message: plainText(message) });
          },
        );
      } catch (error) {
        if (!abort.signal.aborted) throw error;
        return undefined;
      } finally {
        registration.dispose();
      }
    },
  );
}

/** Says in the status bar what is waited for, as soon as it takes longer than a moment. */
export async function withStatus<T>(title: string, work: Promise<T>): Promise<T> {
  return vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title: plainText(title) }, () => work);
}
