/** The large chart: the focused run's band and smoothed line, the other runs' lines, and everything marked on them. */
import uPlot from 'uplot';
import { formatValue } from '../../../src/core/format';
import { domainOf, fullDomain, strokeOf, stageStretches, type App, type Part } from '../app';
import { loggedNear, nearestAt, type Columns } from '../curves';
import { averageShort, averageWords } from '../figureWords';
import { capital, shortStep } from '../../ui/figures';
import { h, setText } from '../../ui/dom';
import { airy, axisTitle, xAxisOptions, yAxisOptions } from '../../charts/axes';
import { drawBoundaries, drawEndings, drawMarks, drawOffScale, drawTints } from './overlays';
import { aligned, envelope, extremes, withoutOutliers, type Drawn } from './data';
import { chartKey, zoomingCursor, zoomingHooks, type ChartWindow } from './gestures';
import { Markers } from './markers';
import { axisWords, metricWords, MissingNote } from './notes';
import { followSize } from '../../charts/size';

/** As plain data: uPlot's enum of distributions is `const` and ambient, which isolated modules cannot use. 3 is logarithmic. */
export const LOGARITHMIC: object = { distr: 3 };

export const SYNC_KEY = 'npt-dashboard';

export class MainChart implements Part {
  readonly element: HTMLElement;
  private readonly plotBox = h('div', { class: 'plot', tabindex: 0, role: 'group' });
  private readonly readout = h('div', { class: 'readout', 'aria-hidden': 'true', hidden: true });
  private readonly empty = h('div', { class: 'empty' });
  private readonly missing: MissingNote;
  private readonly markers: Markers;
  private plot: uPlot | undefined;
  private app: App | undefined;
  private shape = '';

  constructor(private readonly window: ChartWindow) {
    this.markers = new Markers();
    this.missing = new MissingNote();
    this.element = h(
      'div',
      { class: 'main-chart' },
      this.plotBox,
      this.readout,
      this.empty,
      this.missing.element,
      this.markers.popover,
    );
    this.plotBox.addEventListener('keydown', (event) => {
      if (event.target === this.plotBox && chartKey(event, this.window)) event.preventDefault();
    });
    // For as long as the page lives.
    followSize(this.plotBox, () => this.plot);
  }

  /** Of the plot without its axis, in device pixels: as many columns as can be told apart. */
  get width(): number {
    return Math.max(64, (this.plotBox.clientWidth - 50) * Math.min(2, window.devicePixelRatio || 1));
  }

  /** The picture as it is, for saving. */
  get canvas(): HTMLCanvasElement | undefined {
    return this.plot?.ctx.canvas;
  }

  update(app: App): void {
    this.app = app;
    const { look, known } = app;
    const curves = this.drawn(app);
    const focused = app.curves.of(known.run.path, look.metric);
    const nothing = curves.every((each) => each.curve.x.length === 0);
    this.missing.update(app);
    this.empty.hidden = !nothing;
    if (nothing) setText(this.empty, emptyText(app));
    this.plotBox.setAttribute('aria-label', describe(app));
    const shape = JSON.stringify([
      look.overlay,
      known.run.path,
      look.axis,
      look.logY,
      look.spread,
      look.metric,
      app.theme,
      curves.length,
      curves.map((each) => each.curve.smoothing === 0),
    ]);
    const data = aligned(curves, look.logY);
    if (shape !== this.shape || this.plot === undefined) {
      this.shape = shape;
      this.rebuild(app, data);
    } else {
      this.plot.setData(data, true);
    }
    this.markers.update(app, this.plot, focused);
  }

  /** The focused run last, so that it is drawn on top; its band first, below everything. */
  private drawn(app: App): Drawn[] {
    const { look, known, curves } = app;
    const focused = curves.of(known.run.path, look.metric);
    const list: Drawn[] = [];
    if (focused !== undefined && look.spread && hasSpread(focused)) {
      const [from, until] = domainOf(app);
      list.push({ curve: envelope(focused, from, until, this.plotBox.clientWidth), columns: ['high', 'low'] });
    }
    for (const path of look.overlay) {
      const curve = curves.of(path, look.metric);
      if (curve !== undefined) list.push({ curve, columns: ['line'] });
    }
    if (focused !== undefined) list.push({ curve: focused, columns: ['line'] });
    return list;
  }

  private rebuild(app: App, data: uPlot.AlignedData): void {
    this.plot?.destroy();
    const { look, known, theme } = app;
    const focused = app.curves.of(known.run.path, look.metric);
    const own = strokeOf(app, known.run.path);
    const series: uPlot.Series[] = [{}];
    const bands: uPlot.Band[] = [];
    const edge: uPlot.Series = {
      stroke: withAlpha(own.color, theme.spreadAlpha * 1.6),
      width: 0.75,
      points: { show: false },
    };
    if (focused !== undefined && look.spread && hasSpread(focused)) {
      series.push({ ...edge }, { ...edge });
      bands.push({ series: [1, 2], fill: withAlpha(own.color, theme.spreadAlpha) });
    }
    for (const path of look.overlay) {
      if (app.curves.of(path, look.metric) === undefined) continue;
      const { color, dash } = strokeOf(app, path);
      series.push({
        stroke: color,
        width: 1.5,
        dash: [...dash],
        points: { show: () => this.arePoints(path), size: 4, fill: color },
      });
    }
    if (focused !== undefined) {
      series.push({
        stroke: (u) => this.ownStroke(u, own.color),
        width: 2,
        points: { show: () => this.arePoints(known.run.path), size: 5, fill: own.color },
      });
    }
    const hooks = zoomingHooks(this.window);
    this.plot = new uPlot(
      {
        width: Math.max(120, this.plotBox.clientWidth),
        height: Math.max(120, this.plotBox.clientHeight),
        padding: [4, 14, 0, 0],
        legend: { show: false },
        focus: { alpha: 1 },
        series,
        bands,
        scales: {
          x: { time: look.axis === 'time', range: () => (this.app === undefined ? [0, 1] : domainOf(this.app)) },
          y: { ...(look.logY ? LOGARITHMIC : {}), range: () => this.limits() },
        },
        axes: [
          { ...xAxisOptions(look.axis, theme, 90), ...axisTitle(theme, axisWords(look.axis)) },
          {
            ...yAxisOptions(theme, () => this.app?.look.logY === true, 34, 44),
            ...axisTitle(theme, metricWords(look.metric, look.logY)),
          },
        ],
        // The readout names the values; a dot on the band's edges as well would say less.
        cursor: {
          ...zoomingCursor(this.window, SYNC_KEY, (place) => this.logged(place)),
          points: { show: false },
        },
        hooks: {
          ...hooks,
          drawClear: [
            (u) => {
              if (this.app !== undefined) drawTints(u, this.app);
            },
          ],
          draw: [
            (u) => {
              this.drawOver(u);
            },
          ],
          setCursor: [
            (u) => {
              this.readAt(u);
            },
          ],
        },
      },
      data,
      this.plotBox,
    );
    this.markers.attach(this.plot);
  }

  /** Few enough to be seen one by one: each was logged there, and nothing between. */
  private arePoints(path: string): boolean {
    const curve = this.app?.curves.of(path, this.app.look.metric);
    if (curve === undefined || curve.bucket > 1) return false;
    return curve.x.length <= 2 || (curve.smoothing === 0 && curve.x.length <= this.plotBox.clientWidth / 12);
  }

  private drawOver(u: uPlot): void {
    if (this.app === undefined) return;
    const focused = this.app.curves.of(this.app.known.run.path, this.app.look.metric);
    drawBoundaries(u, this.app, true);
    drawEndings(u, this.app);
    drawMarks(u, this.app, this.app.look.metric.includes('loss') ? focused : undefined);
    if (this.app.look.logY) drawOffScale(u, this.app);
    this.markers.update(this.app, u, focused);
  }

  /** A branch's inherited past is paler than what it trained itself. */
  private ownStroke(u: uPlot, color: string): CanvasGradient | string {
    const app = this.app;
    if (app === undefined || app.known.run.parentPath === null || app.look.axis === 'time' || u.bbox.width === 0)
      return color;
    const born = app.look.axis === 'relative' ? 0 : app.known.run.origin;
    const share = (u.valToPos(born, 'x', true) - u.bbox.left) / u.bbox.width;
    if (!(share > 0)) return color;
    const gradient = u.ctx.createLinearGradient(u.bbox.left, 0, u.bbox.left + u.bbox.width, 0);
    const stop = Math.min(1, share);
    gradient.addColorStop(0, withAlpha(color, 0.5));
    gradient.addColorStop(stop, withAlpha(color, 0.5));
    gradient.addColorStop(stop, color);
    gradient.addColorStop(1, color);
    return gradient;
  }

  private limits(): [number, number] {
    const app = this.app;
    if (app === undefined) return [0, 1];
    const { look, known, curves } = app;
    const [from, until] = domainOf(app);
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    const widen = ([least, most]: [number, number]): void => {
      if (least < low) low = least;
      if (most > high) high = most;
    };
    const focused = curves.of(known.run.path, look.metric);
    if (focused !== undefined) {
      if (look.clip) widen(withoutOutliers(focused, from, until, look.logY));
      else widen(extremes(focused, from, until, focused.line, focused.line, look.logY));
      if (look.spread && !look.clip) widen(extremes(focused, from, until, focused.low, focused.high, look.logY));
    }
    for (const path of look.overlay) {
      const curve = curves.of(path, look.metric);
      if (curve === undefined) continue;
      widen(
        look.clip
          ? withoutOutliers({ ...curve, low: curve.line, high: curve.line }, from, until, look.logY)
          : extremes(curve, from, until, curve.line, curve.line, look.logY),
      );
    }
    return airy(low, high, look.logY);
  }

  /** The place nearest to this one at which something was logged: by the focused run, else by one beside it. */
  private logged(place: number): number {
    const app = this.app;
    if (app === undefined) return place;
    let nearest = Number.NaN;
    for (const path of [app.known.run.path, ...app.look.overlay]) {
      const x = app.curves.of(path, app.look.metric)?.x;
      const found = x?.[nearestAt(x, place)];
      if (found === undefined) continue;
      const within = x !== undefined && place >= (x[0] as number) && place <= (x[x.length - 1] as number);
      if (within) return found;
      if (!(Math.abs(found - place) >= Math.abs(nearest - place))) nearest = found;
    }
    return Number.isNaN(nearest) ? place : nearest;
  }

  private readAt(u: uPlot): void {
    const app = this.app;
    const left = u.cursor.left ?? -1;
    if (app === undefined || left < 0) {
      this.readout.hidden = true;
      return;
    }
    const place = this.logged(u.posToVal(left, 'x'));
    const { look, known } = app;
    const parts: HTMLElement[] = [h('b', {}, placeText(app, place))];
    for (const path of [known.run.path, ...look.overlay]) {
      const curve = app.curves.of(path, look.metric);
      const logged = curve === undefined ? undefined : loggedNear(curve, place);
      if (curve === undefined || logged === undefined) continue;
      const swatch = h('i');
      swatch.style.backgroundColor = strokeOf(app, path).color;
      const name = look.overlay.length > 0 ? (known.runs.find((run) => run.path === path)?.name ?? '') : '';
      parts.push(h('span', {}, swatch, `${name} ${figuresAt(app, curve, logged, place)}`.trim()));
    }
    this.readout.hidden = parts.length < 2;
    this.readout.replaceChildren(...parts);
  }
}

/** What one line's figures are at a place: which are averages, which were logged, and at which step where not at the cursor's. */
function figuresAt(
  app: App,
  curve: Columns,
  logged: { readonly x: number; readonly value: number; readonly average: number; readonly index: number },
  place: number,
): string {
  const words: string[] = [];
  const { smoothing, bucket } = curve;
  if (smoothing > 0) words.push(`${formatValue(logged.average)} ${averageShort(smoothing)}`);
  words.push(`${formatValue(logged.value)} logged`);
  if (bucket > 1) {
    const [low, high] = [curve.low[logged.index] as number, curve.high[logged.index] as number];
    words.push(`${formatValue(low)} to ${formatValue(high)} in ${bucket} points`);
  }
  if (logged.x !== place) words.push(`at ${whereText(app, logged.x)}`);
  return words.join(' · ');
}

/** A band has a height where several points share a pixel, or an average lies within what was logged. */
function hasSpread(curve: Columns): boolean {
  return curve.smoothing > 0 || curve.bucket > 1;
}

function whereText({ look }: App, place: number): string {
  if (look.axis === 'time') return new Date(place * 1000).toLocaleTimeString();
  return `${look.axis === 'relative' ? '+' : 'step '}${Math.round(place).toLocaleString('en-US')}`;
}

function placeText(app: App, place: number): string {
  if (app.look.axis === 'time') return whereText(app, place);
  const stage = stageStretches(app).find((stretch) => place >= stretch.from && place < stretch.until);
  const step = whereText(app, place);
  return stage === undefined ? step : `${step} · ${stage.name}`;
}

function emptyText(app: App): string {
  const { known, look } = app;
  if (known.metrics.length === 0) {
    return known.run.state === 'training'
      ? 'Waiting for the first logged step…'
      : 'This run has not logged any metrics: there is no metrics.jsonl (or training_log.jsonl) in its folder.';
  }
  return known.metrics.includes(look.metric)
    ? 'No points in this window. Double-click to see everything.'
    : `This run does not log ${look.metric}.`;
}

/** What the chart shows, for those who do not see it. */
function describe(app: App): string {
  const { known, look } = app;
  const [from, until] = domainOf(app);
  const [, end] = fullDomain(app);
  const window = look.axis === 'time' ? 'over time' : `steps ${shortStep(from)} to ${shortStep(Math.min(until, end))}`;
  const curve = app.curves.of(known.run.path, look.metric);
  const last = curve?.last ?? null;
  const now =
    curve === undefined || last === null
      ? 'no points yet'
      : `${formatValue(last)} (${averageWords(curve.smoothing)}) at the end`;
  return `${capital(metricWords(look.metric, look.logY))} of ${known.run.name}, ${window}, ${now}. Arrow keys move and zoom, 0 shows everything. The table below has the figures.`;
}

/** A theme's colour, more transparent. */
function withAlpha(color: string, alpha: number): string {
  return `color-mix(in srgb, ${color} ${Math.round(alpha * 100)}%, transparent)`;
}
