/** Tells of alerts, wherever the user is in VS Code: each once, by one of the windows, with what helps a click away. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Run } from '../../core/experiment/model';
import { firstToTell } from '../../core/experiment/toldOnce';
import { Disposable } from '../../core/disposable';
import { messageOf } from '../../core/errors';
import { formatCount } from '../../core/format';
import type { Alert, AlertKind } from '../../core/metrics/alerts/alert';
import { showError, showWarning } from '../../platform/messages';
import type { FeatureDeps } from '../deps';
import { isWanted } from './settings';

/** What was told of already, by whichever window: in the storage that all of them have in common. */
const TOLD = 'alertsTold.json';

/** What ends or spoils a run, as opposed to what is worth a look. */
const ERRORS: ReadonlySet<AlertKind> = new Set(['nan', 'divergence', 'stalled', 'disk']);

/** A run that spikes again and again is told of once in so long; what comes meanwhile is told together. */
const QUIET_MS = 10 * 60_000;

interface Waiting {
  run: Run;
  alerts: Alert[];
  quiet: NodeJS.Timeout | undefined;
}

interface Way {
  readonly label: string;
  readonly command: string;
  readonly target?: string;
}

export class AlertNotices extends Disposable {
  private readonly file: string;
  /** By run and kind. */
  private readonly waiting = new Map<string, Waiting>();

  constructor(
    context: vscode.ExtensionContext,
    private readonly deps: FeatureDeps,
  ) {
    super();
    this.file = path.join(context.globalStorageUri.fsPath, TOLD);
    this._register({
      dispose: () => {
        for (const { quiet } of this.waiting.values()) clearTimeout(quiet);
        this.waiting.clear();
      },
    });
  }

  /** Tells of these alerts of the run, which nobody has told of in this window. */
  take(run: Run, alerts: readonly Alert[]): void {
    for (const alert of alerts) this.deps.log.warn(`${run.path}: ${sentence(alert)}`);
    const wanted = alerts.filter(({ kind }) => isWanted(ERRORS.has(kind)));
    for (const kind of new Set(wanted.map((alert) => alert.kind))) {
      const key = `${run.path} ${kind}`;
      const waiting = this.waiting.get(key) ?? { run, alerts: [], quiet: undefined };
      waiting.run = run;
      waiting.alerts.push(...wanted.filter((alert) => alert.kind === kind));
      this.waiting.set(key, waiting);
      if (waiting.quiet === undefined) void this.tellWaiting(key, waiting);
    }
  }

  private async tellWaiting(key: string, waiting: Waiting): Promise<void> {
    const { run } = waiting;
    const alerts = waiting.alerts.splice(0);
    if (alerts.length === 0) {
      this.waiting.delete(key);
      return;
    }
    waiting.quiet = setTimeout(() => {
      waiting.quiet = undefined;
      void this.tellWaiting(key, waiting);
    }, QUIET_MS);
    waiting.quiet.unref();
    try {
      const first = new Set(
        await firstToTell(
          this.file,
          alerts.map((alert) => keyOf(run, alert)),
        ),
      );
      const ours = alerts.filter((alert) => first.has(keyOf(run, alert)));
      const newest = ours.at(-1);
      if (newest !== undefined && !this.isDisposed) await this.tell(run, newest, ours.length - 1);
    } catch (error) {
      this.deps.log.error(`${run.path}: an alert could not be told: ${messageOf(error)}`);
    }
  }

  private async tell(run: Run, alert: Alert, more: number): Promise<void> {
    const others = more === 0 ? '' : ` ${vscode.l10n.t('({0} more before it)', more)}`;
    const ways = waysOf(run, alert);
    const show = ERRORS.has(alert.kind) ? showError : showWarning;
    const pressed = await show(`${run.name}: ${sentence(alert)}${others}`, ...ways.map(({ label }) => label));
    const way = ways.find(({ label }) => label === pressed);
    if (way !== undefined) await vscode.commands.executeCommand(way.command, way.target);
  }
}

function sentence({ title, step, detail }: Alert): string {
  return vscode.l10n.t('{0} at step {1}: {2}.', title, formatCount(step), detail);
}

/** What helps, the most useful first. */
function waysOf(run: Run, alert: Alert): Way[] {
  const ways: Way[] = [];
  const good = run.checkpoints.find(({ step }) => step === alert.branchFrom);
  if (good !== undefined && vscode.workspace.isTrusted)
    ways.push({
      label: vscode.l10n.t('Branch from {0} with a Lower Learning Rate', good.name),
      command: 'npt.branchWithLowerRate',
      target: good.path,
    });
  if (alert.kind === 'stalled')
    ways.push({ label: vscode.l10n.t('Open Log'), command: 'npt.openTrainLog', target: run.path });
  if (alert.kind === 'disk') ways.push({ label: vscode.l10n.t('Clean Up Checkpoints…'), command: 'npt.cleanUp' });
  ways.push({ label: vscode.l10n.t('Open Dashboard'), command: 'npt.openDashboard', target: run.path });
  return ways;
}

/** What surrounds a run is told of once a process, whatever the step. */
function keyOf({ id, path: runPath, process }: Run, { kind, step }: Alert): string {
  const around = kind === 'gpuMemory' || kind === 'disk';
  return [id ?? runPath, process?.started ?? '', kind, ...(around ? [] : [step])].join(' ');
}
