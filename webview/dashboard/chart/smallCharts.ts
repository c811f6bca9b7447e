/** The small charts: one a metric, one a group of per-layer metrics; same window and cursor as the large one. */
import uPlot from 'uplot';
import { formatBytes, formatRate, formatValue } from '../../../src/core/format';
import {
  layerOf,
  metricEntry,
  placeOfMetric,
  type MetricEntry,
  type MetricUnit,
} from '../../../src/core/metrics/catalogue';
import { domainOf, type App, type Part } from '../app';
import { asText, h, setText, setTitle } from '../../ui/dom';
import { airy, xAxisOptions, yAxisOptions } from '../../charts/axes';
import { drawBoundaries, drawTints } from './overlays';
import { nearestAt } from '../curves';
import { averageWords } from '../figureWords';
import { aligned, extremes } from './data';
import { chartKey, zoomingCursor, zoomingHooks, type ChartWindow } from './gestures';
import { LOGARITHMIC, SYNC_KEY } from './mainChart';
import { axisWords, metricWords } from './notes';
import { followSize } from '../../charts/size';

/** A small chart's subject. */
export interface Card extends MetricEntry {
  /** More than one: a line a layer. */
  readonly metrics: readonly string[];
}

/** At first glance; the rest is behind the groups. */
const MOST_FIRST = 6;

/** Metrics as cards, per-layer ones together, in order of name. */
function cardsOf(metrics: readonly string[]): Card[] {
  const groups = new Map<string, string[]>();
  for (const metric of [...metrics].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))) {
    const key = layerOf(metric)?.key ?? metric;
    groups.set(key, [...(groups.get(key) ?? []), metric]);
  }
  return [...groups].map(([key, members]) => ({ ...metricEntry(key), metrics: members }));
}

/** The cards shown at once, and the others by prefix. The large chart's metric is not repeated. */
function arrange(metrics: readonly string[], main: string): { first: Card[]; groups: Map<string, Card[]> } {
  const cards = cardsOf(metrics).filter((card) => card.key !== main);
  const first = cards
    .filter((card) => card.first)
    .sort((a, b) => placeOfMetric(a.key) - placeOfMetric(b.key))
    .slice(0, MOST_FIRST);
  const groups = new Map<string, Card[]>();
  for (const card of cards) {
    if (first.includes(card)) continue;
    const prefix = card.key.includes('/')
      ? (card.key.split('/')[0] as string)
      : card.key !== card.metrics[0]
        ? 'per layer'
        : 'other';
    groups.set(prefix, [...(groups.get(prefix) ?? []), card]);
  }
  return { first, groups };
}

function valueText(unit: MetricUnit, value: number | null): string {
  if (value === null) return '–';
  if (!Number.isFinite(value)) return formatValue(value);
  switch (unit) {
    case 'bytes':
      return formatBytes(value);
    case 'rate':
      return formatRate(value);
    case 'loss':
      return formatValue(Number(value.toPrecision(4)));
    case 'plain':
      return formatValue(Number(value.toPrecision(3)));
  }
}

export class SmallChart implements Part {
  readonly element: HTMLElement;
  private readonly value = h('span', { class: 'value' });
  private readonly trend = h('span', { class: 'trend' });
  private readonly plotBox = h('div', { class: 'plot', tabindex: 0, role: 'img' });
  private plot: uPlot | undefined;
  private app: App | undefined;
  private shape = '';
  private readonly observer: ResizeObserver;

  constructor(
    readonly card: Card,
    private readonly window: ChartWindow,
  ) {
    const layers = card.metrics.length > 1 ? h('span', { class: 'layers' }) : null;
    this.element = h(
      'div',
      { class: 'card' },
      h('div', { class: 'head' }, h('span', { class: 'name' }, card.title), layers, this.value, this.trend),
      this.plotBox,
    );
    this.observer = followSize(this.plotBox, () => this.plot);
    this.plotBox.addEventListener('keydown', (event) => {
      if (chartKey(event, this.window)) event.preventDefault();
    });
  }

  get width(): number {
    return Math.max(64, (this.plotBox.clientWidth - 42) * Math.min(2, window.devicePixelRatio || 1));
  }

  dispose(): void {
    this.observer.disconnect();
    this.plot?.destroy();
  }

  update(app: App): void {
    this.app = app;
    const path = app.known.run.path;
    const curves = this.card.metrics.flatMap((metric) => app.curves.of(path, metric) ?? []);
    const data = aligned(
      curves.map((curve) => ({ curve, columns: ['line'] })),
      this.card.scale === 'log',
    );
    const shape = JSON.stringify([path, app.look.axis, app.theme, curves.length]);
    if (shape !== this.shape || this.plot === undefined) {
      this.shape = shape;
      this.rebuild(app, curves.length, data);
    } else {
      this.plot.setData(data, true);
    }
    this.describe(app);
  }

  private describe(app: App): void {
    const curves = this.card.metrics.flatMap((metric) => app.curves.of(app.known.run.path, metric) ?? []);
    const layered = this.card.metrics.length > 1;
    const layers = this.element.querySelector('.layers');
    if (layers !== null) {
      const wanted = this.card.metrics.map((metric) => layerOf(metric)?.layer ?? metric);
      if (layers.childElementCount !== wanted.length) {
        layers.replaceChildren(...wanted.map((layer) => h('span', { title: `layer ${layer}` }, layer)));
      }
      [...layers.children].forEach((child, index) => {
        if (child instanceof HTMLElement) child.style.color = this.layerColor(app, index);
      });
    }
    const only = curves[0];
    const last = only?.newest ?? null;
    setText(this.value, layered ? '' : valueText(this.card.unit, last));
    setTitle(this.value, 'As it was last logged');
    setTitle(
      this.element,
      `${this.card.metrics.map((metric) => metricWords(metric, this.card.scale === 'log')).join('\n')}\nby ${axisWords(app.look.axis)}, ${averageWords(only?.smoothing ?? 0)}`,
    );
    // What was logged before the last: only where every point of the end is there to be looked at.
    const before =
      only !== undefined && only.value.length > 1 && only.bucket === 1 && this.card.showsChange
        ? (only.value[only.value.length - 2] as number)
        : Number.NaN;
    const change = (last ?? Number.NaN) - before;
    setText(
      this.trend,
      Number.isNaN(change) || change === 0
        ? ''
        : `${change < 0 ? '▼' : '▲'} ${formatValue(Math.abs(Number(change.toPrecision(2))))}`,
    );
    this.plotBox.setAttribute(
      'aria-label',
      asText(
        layered
          ? `${this.card.title}, ${this.card.metrics.length} layers`
          : `${this.card.title}: last logged ${valueText(this.card.unit, last)}`,
      ),
    );
  }

  private layerColor(app: App, index: number): string {
    const { runs } = app.theme;
    return runs[index % runs.length]?.color ?? app.theme.foreground;
  }

  private rebuild(app: App, lines: number, data: uPlot.AlignedData): void {
    this.plot?.destroy();
    const { theme } = app;
    const series: uPlot.Series[] = [{}];
    for (let index = 0; index < lines; index += 1) {
      const color = this.layerColor(app, index);
      series.push({
        stroke: color,
        width: 1.25,
        // A few evaluations are points, not a curve.
        points: { show: (_u, at) => (this.plot?.data[at]?.length ?? 99) <= 12 && lines === 1, size: 4, fill: color },
      });
    }
    const bytes = this.card.unit === 'bytes';
    const log = this.card.scale === 'log';
    const yAxis = yAxisOptions(theme, () => log, 40, 24);
    const format = yAxis.values;
    this.plot = new uPlot(
      {
        width: Math.max(80, this.plotBox.clientWidth),
        height: Math.max(50, this.plotBox.clientHeight),
        padding: [6, 10, 0, 0],
        legend: { show: false },
        series,
        scales: {
          x: { time: app.look.axis === 'time', range: () => (this.app === undefined ? [0, 1] : domainOf(this.app)) },
          y: { ...(log ? LOGARITHMIC : {}), range: () => this.limits() },
        },
        axes: [
          xAxisOptions(app.look.axis, theme, app.look.axis === 'time' ? 66 : 50),
          {
            ...yAxis,
            ...(bytes ? { values: (_u: uPlot, ticks: number[]) => ticks.map(formatBytes) } : { values: format }),
          },
        ],
        cursor: zoomingCursor(this.window, SYNC_KEY, (place) => this.logged(place)),
        hooks: {
          ...zoomingHooks(this.window),
          drawClear: [
            (u) => {
              if (this.app !== undefined) drawTints(u, this.app);
            },
          ],
          draw: [
            (u) => {
              if (this.app !== undefined) drawBoundaries(u, this.app, false);
            },
          ],
        },
      },
      data,
      this.plotBox,
    );
  }

  /** The nearest place at which one of its metrics was logged. */
  private logged(place: number): number {
    const app = this.app;
    if (app === undefined) return place;
    for (const metric of this.card.metrics) {
      const x = app.curves.of(app.known.run.path, metric)?.x;
      const found = x?.[nearestAt(x, place)];
      if (found !== undefined) return found;
    }
    return place;
  }

  private limits(): [number, number] {
    const app = this.app;
    if (app === undefined) return [0, 1];
    const [from, until] = domainOf(app);
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const metric of this.card.metrics) {
      const curve = app.curves.of(app.known.run.path, metric);
      if (curve === undefined) continue;
      const [least, most] = extremes(curve, from, until, curve.line, curve.line, this.card.scale === 'log');
      if (least < low) low = least;
      if (most > high) high = most;
    }
    return airy(low, high, this.card.scale === 'log');
  }
}

/** The grid of small charts, and the folded groups of the others. */
export class SmallCharts implements Part {
  readonly element: HTMLElement;
  private readonly grid = h('div', { class: 'cards' });
  private readonly groups = h('div', { class: 'groups' });
  private readonly about = h('span', { class: 'dim' });
  private readonly charts = new Map<string, SmallChart>();
  private arranged = '';

  constructor(private readonly window: ChartWindow) {
    this.element = h(
      'section',
      { class: 'small-charts', 'aria-label': 'Other metrics' },
      h('h2', {}, 'Other metrics', this.about),
      this.grid,
      this.groups,
    );
  }

  /** Metrics that are drawn now, how wide, and whether as an average. */
  get watched(): { readonly metric: string; readonly width: number; readonly smoothed: boolean }[] {
    return [...this.charts.values()].flatMap(({ card, width }) =>
      card.metrics.map((metric) => ({ metric, width, smoothed: card.smoothed && card.metrics.length > 1 })),
    );
  }

  update(app: App): void {
    setText(this.about, `by ${axisWords(app.look.axis)} · figures as last logged`);
    const { first, groups } = arrange(app.known.metrics, app.look.metric);
    const arranged = JSON.stringify([first, [...groups], app.look.unfolded]);
    if (arranged !== this.arranged) {
      this.arranged = arranged;
      this.layOut(app, first, groups);
    }
    for (const chart of this.charts.values()) chart.update(app);
  }

  private layOut(app: App, first: readonly Card[], groups: ReadonlyMap<string, readonly Card[]>): void {
    const wanted = new Set<string>();
    const chartOf = (card: Card): HTMLElement => {
      const key = JSON.stringify(card);
      wanted.add(key);
      const chart = this.charts.get(key) ?? new SmallChart(card, this.window);
      this.charts.set(key, chart);
      return chart.element;
    };
    this.grid.replaceChildren(...first.map(chartOf));
    this.groups.replaceChildren(
      ...[...groups].map(([prefix, cards]) => {
        const open = app.look.unfolded.includes(prefix);
        const summary = h('summary', {}, prefix, h('span', { class: 'dim' }, ` ${cards.length}`));
        const details = h(
          'details',
          { open },
          summary,
          h('div', { class: 'cards' }, ...(open ? cards.map(chartOf) : [])),
        );
        details.addEventListener('toggle', () => {
          if (details.open === open) return;
          const others = app.look.unfolded.filter((each) => each !== prefix);
          app.change({ unfolded: details.open ? [...others, prefix] : others });
        });
        return details;
      }),
    );
    for (const [key, chart] of this.charts) {
      if (wanted.has(key)) continue;
      chart.dispose();
      this.charts.delete(key);
    }
  }
}
