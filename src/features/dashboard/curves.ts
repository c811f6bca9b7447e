/** The curves that a page shows: whole when it asks or when the past changed, otherwise only what was appended. */
import type { Series } from '../../core/metrics/series';
import { Trace, type TraceView, type XAxis } from '../../core/metrics/trace';
import type { Curve, CurvesMessage, PointsMessage, WatchMessage, WatchedCurve } from '../../protocol/dashboard';
import { figure } from './facts';

/** Where curves come from: a run's series (of its lineage, for the focused run) and the step that its relative axis starts at. */
export interface CurveSource {
  series(run: string, metric: string): Series | undefined;
  origin(run: string): number;
}

interface Watched {
  readonly curve: WatchedCurve;
  trace: Trace | undefined;
  /** What the page has: points of the series, at which revision, and how many of them came as increments. */
  sent: number;
  revision: number;
  appended: number;
}

/** An ArrayBuffer of exactly the view's bytes: posting a view ships the whole buffer behind it. */
function buffer(values: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>): ArrayBuffer {
  return values.slice().buffer;
}

function curveMessage(curve: WatchedCurve, view: TraceView, trace: Trace | undefined): Curve {
  const { run, metric } = curve;
  const newest = trace === undefined || trace.series.length === 0 ? null : trace.series.lastValue;
  return {
    run,
    metric,
    x: buffer(view.x),
    low: buffer(view.low),
    high: buffer(view.high),
    line: buffer(view.line),
    last: figure(newest !== null && Number.isFinite(newest) ? trace?.lastLine : newest),
  };
}

export class WatchedCurves {
  private request = -1;
  private axis: XAxis = 'step';
  private range: readonly [number, number] | null = null;
  private watched: Watched[] = [];
  private readonly traces = new WeakMap<Series, Map<number, Trace>>();

  constructor(private readonly source: CurveSource) {}

  /** Runs that the page shows curves of. */
  get runs(): ReadonlySet<string> {
    return new Set(this.watched.map((entry) => entry.curve.run));
  }

  /** The trace of a series with a smoothing, kept while it is shown: its pyramid is what makes zooming cheap. */
  trace(series: Series, smoothing: number): Trace {
    const bySmoothing = this.traces.get(series) ?? new Map<number, Trace>();
    this.traces.set(series, bySmoothing);
    const trace = bySmoothing.get(smoothing) ?? new Trace(series, smoothing);
    bySmoothing.set(smoothing, trace);
    return trace;
  }

  /** The page shows these from now on. */
  watch(message: WatchMessage): CurvesMessage {
    this.request = message.request;
    this.axis = message.axis;
    this.range = message.range;
    const before = new Set(this.watched.map((entry) => entry.trace));
    this.watched = message.curves.map((curve) => ({ curve, trace: undefined, sent: 0, revision: 0, appended: 0 }));
    const curves = this.watched.map((entry) => this.whole(entry));
    const now = new Set(this.watched.map((entry) => entry.trace));
    for (const trace of before)
      if (trace !== undefined && !now.has(trace)) this.traces.get(trace.series)?.delete(trace.smoothing);
    return { type: 'curves', request: this.request, curves };
  }

  /** What changed since the last message, as few bytes as will do. */
  increments(): (CurvesMessage | PointsMessage)[] {
    const whole: Curve[] = [];
    const points: Curve[] = [];
    for (const entry of this.watched) {
      const series = this.source.series(entry.curve.run, entry.curve.metric);
      if (series === undefined && entry.trace === undefined) continue;
      const grown = (series?.length ?? 0) - entry.sent;
      if (
        series === undefined ||
        series !== entry.trace?.series ||
        series.revision !== entry.revision ||
        entry.appended + grown > 2 * entry.curve.width
      ) {
        whole.push(this.whole(entry));
        continue;
      }
      if (grown <= 0 || this.endsBefore(series, entry)) continue;
      const view = entry.trace.tail(this.axis, this.source.origin(entry.curve.run), entry.sent);
      points.push(curveMessage(entry.curve, view, entry.trace));
      entry.sent = series.length;
      entry.appended += grown;
    }
    const messages: (CurvesMessage | PointsMessage)[] = [];
    if (whole.length > 0) messages.push({ type: 'curves', request: this.request, curves: whole });
    if (points.length > 0) messages.push({ type: 'points', request: this.request, curves: points });
    return messages;
  }

  /** The window ends before what the page already has: more would not be seen. */
  private endsBefore(series: Series, entry: Watched): boolean {
    if (this.range === null || entry.sent === 0) return false;
    const along = this.axis === 'time' ? series.times : series.steps;
    const shift = this.axis === 'relative' ? this.source.origin(entry.curve.run) : 0;
    return (along[entry.sent - 1] as number) - shift > this.range[1];
  }

  private whole(entry: Watched): Curve {
    const { curve } = entry;
    const series = this.source.series(curve.run, curve.metric);
    entry.trace = series === undefined ? undefined : this.trace(series, curve.smoothing);
    entry.sent = series?.length ?? 0;
    entry.revision = series?.revision ?? 0;
    entry.appended = 0;
    const window = { axis: this.axis, origin: this.source.origin(curve.run), range: this.range, width: curve.width };
    const nothing = new Float32Array(0);
    const view = entry.trace?.view(window) ?? { x: new Float64Array(0), low: nothing, high: nothing, line: nothing };
    return curveMessage(curve, view, entry.trace);
  }
}
