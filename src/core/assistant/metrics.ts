/**
 * What a run logged: the answer of `npt_get_metrics`. Curves are as logged, or the lowest and highest value of each stretch where
 * there are more points than were asked for: no spike is lost, and nothing is averaged.
 */
import { setImmediate } from 'node:timers/promises';
import type { Ancestor } from '../experiment/lineage';
import type { Run } from '../experiment/model';
import { isDrawnAsLogged, isEvaluation, layerOf } from '../metrics/catalogue';
import { JoinedSeries } from '../metrics/joined';
import type { Series } from '../metrics/series';
import { Trace } from '../metrics/trace';
import { figure, type Figure, fitting, textFrom } from './answer';
import { InputProblem } from './input';

export interface MetricsInput {
  readonly run: string;
  readonly metrics?: readonly string[];
  readonly fromStep?: number;
  readonly toStep?: number;
  /** How many points of each curve at most; none where it is missing. */
  readonly points?: number;
  readonly ancestors?: boolean;
}

/** A run with those of its ancestors whose past counts, nearest first, and what each logged. */
export interface Line {
  readonly run: Run;
  readonly ancestors: readonly Ancestor[];
  readonly series: (runPath: string, metric: string) => Series | undefined;
  readonly names: (runPath: string) => readonly string[];
}

/** Metrics that one answer tells of, and points that it has room for in all. */
const MOST_METRICS = 40;
const MOST_POINTS = 640;
/** Fewer than this say little, and a trace has no fewer. */
export const FEWEST_POINTS = 32;
/** Steps that are listed of what is not finite, and names where one is not known. */
const MOST_STEPS = 10;
const MOST_NAMES = 30;
/** As many digits as a curve's figures have; a summary's have all. */
const DIGITS = 6;

type Range = readonly [from: number, to: number];

/** @throws InputProblem where a metric was not logged */
export async function metricsAnswer(input: MetricsInput, line: Line): Promise<object> {
  const { run, ancestors } = line;
  const names = namesOf(line);
  const about = {
    run: textFrom(run.name),
    state: run.state,
    step: run.step,
    ...(ancestors.length === 0
      ? {}
      : { ancestors: ancestors.map(({ run: { name }, until }) => ({ run: textFrom(name), untilStep: until })) }),
  };
  if (names.length === 0) return { ...about, note: 'Nothing was logged yet.' };
  if (input.metrics === undefined || input.metrics.length === 0) return { ...about, ...listOf(line, names) };
  const range: Range = [input.fromStep ?? -Infinity, input.toStep ?? Infinity];
  if (range[0] > range[1]) throw new InputProblem(`"fromStep" ${range[0]} is above "toStep" ${range[1]}.`);
  const wanted = [...new Set(input.metrics.flatMap((name) => named(name, names, run.name)))];
  const told = wanted.slice(0, MOST_METRICS);
  const points = pointsEach(input.points, told.length);
  const metrics: object[] = [];
  for (const [at, name] of told.entries()) {
    // Each may have a million points, and the thread belongs to others, too.
    if (at > 0) await setImmediate();
    const drawn = at < MOST_POINTS / FEWEST_POINTS ? points : undefined;
    metrics.push(metricAnswer(name, seriesOf(line, name), range, drawn));
  }
  const left = leftOut(wanted, told, points !== undefined);
  return {
    ...about,
    figures: 'raw, as logged: nothing is averaged',
    metrics,
    ...(left === '' ? {} : { leftOut: left }),
  };
}

function pointsEach(asked: number | undefined, metrics: number): number | undefined {
  if (asked === undefined) return undefined;
  return Math.max(FEWEST_POINTS, Math.min(asked, Math.floor(MOST_POINTS / metrics)));
}

function leftOut(wanted: readonly string[], told: readonly string[], drawn: boolean): string {
  const without = drawn ? told.length - Math.floor(MOST_POINTS / FEWEST_POINTS) : 0;
  return [
    wanted.length > told.length ? `${wanted.length - told.length} metrics: ask for fewer at once.` : '',
    without > 0 ? `The curves of the last ${without} metrics: ask for fewer at once.` : '',
  ]
    .filter((text) => text !== '')
    .join(' ');
}

function namesOf({ run, ancestors, names }: Line): string[] {
  const paths = [run.path, ...ancestors.map((each) => each.run.path)];
  return [...new Set(paths.flatMap((path) => names(path)))].sort();
}

/** What the run logged, after what its ancestors did. */
function seriesOf({ run, ancestors, series }: Line, name: string): Series | undefined {
  const own = series(run.path, name);
  if (ancestors.length === 0) return own;
  const past = ancestors.toReversed().map(({ run: { path }, until }) => ({ series: series(path, name), until }));
  return new JoinedSeries().sync([...past, { series: own, until: Infinity }]);
}

/** The metrics that there are; those of layers in one. Figures are the run's own. */
function listOf(line: Line, names: readonly string[]): object {
  const layers = new Map<string, string[]>();
  const single: string[] = [];
  for (const name of names) {
    const layer = layerOf(name);
    if (layer === undefined) single.push(name);
    else layers.set(layer.key, [...(layers.get(layer.key) ?? []), layer.layer]);
  }
  const all = [
    ...single.map((name) => {
      const own = line.series(line.run.path, name);
      const last = own === undefined || own.length === 0 ? {} : { last: figure(own.lastValue), lastStep: own.lastStep };
      return { metric: textFrom(name), points: own?.length ?? 0, ...last };
    }),
    ...[...layers].map(([key, of]) => ({ metric: textFrom(key), layers: of.map(Number).sort((a, b) => a - b) })),
  ];
  const metrics = fitting(all);
  return {
    metrics,
    next: 'Ask with "metrics" for summaries, and with "points" for curves; the name of a metric of layers stands for all of them.',
    ...(metrics.length === all.length
      ? {}
      : { leftOut: `${all.length - metrics.length} metrics: ask for them by name.` }),
  };
}

/** A metric by its name, or those of all layers by what they are. @throws InputProblem */
function named(typed: string, names: readonly string[], run: string): readonly string[] {
  if (names.includes(typed)) return [typed];
  const lower = typed.trim().toLowerCase();
  const found = names.filter((name) => name.toLowerCase() === lower || layerOf(name)?.key.toLowerCase() === lower);
  if (found.length > 0) return found;
  const known = [...new Set(names.map((name) => layerOf(name)?.key ?? name))];
  const near = known.filter((name) => name.toLowerCase().includes(lower));
  const listed = (near.length > 0 ? near : known).slice(0, MOST_NAMES).map((name) => textFrom(name));
  const more = (near.length > 0 ? near : known).length - listed.length;
  throw new InputProblem(
    `${textFrom(run)} logged no metric “${textFrom(typed)}”. It logged ${listed.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`,
  );
}

interface Point {
  readonly step: number;
  readonly value: Figure;
}

/** A metric within a range of steps: what it came to, and its curve where points are asked for. */
export function metricAnswer(name: string, series: Series | undefined, range: Range, points?: number): object {
  const first = series?.axis.before(range[0], series.length) ?? 0;
  const end = series?.axis.upTo(range[1], series.length) ?? 0;
  const kind = isEvaluation(name) ? 'evaluation' : isDrawnAsLogged(name) ? 'schedule' : 'training';
  const about = { metric: textFrom(name), kind, points: Math.max(0, end - first) };
  if (series === undefined || end <= first) return about;
  return {
    ...about,
    ...summaryOf(series, first, end),
    ...(points === undefined ? {} : { curve: curveOf(series, first, end, range, points) }),
  };
}

function summaryOf(series: Series, first: number, end: number): object {
  const { steps, values } = series;
  let low = -1;
  let high = -1;
  let notFinite = 0;
  const where: number[] = [];
  for (let at = first; at < end; at += 1) {
    const value = values[at] as number;
    if (!Number.isFinite(value)) {
      notFinite += 1;
      if (where.length < MOST_STEPS) where.push(steps[at] as number);
      continue;
    }
    if (low < 0 || value < (values[low] as number)) low = at;
    if (high < 0 || value > (values[high] as number)) high = at;
  }
  const point = (at: number): Point => ({ step: steps[at] as number, value: figure(values[at]) });
  return {
    first: point(first),
    last: point(end - 1),
    ...(low < 0 ? {} : { min: point(low), max: point(high) }),
    ...(notFinite === 0
      ? {}
      : { notFinite: { count: notFinite, [notFinite > where.length ? 'firstSteps' : 'steps']: where } }),
  };
}

function curveOf(series: Series, first: number, end: number, range: Range, points: number): object {
  if (end - first <= points) {
    const { steps, values } = series;
    const rows = Array.from({ length: end - first }, (_, at) => [steps[first + at], rounded(values[first + at])]);
    return { columns: ['step', 'value'], rows };
  }
  // A stretch says two values: half as many as there may be points.
  const [from, to] = [series.steps[first] as number, series.steps[end - 1] as number];
  const view = new Trace(series, 0).view({
    axis: 'step',
    origin: 0,
    range: [Math.max(from, range[0]), Math.min(to, range[1])],
    width: Math.floor(points / 2),
  });
  const rows: unknown[][] = [];
  for (let at = 0; at < view.x.length; at += 2) {
    const [left, right] = [view.x[at] as number, view.x[at + 1] as number];
    if (right >= from && left <= to)
      rows.push([left, right, stretchFigure(view.low[at]), stretchFigure(view.high[at])]);
  }
  return {
    columns: ['fromStep', 'toStep', 'min', 'max'],
    each: `${view.bucket} logged points; null where none of them is finite`,
    rows,
  };
}

function rounded(value: number | undefined): Figure {
  return value === undefined || !Number.isFinite(value) ? figure(value) : Number(value.toPrecision(DIGITS));
}

/** A stretch in which nothing is finite has no extremes. */
function stretchFigure(value: number | undefined): Figure {
  return Number.isNaN(value) ? null : rounded(value);
}
