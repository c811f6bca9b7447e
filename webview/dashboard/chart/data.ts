/** Curves as uPlot takes them: aligned on one x, null for a gap, undefined where only another curve has a point. */
import uPlot from 'uplot';
import { indexAt, type Columns } from '../curves';

/** To either side. */
const ENVELOPE_PIXELS = 2;

type Column = (number | null | undefined)[];

function withGaps(values: Float32Array, positive: boolean): Column {
  return Array.from(values, (value) => (Number.isNaN(value) || (positive && value <= 0) ? null : value));
}

export interface Drawn {
  readonly curve: Columns;
  readonly columns: readonly ('low' | 'high' | 'line')[];
}

/**
 * The band's edges over a few pixels each: where points are about as dense as pixels, the lowest and highest of two neighbours is
 * no band but noise. Widens nothing where points are far apart, and loses no extreme.
 */
export function envelope(curve: Columns, from: number, until: number, pixels: number): Columns {
  const reach = ((until - from) / Math.max(1, pixels)) * ENVELOPE_PIXELS;
  const { x } = curve;
  const low = new Float32Array(x.length);
  const high = new Float32Array(x.length);
  let start = 0;
  let end = 0;
  for (let index = 0; index < x.length; index += 1) {
    const place = x[index] as number;
    while ((x[start] as number) < place - reach) start += 1;
    while (end < x.length && (x[end] as number) <= place + reach) end += 1;
    let least = curve.low[index] as number;
    let most = curve.high[index] as number;
    for (let near = start; near < end; near += 1) {
      if ((curve.low[near] as number) < least) least = curve.low[near] as number;
      if ((curve.high[near] as number) > most) most = curve.high[near] as number;
    }
    low[index] = least;
    high[index] = most;
  }
  return { ...curve, low, high };
}

/** `positive`: a logarithmic axis, where nothing at or below zero has a place. */
export function aligned(curves: readonly Drawn[], positive: boolean): uPlot.AlignedData {
  const tables = curves.map(
    ({ curve, columns }) =>
      [Array.from(curve.x), ...columns.map((name) => withGaps(curve[name], positive))] as uPlot.AlignedData,
  );
  const only = tables[0];
  if (only === undefined) return [[]];
  return tables.length === 1 ? only : uPlot.join(tables);
}

/** Smallest and largest of a column in the window; NaN, NaN where it is empty. */
export function extremes(
  curve: Columns,
  from: number,
  until: number,
  low: Float32Array,
  high: Float32Array,
  positive: boolean,
): [number, number] {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  const start = Math.max(0, indexAt(curve.x, from));
  for (let index = start; index < curve.x.length && (curve.x[index] as number) <= until; index += 1) {
    const bottom = low[index] as number;
    const top = high[index] as number;
    if (bottom < least && (!positive || bottom > 0)) least = bottom;
    if (top > most) most = top;
  }
  return least <= most ? [least, most] : [Number.NaN, Number.NaN];
}

/** The 1st and 99th percentile of a column in the window: a scale that outliers do not stretch. */
export function withoutOutliers(curve: Columns, from: number, until: number, positive: boolean): [number, number] {
  const values: number[] = [];
  const start = Math.max(0, indexAt(curve.x, from));
  for (let index = start; index < curve.x.length && (curve.x[index] as number) <= until; index += 1) {
    for (const value of [curve.low[index] as number, curve.high[index] as number]) {
      if (!Number.isNaN(value) && (!positive || value > 0)) values.push(value);
    }
  }
  values.sort((a, b) => a - b);
  if (values.length === 0) return [Number.NaN, Number.NaN];
  return [
    values[Math.floor(values.length * 0.01)] as number,
    values[Math.min(values.length - 1, Math.floor(values.length * 0.98))] as number,
  ];
}
