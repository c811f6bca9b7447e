/** The curves that the page holds: what the host sent, as columns. */
import type { PointCounts } from '../../src/core/metrics/trace';
import type { Curve, CurvesMessage, PointsMessage } from '../../src/protocol/dashboard';
import { numberOf } from '../ui/figures';

export interface Columns {
  x: Float64Array;
  low: Float32Array;
  high: Float32Array;
  line: Float32Array;
  /** What was logged at just this x, and the average there: `low` and `line` themselves where each column is a point. */
  value: Float32Array;
  average: Float32Array;
  /** Points that two columns stand for; 1: each column is a point. */
  bucket: number;
  /** Weight of the past in the line; 0: drawn as logged. */
  smoothing: number;
  /** Of the window. */
  inWindow: PointCounts;
  /** As it was last logged, and the line's newest value, whatever the window; null where there is none. */
  newest: number | null;
  last: number | null;
}

function columns(curve: Curve): Columns {
  const low = new Float32Array(curve.low);
  const line = new Float32Array(curve.line);
  return {
    x: new Float64Array(curve.x),
    low,
    high: new Float32Array(curve.high),
    line,
    value: curve.value.byteLength === 0 ? low : new Float32Array(curve.value),
    average: curve.average.byteLength === 0 ? line : new Float32Array(curve.average),
    bucket: curve.bucket,
    smoothing: curve.smoothing,
    inWindow: curve.inWindow,
    newest: numberOf(curve.newest),
    last: numberOf(curve.last),
  };
}

function joined<T extends Float32Array | Float64Array>(before: T, after: T): T {
  const whole = new (before.constructor as new (length: number) => T)(before.length + after.length);
  whole.set(before);
  whole.set(after, before.length);
  return whole;
}

export class CurveStore {
  private readonly byKey = new Map<string, Columns>();

  take(message: CurvesMessage | PointsMessage): void {
    for (const curve of message.curves) {
      const key = `${curve.run}\n${curve.metric}`;
      const fresh = columns(curve);
      const before = message.type === 'points' ? this.byKey.get(key) : undefined;
      this.byKey.set(
        key,
        before === undefined
          ? fresh
          : {
              x: joined(before.x, fresh.x),
              low: joined(before.low, fresh.low),
              high: joined(before.high, fresh.high),
              line: joined(before.line, fresh.line),
              value: joined(before.value, fresh.value),
              average: joined(before.average, fresh.average),
              bucket: before.bucket,
              smoothing: fresh.smoothing,
              inWindow: fresh.inWindow,
              newest: fresh.newest,
              last: fresh.last,
            },
      );
    }
  }

  of(run: string, metric: string): Columns | undefined {
    return this.byKey.get(`${run}\n${metric}`);
  }

  clear(): void {
    this.byKey.clear();
  }
}

/** Index of the last x ≤ `target`; -1 before the first. */
export function indexAt(x: Float64Array, target: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((x[middle] as number) <= target) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Index of the x nearest to `target`; -1 where there is none. */
export function nearestAt(x: Float64Array, target: number): number {
  const before = indexAt(x, target);
  const after = before + 1;
  if (after >= x.length) return before;
  if (before < 0) return after;
  return target - (x[before] as number) <= (x[after] as number) - target ? before : after;
}

/** What was logged at the place nearest to `target`; undefined before a curve's first point and after its last. */
export function loggedNear(
  curve: Columns,
  target: number,
): { readonly x: number; readonly value: number; readonly average: number; readonly index: number } | undefined {
  const { x } = curve;
  if (x.length === 0 || target < (x[0] as number) || target > (x[x.length - 1] as number)) return undefined;
  const index = nearestAt(x, target);
  return {
    index,
    x: x[index] as number,
    value: curve.value[index] as number,
    average: curve.average[index] as number,
  };
}

/**
 * The drawn line's height at `target`, or at its end where that is nearer: a checkpoint may be saved between two logged steps,
 * and its mark lies on the line there. NaN in gaps.
 */
export function lineNear(curve: Columns, target: number): number {
  const { x, line } = curve;
  if (x.length === 0) return Number.NaN;
  const place = Math.max(x[0] as number, Math.min(x[x.length - 1] as number, target));
  const index = indexAt(x, place);
  const [x0, here, x1, next] = [x[index], line[index], x[index + 1], line[index + 1]];
  if (x0 === undefined || here === undefined) return Number.NaN;
  // Drawn through this very point: where it is one, that is where its mark is.
  if (x0 === place) return curve.average[index] as number;
  if (x1 === undefined || next === undefined) return Number.NaN;
  return Number.isNaN(next) || x1 === x0 ? here : here + ((next - here) * (place - x0)) / (x1 - x0);
}
