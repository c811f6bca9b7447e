/** The workspace's model as the page is told it. */
import { NOT_COMPARED } from '../../core/arguments/compared';
import { allCheckpoints } from '../../core/experiment/checkpoints';
import { badEnding } from '../../core/experiment/ending';
import type { LogLine } from '../../core/experiment/logLine';
import type { Lineage } from '../../core/experiment/lineage';
import type { Checkpoint, Run } from '../../core/experiment/model';
import type { MetricsLog } from '../../core/metrics/log';
import type { Series } from '../../core/metrics/series';
import { valueText } from '../../core/format';
import type {
  ShownCheckpoint,
  DifferenceMessage,
  Ending,
  Figure,
  RunFacts,
  RunSummary,
} from '../../protocol/dashboard';

/** A number as it may travel in a message, where JSON would make null of a NaN. */
export function figure(value: number | null | undefined): Figure {
  if (value === null || value === undefined) return null;
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}

/** Of each configuration that was told of. One that was read again and is the same is the same object (core/experiment/reuse.ts). */
const numbers = new WeakMap<object, number>();
let newest = 0;

function configurationNumber(config: object): number {
  const known = numbers.get(config) ?? (newest += 1);
  numbers.set(config, known);
  return known;
}

export function summaryOf(run: Run, lineage: Lineage): RunSummary {
  return {
    path: run.path,
    name: run.name,
    state: run.state,
    step: run.step,
    maxSteps: run.maxSteps,
    stage: run.stage,
    loss: figure(run.loss),
    parentPath: lineage.parentOf(run)?.path ?? null,
    parentName: run.parent?.run ?? null,
    origin: run.parent?.step ?? 0,
    configuration: run.config === null ? null : configurationNumber(run.config),
  };
}

function shownCheckpoint(checkpoint: Checkpoint): ShownCheckpoint {
  const { name, path, step, time, state, stage, bytes, best, pinned } = checkpoint;
  return {
    name,
    path,
    step,
    time,
    state,
    stage,
    bytes,
    best,
    pinned,
    loss: figure(checkpoint.loss),
    evalLoss: figure(checkpoint.evalLoss),
  };
}

/** Unix seconds at which the series reached `step`; null where it has no times or has not come there. */
export function timeAt(series: Series | undefined, step: number): number | null {
  if (series === undefined) return null;
  const index = series.axis.before(step, series.length);
  const time = series.times[Math.min(index, series.length - 1)];
  return time === undefined || Number.isNaN(time) || index >= series.length ? null : time;
}

function text(value: unknown): string | null {
  return valueText(value) || null;
}

/** Model, layers and rank in a few words: what tells one run from another at a glance. */
function subtitleOf(run: Run): string {
  const config = run.config ?? {};
  const model = config['demo_mode'] === true ? 'demo model' : (text(config['model_name'])?.split('/').at(-1) ?? null);
  const layers = config['train_layers'] ?? config['layers_to_train'];
  const layerText = Array.isArray(layers)
    ? layers.join(', ')
    : text(layers)?.replaceAll(',', ', ').replace(/\s+/g, ' ');
  const rank = text(config['np_rank']);
  const plural = layerText?.includes(',') === true ? 'layers' : 'layer';
  return [model, layerText ? `${plural} ${layerText}` : null, rank === null ? null : `rank ${rank}`]
    .filter((part) => part !== null)
    .join(' · ');
}

/** @param log the line of its log that tells how it ended, where that was read */
export function factsOf(run: Run, lineage: Lineage, loss: Series | undefined, log: LogLine | null = null): RunFacts {
  const stages = run.curriculum?.stages ?? null;
  const checkpoints = allCheckpoints(run);
  return {
    ...summaryOf(run, lineage),
    subtitle: subtitleOf(run),
    created: run.created,
    curriculum: stages,
    stageTimes: (stages ?? []).map((stage) => timeAt(loss, stage.from)),
    checkpoints: checkpoints.map(shownCheckpoint),
    ending: endingOf(run, log),
    stopping: stoppingOf(run),
  };
}

function stoppingOf({ state, process }: Run): RunFacts['stopping'] {
  if (state !== 'training' || process?.stopping === undefined) return null;
  return { since: process.stopping.since, saves: process.stopping.signal !== 'SIGQUIT' };
}

function endingOf(run: Run, log: LogLine | null): Ending | null {
  const found = badEnding(run);
  if (found === null) return null;
  const loud = run.exit?.why === 'failed' || run.exit?.why === 'killed';
  return { ...found, loud, log };
}

/** Newest step of a run: its metrics are read more often than its folder is scanned. */
export function newestStep(run: Run, log: MetricsLog): number | null {
  const logged = log.lastStep;
  if (run.state !== 'training' && logged === null) return run.step > 0 ? run.step : null;
  return logged === null ? (run.step > 0 ? run.step : null) : logged;
}

/** How one run's arguments differ from another's: from the earlier one's to the later one's, as the second was made. */
export function differenceOf(
  one: Run,
  other: Run,
  lineage: Lineage,
): Omit<DifferenceMessage, 'type' | 'request' | 'other'> {
  const [before, after] = isLater(one, other, lineage) ? [other, one] : [one, other];
  const unknown = [before, after].filter((run) => run.config === null).map((run) => run.name);
  const names = new Set([...Object.keys(before.config ?? {}), ...Object.keys(after.config ?? {})]);
  const rows = [...names]
    .filter((name) => !NOT_COMPARED.has(name))
    .map((name) => ({ name, before: text(before.config?.[name]), after: text(after.config?.[name]) }))
    .filter((row) => row.before !== row.after)
    .sort((a, b) => a.name.localeCompare(b.name));
  // Against nothing everything is different: that says nothing of the runs.
  return { from: before.name, to: after.name, unknown, rows: unknown.length > 0 ? [] : rows };
}

/** Whether a run was made after the other: as its branch, else by the time of its birth. */
function isLater(run: Run, other: Run, lineage: Lineage): boolean {
  if (lineage.ancestorsOf(run).some((ancestor) => ancestor.run.path === other.path)) return true;
  if (lineage.ancestorsOf(other).some((ancestor) => ancestor.run.path === run.path)) return false;
  return run.created > other.created;
}
