/** Follows the runs of this window: alerts of those that train, how they end, and those that were ended with their machine. */
import * as vscode from 'vscode';
import type { FeatureDeps } from '../deps';
import { Endings } from './endings';
import { AlertNotices } from './notices';
import { alertThresholds } from './settings';
import { tellOfInterrupted } from './interrupted';
import { AlertWatch } from './watch';

export function followRuns(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const notices = new AlertNotices(context, deps);
  const watch = new AlertWatch({
    runs: () => deps.workspaces.runs,
    lineage: () => deps.workspaces.lineage,
    thresholds: alertThresholds(),
    notValid: () => deps.validations.notValid(),
    gpus: deps.gpus,
    tell: (run, alerts) => {
      notices.take(run, alerts);
    },
    log: (message) => {
      deps.log.warn(message);
    },
  });
  const endings = new Endings(context, deps);
  context.subscriptions.push(
    watch,
    notices,
    endings,
    deps.workspaces.onDidChange(() => {
      watch.modelChanged();
      endings.modelChanged();
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('npt.alerts')) watch.setThresholds(alertThresholds());
    }),
  );
  tellOfInterrupted(context, deps);
  watch.modelChanged();
}
