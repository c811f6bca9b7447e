/** Status bar: what trains now. One item, for the run that the tree shows first of those that train; a click opens its dashboard. */
import * as vscode from 'vscode';
import { formatCount, formatValue } from '../../core/format';
import type { Run } from '../../core/experiment/model';
import { StatusItem } from '../../platform/statusBar';
import type { FeatureDeps } from '../deps';

function text(run: Run, others: number): string {
  const steps = run.maxSteps === null ? formatCount(run.step) : `${formatCount(run.step)}/${formatCount(run.maxSteps)}`;
  const parts = [run.name, steps, run.stage, run.loss === null ? null : formatValue(run.loss)].filter(
    (part) => part !== null,
  );
  return `${parts.join(' · ')}${others === 0 ? '' : ` +${others}`}`;
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const item = new StatusItem('npt.training', vscode.l10n.t('NPT training'), 10);
  const update = (): void => {
    const training = deps.workspaces.runs.filter((run) => run.state === 'training');
    const [run] = training;
    if (run === undefined) {
      item.hide();
      return;
    }
    item.show({
      icon: 'sync~spin',
      text: text(run, training.length - 1),
      tooltip: training.map((each) => `${each.name}: ${each.stage ?? '–'}, ${formatCount(each.step)}`),
      command: { command: 'npt.openDashboard', title: vscode.l10n.t('Open Dashboard'), arguments: [run.path] },
    });
  };
  context.subscriptions.push(item, deps.workspaces.onDidChange(update));
  update();
}
