/** A branch's curve: what its ancestors logged up to where it left them, then its own. */
import { Series } from './series';
import { emaStart, extendEma, type EmaState } from './smooth';

/** A stretch of a lineage: the points of `series` with a step ≤ `until`. The last stretch's `until` is Infinity. */
export interface Stretch {
  readonly series: Series | undefined;
  readonly until: number;
}

/** One series made of several, kept up to date without copying the past again as the last one grows. */
export class JoinedSeries {
  readonly series: Series;
  private stamps = '';
  private sources: readonly (Series | undefined)[] = [];
  private own = 0;

  /** @param beside a series of the same stretches of another metric: where they were logged together they share steps and times */
  constructor(beside?: Series) {
    this.series = new Series(beside?.axis);
  }

  /** Brings `series` up to date with the stretches, oldest first. */
  sync(stretches: readonly Stretch[]): Series {
    const tail = stretches.at(-1)?.series;
    const stamps = stretches
      .map((stretch, index) => {
        if (stretch.series === undefined) return '-';
        const length = index === stretches.length - 1 ? '' : clipped(stretch.series, stretch.until);
        return `${stretch.series.revision}:${stretch.until}:${length}`;
      })
      .join(' ');
    const sources = stretches.map((stretch) => stretch.series);
    // A file that was replaced is read into other series, which may well look the same by their figures.
    if (stamps !== this.stamps || sources.some((source, index) => source !== this.sources[index])) {
      this.stamps = stamps;
      this.sources = sources;
      this.series.cutAfter(Number.NEGATIVE_INFINITY);
      for (const stretch of stretches.slice(0, -1)) {
        if (stretch.series !== undefined)
          append(this.series, stretch.series, 0, clipped(stretch.series, stretch.until));
      }
      this.own = 0;
    }
    if (tail !== undefined && tail.length > this.own) {
      append(this.series, tail, this.own, tail.length);
      this.own = tail.length;
    }
    return this.series;
  }
}

/** Tells apart what `averageAfter` depends on: the same text, the same average. */
export function stampOf(past: readonly Stretch[], before: number): string {
  return past
    .map(({ series, until }) =>
      series === undefined ? '' : `${series.revision}:${clippedBefore(series, until, before)}`,
    )
    .join(' ');
}

/**
 * Where an average stands after these stretches, oldest first: what a branch's own goes on from. Points at or after `before`,
 * the branch's own first step, are not its past.
 */
export function averageAfter(past: readonly Stretch[], before: number, smoothing: number): EmaState {
  const state = emaStart();
  past.forEach(({ series, until }, index) => {
    if (series === undefined) return;
    const next = past.slice(index + 1).find((each) => (each.series?.length ?? 0) > 0)?.series?.steps[0] ?? before;
    const values = series.values.subarray(0, clippedBefore(series, until, Math.min(next, before)));
    extendEma(values, 0, smoothing, state, new Float64Array(values.length));
  });
  return state;
}

function clippedBefore(series: Series, until: number, before: number): number {
  return Math.min(clipped(series, until), series.axis.before(before, series.length));
}

function clipped(series: Series, until: number): number {
  return series.axis.upTo(until, series.length);
}

function append(target: Series, source: Series, from: number, to: number): void {
  const { steps, times, values } = source;
  for (let index = from; index < to; index += 1) {
    target.push(steps[index] as number, times[index] as number, values[index] as number);
  }
}
