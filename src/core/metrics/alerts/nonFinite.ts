/** Where series begin to hold values that are no finite numbers. */
import { formatCount } from '../../format';
import { LOSS } from '../catalogue';
import type { Series } from '../series';
import { MOST_ALERTS, type Alert } from './alert';
import { lastUpTo } from './goodCheckpoint';
import { Grown } from './grown';

/** The stretches of one series. */
class Stretches {
  private readonly grown = new Grown();
  private taken = 0;
  private bad = false;
  /** First step of each stretch, ascending; the newest hundred. */
  starts: number[] = [];

  /** First step of the stretch that has not ended. */
  get present(): number | undefined {
    return this.bad ? this.starts.at(-1) : undefined;
  }

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
    const present = new Set<number>();
    for (const [name, series] of all) {
      let stretches = this.byName.get(name);
      if (stretches === undefined) {
        stretches = new Stretches();
        this.byName.set(name, stretches);
      }
      stretches.take(series);
      if (stretches.present !== undefined) present.add(stretches.present);
      for (const step of stretches.starts) {
        const names = places.get(step);
        if (names === undefined) places.set(step, [name]);
        else names.push(name);
      }
    }
    for (const name of this.byName.keys()) if (!all.has(name)) this.byName.delete(name);
    return [...places]
      .sort(([a], [b]) => b - a)
      .slice(0, MOST_ALERTS)
      .map(([step, names]) => alertOf(step, names, checkpointSteps, present.has(step)));
  }
}

function alertOf(step: number, names: readonly string[], checkpointSteps: readonly number[], present: boolean): Alert {
  const which = names.includes(LOSS) ? 'loss' : (names[0] as string);
  const more = names.length > 1 && which !== 'loss' ? ` and ${names.length - 1} more` : '';
  const good = lastUpTo(checkpointSteps, step - 1);
  return {
    kind: 'nan',
    step,
    title: `Not a finite number in ${which}${more}`,
    detail:
      good === undefined
        ? 'no checkpoint before it'
        : `last good checkpoint ${formatCount(good)}${present ? ': branch from it with a lower learning rate' : ''}`,
    value: Number.NaN,
    present,
    ...(good === undefined || !present ? {} : { branchFrom: good }),
  };
}
