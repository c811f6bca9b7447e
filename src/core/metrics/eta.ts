/** How fast a run goes, and when it gets where it is going. */
import type { Series } from './series';

/** Logged points that a rate is measured over: enough to even out an evaluation, few enough to follow a change. */
const POINTS = 40;

/** Steps a second over the newest points of one segment (later than step `since`); NaN where the points do not tell. */
export function stepRate(series: Series, since: number): number {
  const { steps, times } = series;
  const last = series.length - 1;
  if (last < 1) return Number.NaN;
  let first = Math.max(0, last - POINTS);
  // Time between segments is no training time.
  while (first < last && (steps[first] as number) <= since) first += 1;
  const seconds = (times[last] as number) - (times[first] as number);
  const done = (steps[last] as number) - (steps[first] as number);
  return seconds > 0 && done > 0 ? done / seconds : Number.NaN;
}

/** Seconds until `target` at `rate` steps a second; null where that cannot be told. */
export function secondsUntil(step: number, target: number | null, rate: number): number | null {
  if (target === null || !Number.isFinite(rate) || rate <= 0) return null;
  return Math.max(0, target - step) / rate;
}
