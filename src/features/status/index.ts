/**
 * Status bar: what trains now. One item, for the run that the tree shows first of those that train; a click opens its dashboard.
 * How many there are, how long it will take, and a line each in the tooltip.
 */
import * as vscode from 'vscode';
import { formatCount, formatRoughly, formatValue } from '../../core/format';
import type { Run } from '../../core/experiment/model';
import { secondsUntil } from '../../core/metrics/eta';
import { Pace } from '../../core/metrics/pace';
import { StatusItem } from '../../platform/statusBar';
import { gpuUseText, type GpuUse } from '../../core/training/gpus/gpuUse';
import type { FeatureDeps } from '../deps';
import { GpuWatch } from '../gpuWatch';

/** Of the readings: in the corner of an eye, one in ten seconds is enough. */
const SELDOM = 3;

function stepsOf({ step, maxSteps }: Run): string {
  return maxSteps === null ? formatCount(step) : `${formatCount(step)}/${formatCount(maxSteps)}`;
}

function lossOf({ loss }: Run): string | null {
  return loss === null ? null : formatValue(loss);
}

function text(run: Run, count: number, left: string | null, gpus: GpuUse | null): string {
  const busy = gpus === null ? '' : gpuUseText(gpus);
  return [
    count === 1 ? null : vscode.l10n.t('{0} training', count),
    run.name,
    stepsOf(run),
    run.stage,
    lossOf(run),
    left,
    busy === '' ? null : `GPU ${busy}`,
  ]
    .filter((part) => part !== null)
    .join(' · ');
}

function line(run: Run, left: string | null): string {
  const parts = [run.stage, stepsOf(run), lossOf(run), left].filter((part) => part !== null);
  return `${run.name}: ${parts.join(', ')}`;
}

/** How long runs will take, by how fast they were seen to go. */
class TimesLeft {
  private readonly paces = new Map<string, Pace>();

  /** These train, as they are now. */
  note(training: readonly Run[]): void {
    const there = new Set(training.map(({ path }) => path));
    for (const path of this.paces.keys()) if (!there.has(path)) this.paces.delete(path);
    for (const { path, step } of training) {
      const pace = this.paces.get(path) ?? new Pace();
      this.paces.set(path, pace);
      pace.note(step, performance.now() / 1000);
    }
  }

  /** "12 min left"; null where it cannot be told. */
  of({ path, step, maxSteps }: Run): string | null {
    const seconds = secondsUntil(step, maxSteps, this.paces.get(path)?.rate ?? Number.NaN);
    return seconds === null ? null : vscode.l10n.t('{0} left', formatRoughly(seconds));
  }
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const item = new StatusItem('npt.training', vscode.l10n.t('NPT training'), 10);
  const times = new TimesLeft();
  const update = (): void => {
    const training = deps.workspaces.runs.filter((run) => run.state === 'training');
    times.note(training);
    const [run] = training;
    watch.follow(run);
    if (run === undefined) {
      item.hide();
      return;
    }
    item.show({
      icon: 'sync~spin',
      text: text(run, training.length, times.of(run), watch.current),
      tooltip: [...training.map((each) => line(each, times.of(each))), ...(watch.current?.names ?? [])],
      command: { command: 'npt.openDashboard', title: vscode.l10n.t('Open Dashboard'), arguments: [run.path] },
    });
  };
  const watch = new GpuWatch(deps.gpus, update, SELDOM);
  context.subscriptions.push(item, watch, deps.workspaces.onDidChange(update));
  update();
}
