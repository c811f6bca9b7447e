/** What in a run's metrics deserves a look. Pure functions of the logged data. */
import { secondsSince } from '../clock';
import type { Curriculum } from '../curriculum/curriculum';
import type { Series } from './series';
import { emaStart, extendEma } from './smooth';

export const ALERT_KINDS = ['spike', 'nan', 'plateau', 'divergence', 'stage', 'stalled', 'slow'] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export interface Alert {
  readonly kind: AlertKind;
  readonly step: number;
  readonly title: string;
  readonly detail: string;
  /** Height above the running mean (spike), the value at the place otherwise; NaN where it has none. */
  readonly value: number;
}

export interface AlertInput {
  /** loss/total. */
  readonly loss: Series | undefined;
  /** Every series by name: any of them may hold a NaN. */
  readonly series: ReadonlyMap<string, Series>;
  readonly curriculum: Curriculum | null;
  /** Steps of complete checkpoints, ascending. */
  readonly checkpointSteps: readonly number[];
  readonly training: boolean;
  /** Unix seconds now, and of the newest metrics line (NaN: unknown). */
  readonly now: number;
  readonly lastTime: number;
}

const WARM_UP = 12;
const SPIKE_DEVIATIONS = 8;
/** A spike is also at least this share of the mean: on a very smooth curve eight deviations are nothing. */
const SPIKE_SHARE = 0.2;
const MOST_ALERTS = 100;

/** Alerts, newest step first; at most 100. */
export function findAlerts(input: AlertInput): Alert[] {
  const found = [
    ...(input.loss === undefined
      ? []
      : [...spikes(input.loss, boundaries(input.curriculum)), ...trend(input.loss, input.curriculum)]),
    ...nonFinite(input),
    ...stageChanges(input),
    ...pace(input),
  ];
  return found.sort((a, b) => b.step - a.step).slice(0, MOST_ALERTS);
}

function boundaries(curriculum: Curriculum | null): number[] {
  return curriculum === null ? [] : curriculum.stages.slice(1).map((stage) => stage.from);
}

/** Points that stand out of their recent past; the running mean and deviation start anew where the objective changes, at a stage's start. */
export function spikes(loss: Series, stageStarts: readonly number[]): Alert[] {
  const { steps, values } = loss;
  const alerts: Alert[] = [];
  let mean = 0;
  let variance = 0;
  let seen = 0;
  let stage = 0;
  let open: { peak: number; step: number; z: number; base: number; from: number } | undefined;
  const close = (recovered: number | null): void => {
    if (open === undefined) return;
    alerts.push({
      kind: 'spike',
      step: open.step,
      title: `Loss spike +${short(open.peak - open.base)} (z = ${open.z.toFixed(1)})`,
      detail:
        recovered === null
          ? 'not recovered yet'
          : `recovered in ${(recovered - open.from).toLocaleString('en-US')} steps`,
      value: open.peak - open.base,
    });
    open = undefined;
  };
  for (let index = 0; index < values.length; index += 1) {
    const step = steps[index] as number;
    const value = values[index] as number;
    if (!Number.isFinite(value)) continue;
    while (stage < stageStarts.length && step >= (stageStarts[stage] as number)) {
      stage += 1;
      close(null);
      seen = 0;
    }
    const deviation = Math.sqrt(variance);
    const over = value - mean;
    if (seen >= WARM_UP && over > SPIKE_DEVIATIONS * deviation && over > SPIKE_SHARE * Math.abs(mean)) {
      const z = deviation > 0 ? Math.min(999, over / deviation) : 999;
      if (open === undefined) open = { peak: value, step, z, base: mean, from: step };
      else if (value > open.peak) open = { ...open, peak: value, step, z };
      // Its own height must not hide the next one; a level that stays is believed after a while.
      mean += 0.02 * over;
      continue;
    }
    close(step);
    const weight = Math.max(0.05, 1 / (seen + 1));
    const clipped = seen < WARM_UP ? over : Math.max(-3 * deviation - 1e-12, Math.min(3 * deviation + 1e-12, over));
    mean = seen === 0 ? value : mean + weight * over;
    variance = seen === 0 ? 0 : (1 - weight) * (variance + weight * clipped * clipped);
    seen += 1;
  }
  close(null);
  return alerts;
}

function nonFinite(input: AlertInput): Alert[] {
  const places = new Map<number, string[]>();
  for (const [name, series] of input.series) {
    const { steps, values } = series;
    let before = false;
    for (let index = 0; index < values.length; index += 1) {
      const bad = !Number.isFinite(values[index]);
      // One alert a stretch, at its first step.
      if (bad && !before) places.set(steps[index] as number, [...(places.get(steps[index] as number) ?? []), name]);
      before = bad;
    }
  }
  return [...places].map(([step, names]) => {
    const good = input.checkpointSteps.filter((candidate) => candidate < step).at(-1);
    const which = names.includes('loss/total') ? 'loss' : (names[0] as string);
    const more = names.length > 1 && which !== 'loss' ? ` and ${names.length - 1} more` : '';
    return {
      kind: 'nan' as const,
      step,
      title: `Not a finite number in ${which}${more}`,
      detail: good === undefined ? 'no checkpoint before it' : `last good checkpoint ${good.toLocaleString('en-US')}`,
      value: Number.NaN,
    };
  });
}

function stageChanges(input: AlertInput): Alert[] {
  const last = input.loss?.lastStep ?? Number.NEGATIVE_INFINITY;
  const stages = input.curriculum?.stages ?? [];
  return stages.slice(1).flatMap((stage, index) => {
    const before = stages[index];
    // The step that starts a stage is the first logged one after the boundary.
    if (before === undefined || stage.from >= last) return [];
    const share = `teacher’s share ${percent(1 - before.mixingRatio)} → ${percent(1 - stage.mixingRatio)}`;
    return [
      {
        kind: 'stage' as const,
        step: stage.from,
        title: `Stage changed: ${before.name} → ${stage.name}`,
        detail: share,
        value: Number.NaN,
      },
    ];
  });
}

/** Plateau and divergence: of the present stage only, since another stage is another objective. */
function trend(loss: Series, curriculum: Curriculum | null): Alert[] {
  const { steps, values } = loss;
  const start =
    boundaries(curriculum)
      .filter((boundary) => boundary < loss.lastStep)
      .at(-1) ?? 0;
  let from = 0;
  while (from < steps.length && (steps[from] as number) <= start) from += 1;
  const length = steps.length - from;
  if (length < 60) return [];
  const line = new Float64Array(length);
  extendEma(values.subarray(from), 0, 0.9, emaStart(), line);
  let best = Number.POSITIVE_INFINITY;
  let bestAt = 0;
  for (let index = WARM_UP; index < length; index += 1) {
    if ((line[index] as number) < best) {
      best = line[index] as number;
      bestAt = index;
    }
  }
  const latest = line[length - 1] as number;
  const stepAt = (index: number): number => steps[from + index] as number;
  const window = Math.max(50, Math.floor(length / 4));
  if (latest > best * 1.25 && length - bestAt > 30) {
    const detail = `${short(latest)} now, ${short(best)} at ${stepAt(bestAt).toLocaleString('en-US')}`;
    return [{ kind: 'divergence', step: stepAt(bestAt), title: 'Loss is diverging', detail, value: latest }];
  }
  const then = line[length - 1 - window] ?? Number.NaN;
  if (length > 2 * window && then - latest < 0.002 * Math.abs(then) && latest <= best * 1.02) {
    const since = stepAt(length - 1 - window);
    const detail = `less than 0.2 % better in ${(loss.lastStep - since).toLocaleString('en-US')} steps`;
    return [{ kind: 'plateau', step: since, title: 'Loss is on a plateau', detail, value: latest }];
  }
  return [];
}

/** Stalled (nothing logged for long) and slow (throughput well below what it was). */
function pace(input: AlertInput): Alert[] {
  const loss = input.loss;
  if (!input.training || loss === undefined || loss.length < 10) return [];
  const gaps = [...loss.times.subarray(-50)].flatMap((time, index, all) =>
    index === 0 ? [] : [time - (all[index - 1] as number)],
  );
  const usual = median(gaps);
  // A line dated in the future says nothing of how long it has been quiet since.
  const silence = secondsSince(input.lastTime, input.now) ?? 0;
  if (silence > Math.max(60, 20 * usual)) {
    const detail = `nothing logged for ${Math.round(silence / 60)} min; a step line came every ${short(usual)} s`;
    return [{ kind: 'stalled', step: loss.lastStep, title: 'Training has stalled', detail, value: loss.lastValue }];
  }
  const throughput = input.series.get('throughput/tokens_per_second');
  if (throughput === undefined || throughput.length < 60) return [];
  const recent = median([...throughput.values.subarray(-15)]);
  const before = median([...throughput.values.subarray(-200, -15)]);
  if (recent > 0.6 * before) return [];
  const step = throughput.steps[throughput.length - 15] as number;
  const detail = `${short(recent)} tokens/s now, ${short(before)} before`;
  return [{ kind: 'slow', step, title: 'Training has become slow', detail, value: recent }];
}

function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted.length === 0 ? Number.NaN : (sorted[Math.floor(sorted.length / 2)] as number);
}

function short(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(2)));
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
