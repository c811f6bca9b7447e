/** The large chart: the focused run's band and smoothed line, the other runs' lines, and everything marked on them. */
import uPlot from 'uplot';
import { formatValue } from '../../../src/core/format';
import { domainOf, fullDomain, strokeOf, stageStretches, type App, type Part } from '../app';
import { lineAt } from '../curves';
import { capital, shortStep } from '../../ui/figures';
import { h, setText } from '../../ui/dom';
import { airy, xAxisOptions, yAxisOptions } from '../../charts/axes';
import { drawBoundaries, drawEndings, drawMarks, drawTints } from './overlays';
import { aligned, envelope, extremes, withoutOutliers, type Drawn } from './data';
import { chartKey, zoomingCursor, zoomingHooks, type ChartWindow } from './gestures';
import { Markers } from './markers';
import { followSize } from '../../charts/size';

/** As plain data: uPlot's enum of distributions is `const` and ambient, which isolated modules cannot use. 3 is logarithmic. */
export const LOGARITHMIC: object = { distr: 3 };

export const SYNC_KEY = 'npt-dashboard';

export class MainChart implements Part {
  readonly element: HTMLElement;
  private readonly plotBox = h('div', { class: 'plot', tabindex: 0, role: 'group' });
  private readonly readout = h('div', { class: 'readout', 'aria-hidden': 'true', hidden: true });
  private readonly empty = h('div', { class: 'empty' });
  private readonly markers: Markers;
  private plot: uPlot | undefined;
  private app: App | undefined;
  private shape = '';

  constructor(private readonly window: ChartWindow) {
    this.markers = new Markers();
    this.element = h('div', { class: 'main-chart' }, this.plotBox, this.readout, this.empty, this.markers.popover);
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
    if (focused !== undefined && look.spread) {
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
    if (focused !== undefined && look.spread) {
      series.push({ ...edge }, { ...edge });
      bands.push({ series: [1, 2], fill: withAlpha(own.color, theme.spreadAlpha) });
    }
    for (const path of look.overlay) {
      if (app.curves.of(path, look.metric) === undefined) continue;
      const { color, dash } = strokeOf(app, path);
      series.push({ stroke: color, width: 1.5, dash: [...dash], points: { show: false } });
    }
    if (focused !== undefined) {
      series.push({
        stroke: (u) => this.ownStroke(u, own.color),
        width: 2,
        points: { show: (u) => u.data[0].length > 0 && this.focusedLength() <= 2, size: 5, fill: own.color },
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
        axes: [xAxisOptions(look.axis, theme, 90), yAxisOptions(theme, () => this.app?.look.logY === true, 34, 44)],
        // The readout names the values; a dot on the band's edges as well would say less.
        cursor: { ...zoomingCursor(this.window, SYNC_KEY), points: { show: false } },
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

  private focusedLength(): number {
    return this.app?.curves.of(this.app.known.run.path, this.app.look.metric)?.x.length ?? 0;
  }

  private drawOver(u: uPlot): void {
    if (this.app === undefined) return;
    const focused = this.app.curves.of(this.app.known.run.path, this.app.look.metric);
    drawBoundaries(u, this.app, true);
    drawEndings(u, this.app);
    drawMarks(u, this.app, this.app.look.metric.includes('loss') ? focused : undefined);
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

  private readAt(u: uPlot): void {
    const app = this.app;
    const left = u.cursor.left ?? -1;
    if (app === undefined || left < 0) {
      this.readout.hidden = true;
      return;
    }
    const place = u.posToVal(left, 'x');
    const { look, known } = app;
    const parts: HTMLElement[] = [h('b', {}, placeText(app, place))];
    for (const path of [known.run.path, ...look.overlay]) {
      const curve = app.curves.of(path, look.metric);
      if (curve === undefined) continue;
      const value = lineAt(curve, place);
      if (Number.isNaN(value)) continue;
      const swatch = h('i');
      swatch.style.backgroundColor = strokeOf(app, path).color;
      const name = known.runs.find((run) => run.path === path)?.name ?? '';
      parts.push(h('span', {}, swatch, `${look.overlay.length > 0 ? `${name} ` : ''}${formatValue(value)}`));
    }
    this.readout.hidden = parts.length < 2;
    this.readout.replaceChildren(...parts);
  }
}

function placeText(app: App, place: number): string {
  if (app.look.axis === 'time') return new Date(place * 1000).toLocaleTimeString();
  const stage = stageStretches(app).find((stretch) => place >= stretch.from && place < stretch.until);
  const step = `${app.look.axis === 'relative' ? '+' : 'step '}${Math.round(place).toLocaleString('en-US')}`;
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
  const last = curve === undefined || curve.line.length === 0 ? null : (curve.line[curve.line.length - 1] as number);
  const now = last === null ? 'no points yet' : `${formatValue(last)} at the end`;
  return `${capital(look.metric)} of ${known.run.name}, ${window}, ${now}. Arrow keys move and zoom, 0 shows everything. The table below has the figures.`;
}

/** A theme's colour, more transparent. */
function withAlpha(color: string, alpha: number): string {
  return `color-mix(in srgb, ${color} ${Math.round(alpha * 100)}%, transparent)`;
}
