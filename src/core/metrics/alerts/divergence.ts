/** A loss that has left the level that it had: by its own past and its ancestors', and for as long as it stays away. */
import { formatCount, formatValue } from '../../format';
import type { Series } from '../series';
import { emaStart, type EmaState } from '../smooth';
import { MOST_ALERTS, short, WARM_UP, type Alert } from './alert';
import { Grown } from './grown';

const SMOOTHING = 0.9;
/** So many points in a row this far above the lowest average are no spike. */
const AT_ONCE = { points: 3, times: 2.5 };
/** An average this far above its lowest, while nearly all points are above: a few high ones, as of a spike, make no divergence. */
const SLOWLY = { times: 1.25, each: 1.15, share: 0.85 };
/** Points of a stage before its average counts as a level that the loss can leave slowly. */
const FEWEST = 60;
/** The average is back at the level that it left. */
const BACK = 1.1;

/** A loss that is above the level that it had. */
export interface Diverged {
  /** First point that was above. */
  readonly step: number;
  /** The lowest average before, and where that was. */
  readonly lowest: number;
  readonly lowestStep: number;
}

interface Low {
  readonly value: number;
  readonly step: number;
}

/**
 * Averages that start anew where the objective changes, at a stage's start: a loss may rise there. One that has diverged is
 * held against the level that it left, whatever the stage, until it is back. NaNs count for nothing: they have an alert of their own.
 */
export class Divergence {
  private readonly grown = new Grown();
  private taken = 0;
  private stage = 0;
  private average: EmaState = emaStart();
  private seen = 0;
  private low: Low | undefined;
  /** First step of the points in a row that are far above. */
  private above: { readonly step: number; readonly points: number } | undefined;
  /** First step of the present stretch above, and what share of the newest points lies above the lowest average. */
  private risen: number | undefined;
  private shareAbove = 0;
  private latest = Number.NaN;
  private over: { readonly diverged: Diverged; readonly until: number; readonly latest: number }[] = [];
  private open: Diverged | undefined;

  /** The present one, as of the last `find`. */
  get present(): Diverged | undefined {
    return this.open;
  }

  /** Whether a step is in a stretch in which the loss had left its level. */
  covers(step: number): boolean {
    if (this.open !== undefined && step >= this.open.step) return true;
    return this.over.some(({ diverged, until }) => step >= diverged.step && step < until);
  }

  /** Divergences so far, oldest first; only what was appended since the last call is gone over. */
  find(loss: Series, stageStarts: readonly number[], checkpointSteps: readonly number[]): Alert[] {
    if (!this.grown.since(loss, stageStarts.join())) this.startOver();
    const { steps, values } = loss;
    for (; this.taken < values.length; this.taken += 1) {
      this.take(steps[this.taken] as number, values[this.taken] as number, stageStarts);
    }
    const found = this.over.map(({ diverged, until, latest }) => ({
      ...alertOf(diverged, checkpointSteps),
      title: 'Loss had diverged',
      detail: `from ${formatValue(diverged.lowest)} at ${formatCount(diverged.lowestStep)}; back at its level since step ${formatCount(until)}`,
      value: latest,
    }));
    if (this.open === undefined) return found;
    const times = this.latest / this.open.lowest;
    const far = times > 0 && Number.isFinite(times) ? `, ${short(times)} times its lowest average` : '';
    const before = `${formatValue(this.open.lowest)} at ${formatCount(this.open.lowestStep)}`;
    const alert = alertOf(this.open, checkpointSteps);
    return [
      ...found,
      {
        ...alert,
        title: 'Loss has diverged',
        detail: `average ${formatValue(this.latest)}${far} (${before}); ${alert.detail}`,
        value: this.latest,
      },
    ];
  }

  private startOver(): void {
    this.taken = 0;
    this.stage = 0;
    this.over = [];
    this.open = undefined;
    this.newLevel();
  }

  private newLevel(): void {
    this.average = emaStart();
    this.seen = 0;
    this.low = undefined;
    this.above = undefined;
    this.risen = undefined;
    this.shareAbove = 0;
  }

  private take(step: number, value: number, stageStarts: readonly number[]): void {
    if (!Number.isFinite(value)) return;
    let entered = false;
    for (; this.stage < stageStarts.length && step >= (stageStarts[this.stage] as number); this.stage += 1)
      entered = true;
    if (entered && this.open === undefined) this.newLevel();
    this.average.mean = SMOOTHING * this.average.mean + (1 - SMOOTHING) * value;
    this.average.weight = SMOOTHING * this.average.weight + (1 - SMOOTHING);
    this.latest = this.average.mean / this.average.weight;
    this.seen += 1;
    if (this.open === undefined) this.look(step, value);
    else if (isAtMost(this.latest, this.open.lowest, BACK)) this.close(step);
  }

  private look(step: number, value: number): void {
    const { low, latest } = this;
    if (low !== undefined && !isAtMost(value, low.value, AT_ONCE.times)) {
      this.above = { step: this.above?.step ?? step, points: (this.above?.points ?? 0) + 1 };
    } else {
      this.above = undefined;
    }
    if (low !== undefined && this.above !== undefined && this.above.points >= AT_ONCE.points) {
      this.open = { step: this.above.step, lowest: low.value, lowestStep: low.step };
      return;
    }
    const isAbove = low !== undefined && !isAtMost(value, low.value, SLOWLY.each);
    if (isAbove) this.risen ??= step;
    else if (this.shareAbove < 1 - SLOWLY.share) this.risen = undefined;
    this.shareAbove = SMOOTHING * this.shareAbove + (isAbove ? 1 - SMOOTHING : 0);
    const slowly = low !== undefined && this.seen >= FEWEST && this.shareAbove >= SLOWLY.share;
    if (slowly && !isAtMost(latest, low.value, SLOWLY.times)) {
      this.open = { step: this.risen ?? step, lowest: low.value, lowestStep: low.step };
      return;
    }
    if (this.seen > WARM_UP && !(low !== undefined && latest >= low.value)) this.low = { value: latest, step };
  }

  private close(step: number): void {
    if (this.open === undefined) return;
    this.over.push({ diverged: this.open, until: step, latest: this.latest });
    if (this.over.length > MOST_ALERTS) this.over.shift();
    this.open = undefined;
    this.newLevel();
  }
}

/** Whether a value is at most `times` a level; a level at or below zero has no multiples, and is held by its size. */
function isAtMost(value: number, level: number, times: number): boolean {
  return value <= level + (times - 1) * Math.abs(level);
}

function alertOf({ step, lowestStep }: Diverged, checkpointSteps: readonly number[]): Alert {
  const good = checkpointSteps.findLast((each) => each <= Math.max(lowestStep, step - 1));
  const detail =
    good === undefined
      ? 'no checkpoint before it'
      : `branch from checkpoint ${formatCount(good)} with a lower learning rate`;
  return { kind: 'divergence', step, title: '', detail, value: Number.NaN };
}
