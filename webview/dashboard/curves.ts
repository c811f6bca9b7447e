/** The curves that the page holds: what the host sent, as columns. */
import type { Curve, CurvesMessage, PointsMessage } from '../../src/protocol/dashboard';
import { numberOf } from '../ui/figures';

export interface Columns {
  x: Float64Array;
  low: Float32Array;
  high: Float32Array;
  line: Float32Array;
  /** The line's newest value, whatever the window; null where there is none. */
  last: number | null;
}

function columns(curve: Curve): Columns {
  return {
    x: new Float64Array(curve.x),
    low: new Float32Array(curve.low),
    high: new Float32Array(curve.high),
    line: new Float32Array(curve.line),
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

/** The line's height at `target`, between its points; NaN outside and in gaps. */
export function lineAt(curve: Columns, target: number): number {
  const index = indexAt(curve.x, target);
  const x0 = curve.x[index];
  const here = curve.line[index];
  if (x0 === undefined || here === undefined) return Number.NaN;
  if (x0 === target) return here;
  const x1 = curve.x[index + 1];
  const next = curve.line[index + 1];
  if (x1 === undefined || next === undefined) return Number.NaN;
  return Number.isNaN(next) || x1 === x0 ? here : here + ((next - here) * (target - x0)) / (x1 - x0);
}

/** The line's height at `target`, or at its end where that is nearer: a checkpoint may be saved between two logged steps. */
export function lineNear(curve: Columns, target: number): number {
  const { x } = curve;
  if (x.length === 0) return Number.NaN;
  return lineAt(curve, Math.max(x[0] as number, Math.min(x[x.length - 1] as number, target)));
}
