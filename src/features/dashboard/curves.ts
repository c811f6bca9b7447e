/** The curves that a page shows: whole when it asks or when the past changed, otherwise only what was appended. */
import { averageAfter, stampOf, type Stretch } from '../../core/metrics/joined';
import type { Series } from '../../core/metrics/series';
import { Trace, type PointCounts, type TraceView, type TraceWindow, type XAxis } from '../../core/metrics/trace';
import type { Curve, CurvesMessage, PointsMessage, WatchMessage, WatchedCurve } from '../../protocol/dashboard';
import { figure } from './facts';

/** Where curves come from: a run's series (of its lineage, for the focused run) and the step that its relative axis starts at. */
export interface CurveSource {
  series(run: string, metric: string): Series | undefined;
  /** What the run's ancestors logged of it where `series` begins with the run's own points: its average goes on from theirs. */
  past(run: string, metric: string): readonly Stretch[];
  /** A schedule, an evaluation or what is logged seldom: no average of it is drawn. */
  isAsLogged(run: string, metric: string): boolean;
  origin(run: string): number;
}

interface Watched {
  readonly curve: WatchedCurve;
  trace: Trace | undefined;
  /** Of the trace, among those of its series. */
  key: string;
  /** What the page has: points of the series, at which revision, and how many of them came as increments. */
  sent: number;
  revision: number;
  appended: number;
}

/** An ArrayBuffer of exactly the view's bytes: posting a view ships the whole buffer behind it. */
function buffer(values: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>): ArrayBuffer {
  return values.slice().buffer;
}

const NO_BYTES = new ArrayBuffer(0);
const NO_POINTS: PointCounts = { points: 0, notPositive: 0, notFinite: 0 };

function curveMessage(curve: WatchedCurve, view: TraceView, trace: Trace | undefined, inWindow: PointCounts): Curve {
  const { run, metric } = curve;
  const newest = trace === undefined || trace.series.length === 0 ? null : trace.series.lastValue;
  const exact = view.bucket === 1;
  return {
    run,
    metric,
    x: buffer(view.x),
    low: buffer(view.low),
    high: buffer(view.high),
    line: buffer(view.line),
    value: exact ? NO_BYTES : buffer(view.value),
    average: exact ? NO_BYTES : buffer(view.average),
    bucket: view.bucket,
    smoothing: trace?.smoothing ?? 0,
    inWindow,
    newest: figure(newest),
    last: figure(newest !== null && Number.isFinite(newest) ? trace?.lastLine : newest),
  };
}

export class WatchedCurves {
  private request = -1;
  private axis: XAxis = 'step';
  private range: readonly [number, number] | null = null;
  private watched: Watched[] = [];
  private readonly traces = new WeakMap<Series, Map<string, Trace>>();

  constructor(private readonly source: CurveSource) {}

  /** Runs that the page shows curves of. */
  get runs(): ReadonlySet<string> {
    return new Set(this.watched.map((entry) => entry.curve.run));
  }

  /** The trace of a series with a smoothing, kept while it is shown: its pyramid is what makes zooming cheap. */
  trace(series: Series, smoothing: number, past: readonly Stretch[] = []): Trace {
    const key = keyOf(series, smoothing, past);
    const byKey = this.traces.get(series) ?? new Map<string, Trace>();
    this.traces.set(series, byKey);
    let trace = byKey.get(key);
    if (trace === undefined) {
      const before = past.length === 0 ? undefined : averageAfter(past, firstStep(series), smoothing);
      trace = new Trace(series, smoothing, before);
      byKey.set(key, trace);
    }
    return trace;
  }

  /** The page shows these from now on. */
  watch(message: WatchMessage): CurvesMessage {
    this.request = message.request;
    this.axis = message.axis;
    this.range = message.range;
    const before = this.watched;
    this.watched = message.curves.map((curve) => ({
      curve,
      trace: undefined,
      key: '',
      sent: 0,
      revision: 0,
      appended: 0,
    }));
    const curves = this.watched.map((entry) => this.whole(entry));
    const now = new Set(this.watched.map((entry) => entry.trace));
    for (const { trace, key } of before)
      if (trace !== undefined && !now.has(trace)) this.traces.get(trace.series)?.delete(key);
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
        // Its past was read meanwhile, or it has turned out to be a sparse one.
        entry.key !== this.wanted(entry.curve, series).key ||
        entry.appended + grown > 2 * entry.curve.width
      ) {
        whole.push(this.whole(entry));
        continue;
      }
      if (grown <= 0 || this.endsBefore(series, entry)) continue;
      const view = entry.trace.tail(this.axis, this.source.origin(entry.curve.run), entry.sent);
      points.push(curveMessage(entry.curve, view, entry.trace, entry.trace.counts(this.windowOf(entry.curve))));
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

  private windowOf(curve: WatchedCurve): TraceWindow {
    return { axis: this.axis, origin: this.source.origin(curve.run), range: this.range, width: curve.width };
  }

  /** How the source says that the curve is averaged, whatever the page would like. */
  private wanted(
    { run, metric, smoothing }: WatchedCurve,
    series: Series,
  ): { smoothing: number; past: readonly Stretch[]; key: string } {
    const effective = this.source.isAsLogged(run, metric) ? 0 : smoothing;
    const past = effective === 0 ? [] : this.source.past(run, metric);
    return { smoothing: effective, past, key: keyOf(series, effective, past) };
  }

  private whole(entry: Watched): Curve {
    const { curve } = entry;
    const series = this.source.series(curve.run, curve.metric);
    entry.trace = undefined;
    if (series !== undefined) {
      const { smoothing, past, key } = this.wanted(curve, series);
      if (key !== entry.key) this.traces.get(series)?.delete(entry.key);
      entry.key = key;
      entry.trace = this.trace(series, smoothing, past);
    }
    entry.sent = series?.length ?? 0;
    entry.revision = series?.revision ?? 0;
    entry.appended = 0;
    const window = this.windowOf(curve);
    return curveMessage(
      curve,
      entry.trace?.view(window) ?? nothing(),
      entry.trace,
      entry.trace?.counts(window) ?? NO_POINTS,
    );
  }
}

function nothing(): TraceView {
  const none = new Float32Array(0);
  return { bucket: 1, x: new Float64Array(0), low: none, high: none, line: none, value: none, average: none };
}

function firstStep(series: Series): number {
  return series.length === 0 ? Number.POSITIVE_INFINITY : series.axis.stepAt(0);
}

function keyOf(series: Series, smoothing: number, past: readonly Stretch[]): string {
  return past.length === 0 ? String(smoothing) : `${smoothing} after ${stampOf(past, firstStep(series))}`;
}
