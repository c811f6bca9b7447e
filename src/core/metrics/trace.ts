/** What a chart draws of a series: any window, at any width, with its smoothed line, from at most two points a pixel. */
import { MinMaxPyramid, type PyramidLevel } from './pyramid';
import { lowerBound, upperBound } from './axis';
import type { Series } from './series';
import { emaStart, extendEma, type EmaState } from './smooth';

/** `step`: the global step; `relative`: steps since the run's own start; `time`: Unix seconds. */
export const X_AXES = ['step', 'relative', 'time'] as const;
export type XAxis = (typeof X_AXES)[number];

/** Columns of equal length, ascending in x. Where a bucket stands for several points it gives two columns, at its first and last x. */
export interface TraceView {
  /** Points that two columns stand for; 1: each column is a point. */
  readonly bucket: number;
  readonly x: Float64Array<ArrayBuffer>;
  readonly low: Float32Array<ArrayBuffer>;
  readonly high: Float32Array<ArrayBuffer>;
  /** The smoothed line; NaN is a gap. Of a bucket, its extremes: no turn of the line is lost. */
  readonly line: Float32Array<ArrayBuffer>;
  /** What was logged at just this x, and the average there: `low` and `line` themselves where each column is a point. */
  readonly value: Float32Array<ArrayBuffer>;
  readonly average: Float32Array<ArrayBuffer>;
}

/** Points in a window, and how many of them have no place in a chart: none where they are not finite, none on a logarithmic axis where not positive. */
export interface PointCounts {
  readonly points: number;
  readonly notPositive: number;
  readonly notFinite: number;
}

export interface TraceWindow {
  readonly axis: XAxis;
  /** Step that counts as 0 on a relative axis. */
  readonly origin: number;
  /** Inclusive, in the axis's unit; null is everything. */
  readonly range: readonly [number, number] | null;
  /** Of the plot, in pixels. */
  readonly width: number;
}

/** A series with one smoothing, and the pyramids of both; grows with the series. */
export class Trace {
  private raw = new MinMaxPyramid();
  private smooth = new MinMaxPyramid();
  private line = new Float64Array(0);
  private average: EmaState;
  private notFinite = 0;
  private revision: number;

  /**
   * `smoothing` in [0, 1): the weight of the past in the average; 0 draws the points as they are.
   *
   * @param before where the average stood before the first point: a branch's goes on from its parent's
   */
  constructor(
    readonly series: Series,
    readonly smoothing: number,
    private readonly before: EmaState = emaStart(),
  ) {
    this.revision = series.revision;
    this.average = { ...before };
  }

  /** Takes in what was appended to, or cut from, the series since the last call. */
  private sync(): void {
    if (this.revision !== this.series.revision) {
      this.revision = this.series.revision;
      this.raw = new MinMaxPyramid();
      this.smooth = new MinMaxPyramid();
      this.average = { ...this.before };
      this.notFinite = 0;
    }
    const values = this.series.values;
    const from = this.raw.length;
    if (values.length === from) return;
    if (this.line.length < values.length) {
      const larger = new Float64Array(Math.max(values.length, this.line.length * 2));
      larger.set(this.line.subarray(0, from));
      this.line = larger;
    }
    extendEma(values, from, this.smoothing, this.average, this.line);
    for (let index = from; index < values.length; index += 1) if (!Number.isFinite(values[index])) this.notFinite += 1;
    this.raw.extend(values);
    this.smooth.extend(this.line.subarray(0, values.length));
  }

  /** The smoothed line's newest value, past values that are not finite; NaN where there is none yet. */
  get lastLine(): number {
    this.sync();
    return this.average.weight === 0 ? Number.NaN : this.average.mean / this.average.weight;
  }

  /** The window's points, with one more on either side so that lines reach its edges; buckets where points outnumber pixels. */
  view(window: TraceWindow): TraceView {
    this.sync();
    const count = this.series.length;
    const along = window.axis === 'time' ? this.series.times : this.series.steps;
    const shift = window.axis === 'relative' ? window.origin : 0;
    let first = 0;
    let end = count;
    if (window.range !== null) {
      first = Math.max(0, lowerBound(along, count, window.range[0] + shift) - 1);
      end = Math.min(count, upperBound(along, count, window.range[1] + shift) + 1);
    }
    const width = Math.max(16, Math.floor(window.width));
    const level = end - first <= 2 * width ? undefined : this.raw.levelFor(end - first, width - 1);
    return level === undefined ? this.points(along, shift, first, end) : this.buckets(along, shift, first, end, level);
  }

  /** What there is in the window, every point of it. */
  counts({ axis, origin, range }: TraceWindow): PointCounts {
    this.sync();
    const { length: count, values } = this.series;
    const along = axis === 'time' ? this.series.times : this.series.steps;
    const shift = axis === 'relative' ? origin : 0;
    const first = range === null ? 0 : lowerBound(along, count, range[0] + shift);
    const end = range === null ? count : Math.max(first, upperBound(along, count, range[1] + shift));
    let notPositive = 0;
    // Nearly every series is positive, or finite, everywhere: those are not gone over.
    if (!(this.raw.lowest > 0)) for (let at = first; at < end; at += 1) if (isNotPositive(values[at])) notPositive += 1;
    let notFinite = this.notFinite;
    if (notFinite > 0 && end - first < count) {
      notFinite = 0;
      for (let at = first; at < end; at += 1) if (!Number.isFinite(values[at])) notFinite += 1;
    }
    return { points: end - first, notPositive, notFinite };
  }

  /** The points from index `first` on, as they are: what a view lacks after an append. */
  tail(axis: XAxis, origin: number, first: number): TraceView {
    this.sync();
    const along = axis === 'time' ? this.series.times : this.series.steps;
    return this.points(along, axis === 'relative' ? origin : 0, first, this.series.length);
  }

  private points(along: Float64Array, shift: number, first: number, end: number): TraceView {
    const x = along.slice(first, end);
    if (shift !== 0) for (let index = 0; index < x.length; index += 1) x[index] = (x[index] as number) - shift;
    const values = Float32Array.from(this.series.values.subarray(first, end), (value) =>
      Number.isFinite(value) ? value : Number.NaN,
    );
    const line = Float32Array.from(this.line.subarray(first, end));
    return { bucket: 1, x, low: values, high: values.slice(), line, value: values, average: line };
  }

  private buckets(along: Float64Array, shift: number, start: number, end: number, raw: PyramidLevel): TraceView {
    const size = raw.size;
    const smooth = this.smooth.levelOf(size);
    const from = Math.floor(start / size);
    const to = Math.ceil(end / size);
    const length = (to - from) * 2;
    const view = {
      bucket: size,
      x: new Float64Array(length),
      low: new Float32Array(length),
      high: new Float32Array(length),
      line: new Float32Array(length),
      value: new Float32Array(length),
      average: new Float32Array(length),
    };
    const { length: count, values } = this.series;
    for (let bucket = from, at = 0; bucket < to; bucket += 1, at += 2) {
      const first = bucket * size;
      const last = Math.min(count, first + size) - 1;
      view.x[at] = (along[first] as number) - shift;
      view.x[at + 1] = (along[last] as number) - shift;
      view.low[at] = view.low[at + 1] = raw.low[bucket] as number;
      view.high[at] = view.high[at + 1] = raw.high[bucket] as number;
      const low = smooth.low[bucket] as number;
      const high = smooth.high[bucket] as number;
      const falls = (this.line[first] as number) > (this.line[last] as number);
      view.line[at] = falls ? high : low;
      view.line[at + 1] = falls ? low : high;
      view.value[at] = finiteAt(values, first);
      view.value[at + 1] = finiteAt(values, last);
      view.average[at] = this.line[first] as number;
      view.average[at + 1] = this.line[last] as number;
    }
    return view;
  }
}

function isNotPositive(value: number | undefined): boolean {
  return value !== undefined && value <= 0 && Number.isFinite(value);
}

function finiteAt(values: Float64Array, index: number): number {
  const value = values[index] as number;
  return Number.isFinite(value) ? value : Number.NaN;
}
