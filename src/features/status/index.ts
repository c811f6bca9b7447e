/** Status bar: what trains now. One item, for the run that the tree shows first of those that train; a click opens its dashboard. */
import * as vscode from 'vscode';
import { formatCount, formatValue } from '../../core/format';
import type { Run } from '../../core/experiment/model';
import { StatusItem } from '../../platform/statusBar';
import { gpuUseText, type GpuUse } from '../../core/training/gpus/gpuUse';
import type { FeatureDeps } from '../deps';
import { GpuWatch } from '../gpuWatch';

/** Of the readings: in the corner of an eye, one in ten seconds is enough. */
const SELDOM = 3;

function text(run: Run, others: number, gpus: GpuUse | null): string {
  const steps = run.maxSteps === null ? formatCount(run.step) : `${formatCount(run.step)}/${formatCount(run.maxSteps)}`;
  const loss = run.loss === null ? null : formatValue(run.loss);
  const busy = gpus === null ? '' : gpuUseText(gpus);
  const parts = [run.name, steps, run.stage, loss, busy === '' ? null : `GPU ${busy}`].filter((part) => part !== null);
  return `${parts.join(' · ')}${others === 0 ? '' : ` +${others}`}`;
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const item = new StatusItem('npt.training', vscode.l10n.t('NPT training'), 10);
  const update = (): void => {
    const training = deps.workspaces.runs.filter((run) => run.state === 'training');
    const [run] = training;
    watch.follow(run);
    if (run === undefined) {
      item.hide();
      return;
    }
    item.show({
      icon: 'sync~spin',
      text: text(run, training.length - 1, watch.current),
      tooltip: [
        ...training.map((each) => `${each.name}: ${each.stage ?? '–'}, ${formatCount(each.step)}`),
        ...(watch.current?.names ?? []),
      ],
      command: { command: 'npt.openDashboard', title: vscode.l10n.t('Open Dashboard'), arguments: [run.path] },
    });
  };
  const watch = new GpuWatch(deps.gpus, update, SELDOM);
  context.subscriptions.push(item, watch, deps.workspaces.onDidChange(update));
  update();
}
