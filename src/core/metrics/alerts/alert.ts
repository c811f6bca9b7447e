/** What an alert is: something in a run, or around it, that deserves a look. */
import { formatCount, formatValue } from '../../format';

export const ALERT_KINDS = [
  'spike',
  'nan',
  'plateau',
  'divergence',
  'stage',
  'stalled',
  'slow',
  'gpuMemory',
  'disk',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export interface Alert {
  readonly kind: AlertKind;
  /** Where it began. One that goes on keeps its step. */
  readonly step: number;
  readonly title: string;
  readonly detail: string;
  /** Height above the running level (spike), the value at the place otherwise; NaN where it has none. */
  readonly value: number;
  /** It still holds. */
  readonly present: boolean;
  /** Step of the last good checkpoint before it, from which a branch would do better; undefined where there is none, or no need. */
  readonly branchFrom?: number;
}

/** Alerts of a kind that are kept: more, nobody reads. The newest are. */
export const MOST_ALERTS = 100;

/** Points before which nothing is said: a mean of fewer is none. */
export const WARM_UP = 12;

/** Two significant digits, or a count: 0.04, 5e-5, 61,840. */
export function short(value: number): string {
  return Math.abs(value) >= 1000 ? formatCount(value) : formatValue(Number(value.toPrecision(2)));
}

/** The middle one of the finite values; NaN for none. */
export function median(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
