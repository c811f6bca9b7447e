/** Says what happens to runs while nobody looks: loaded once a run trains, or was ended with its machine. */
import type * as vscode from 'vscode';
import { endedWithMachine } from '../../core/experiment/runningProcess';
import { messageOf } from '../../core/errors';
import type { FeatureDeps } from '../deps';

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const look = (): void => {
    const isNews = deps.workspaces.runs.some(
      ({ state, process }) => state === 'training' || (process !== null && endedWithMachine(process)),
    );
    if (!isNews) return;
    listener.dispose();
    import('../../onDemand')
      .then(({ followRuns }) => {
        followRuns(context, deps);
      })
      .catch((error: unknown) => {
        deps.log.error(`Runs are not watched: ${messageOf(error)}`);
      });
  };
  const listener = deps.workspaces.onDidChange(look);
  context.subscriptions.push(listener);
  look();
}
