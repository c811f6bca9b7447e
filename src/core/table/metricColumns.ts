/** Metrics as columns of the table of runs: the last value of each, and of an evaluation the best. */
import { betterOf, type MetricFigures } from '../metrics/better';
import { isEvaluation, layerOf, metricEntry, placeOfMetric, TOKENS_PER_SECOND } from '../metrics/catalogue';
import { type Cell, cellOf, compareNames } from './cell';
import type { Column, ColumnKind } from './columns';

/** What begins the id of a metric's column; a colon is in no argument's name. */
const IDS = { last: 'last:', best: 'best:' } as const;

export interface MetricColumn {
  readonly metric: string;
  readonly figure: keyof MetricFigures;
}

/** Which figure of which metric a column has; undefined for a column that is none of a metric's. */
export function metricOf(id: string): MetricColumn | undefined {
  if (id.startsWith(IDS.last)) return { metric: id.slice(IDS.last.length), figure: 'last' };
  if (id.startsWith(IDS.best)) return { metric: id.slice(IDS.best.length), figure: 'best' };
  return undefined;
}

/** Metrics that have a column from the beginning. */
export const USUAL_METRICS: readonly string[] = [TOKENS_PER_SECOND];

const KINDS = { loss: 'loss', plain: 'figure', rate: 'rate', bytes: 'bytes' } as const satisfies Record<
  ReturnType<typeof metricEntry>['unit'],
  ColumnKind
>;

/** As they stand in lists: as the dashboard has its charts, then by name. */
export function inMetricOrder(metrics: Iterable<string>): string[] {
  const places = new Map([...new Set(metrics)].map((metric) => [metric, placeIn(metric)]));
  return [...places.keys()].sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0) || compareNames(a, b));
}

/** As the dashboard calls it; of a layer's, with the layer. */
function titleOf(metric: string): string {
  const layered = layerOf(metric);
  const { title } = metricEntry(layered?.key ?? metric);
  return layered === undefined ? title : `${title}, layer ${layered.layer}`;
}

function placeIn(metric: string): number {
  const place = placeOfMetric(layerOf(metric)?.key ?? metric);
  return place === -1 ? 1000 : place;
}

/** @param metrics as they are to stand */
export function metricColumns(metrics: readonly string[]): Column[] {
  return metrics.flatMap((metric) => {
    const { unit } = metricEntry(layerOf(metric)?.key ?? metric);
    const title = titleOf(metric);
    const better = betterOf(metric);
    const last: Column = {
      id: IDS.last + metric,
      title,
      kind: KINDS[unit],
      words: [metric],
      better,
      descendingFirst: better !== 'low',
      shown: USUAL_METRICS.includes(metric),
      width: widthFor(title),
      about: `${metric}, as it was last logged`,
    };
    if (better === null || !isEvaluation(metric)) return [last];
    const best: Column = {
      ...last,
      id: IDS.best + metric,
      title: `best ${title}`,
      words: [`best_${metric}`],
      shown: false,
      width: widthFor(`best ${title}`),
      about: `The ${better === 'low' ? 'lowest' : 'highest'} ${metric} that it logged`,
    };
    return [last, best];
  });
}

function widthFor(title: string): number {
  return Math.max(80, Math.min(200, 28 + 7 * title.length));
}

/** What of these columns a run has, each at its column's place. */
export function metricCells(columns: readonly string[], figures: ReadonlyMap<string, MetricFigures>): Cell[] {
  return columns.map((id) => {
    const of = metricOf(id);
    return of === undefined ? null : cellOf(figures.get(of.metric)?.[of.figure]);
  });
}

/** The metrics that these columns are of, each once. */
export function metricsOf(columns: Iterable<string>): string[] {
  return [...new Set([...columns].flatMap((id) => metricOf(id)?.metric ?? []))];
}
