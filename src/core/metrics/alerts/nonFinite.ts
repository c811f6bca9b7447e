/** Where series begin to hold values that are no finite numbers. */
import { formatCount } from '../../format';
import { lowerBound } from '../axis';
import { LOSS } from '../catalogue';
import type { Series } from '../series';
import { MOST_ALERTS, type Alert } from './alert';
import { Grown } from './grown';

/** The stretches of one series. */
class Stretches {
  private readonly grown = new Grown();
  private taken = 0;
  private bad = false;
  /** First step of each stretch, ascending; the newest hundred. */
  starts: number[] = [];

  take(series: Series): void {
    if (!this.grown.since(series)) {
      this.taken = 0;
      this.bad = false;
      this.starts = [];
    }
    if (this.taken === series.length) return;
    const { steps, values } = series;
    for (; this.taken < values.length; this.taken += 1) {
      const bad = !Number.isFinite(values[this.taken]);
      if (bad && !this.bad) this.starts.push(steps[this.taken] as number);
      this.bad = bad;
    }
    if (this.starts.length > 2 * MOST_ALERTS) this.starts = this.starts.slice(-MOST_ALERTS);
  }
}

export class NonFinite {
  private readonly byName = new Map<string, Stretches>();

  /** One alert for each step at which stretches begin; only what was appended since the last call is gone over. */
  find(all: ReadonlyMap<string, Series>, checkpointSteps: readonly number[]): Alert[] {
    const places = new Map<number, string[]>();
    for (const [name, series] of all) {
      let stretches = this.byName.get(name);
      if (stretches === undefined) {
        stretches = new Stretches();
        this.byName.set(name, stretches);
      }
      stretches.take(series);
      for (const step of stretches.starts) {
        const names = places.get(step);
        if (names === undefined) places.set(step, [name]);
        else names.push(name);
      }
    }
    for (const name of this.byName.keys()) if (!all.has(name)) this.byName.delete(name);
    const checkpoints = Float64Array.from(checkpointSteps);
    return [...places]
      .sort(([a], [b]) => b - a)
      .slice(0, MOST_ALERTS)
      .map(([step, names]) => alertOf(step, names, checkpoints));
  }
}

/** @param checkpoints steps of complete checkpoints, ascending */
function alertOf(step: number, names: readonly string[], checkpoints: Float64Array): Alert {
  const good = checkpoints[lowerBound(checkpoints, checkpoints.length, step) - 1];
  const which = names.includes(LOSS) ? 'loss' : (names[0] as string);
  const more = names.length > 1 && which !== 'loss' ? ` and ${names.length - 1} more` : '';
  return {
    kind: 'nan',
    step,
    title: `Not a finite number in ${which}${more}`,
    detail: good === undefined ? 'no checkpoint before it' : `last good checkpoint ${formatCount(good)}`,
    value: Number.NaN,
  };
}
