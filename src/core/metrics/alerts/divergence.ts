/** A loss that has left the level that it had: by its own past and its ancestors', and for as long as it stays away. */
import { formatCount, formatValue } from '../../format';
import type { Series } from '../series';
import { emaStart, type EmaState } from '../smooth';
import { MOST_ALERTS, short, WARM_UP, type Alert } from './alert';
import { lastUpTo, proposal } from './goodCheckpoint';
import { Grown } from './grown';

const SMOOTHING = 0.9;
/** So many points in a row this far above the lowest average are no spike. */
const AT_ONCE = { points: 3, times: 2.5 };
/** While the average is this far above its lowest (the threshold), nearly all points are above: a few high ones make no divergence. */
const SLOWLY = { each: 0.6, share: 0.85 };
/** Points of a stage before its average counts as a level that the loss can leave slowly. */
const FEWEST = 60;
/** The average is back at the level that it left. */
const BACK = 1.1;
/** The highest of a level's first points is its level until there is an average: what climbs from there is no other objective. */
const FIRST = 3;
/** So many points in a row this far above are a loss that rises: it still does when the stage changes, and is held against its old level. */
const RISING = { points: 3, times: 1.3 };
/** No change of the objective makes a loss this many times what it was. */
const ACROSS = 20;

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
  /** Highest of the level's first points. */
  private first: Low | undefined;
  /** What the loss was before the stage began. */
  private earlier: Low | undefined;
  private rising = 0;
  /** First step of the points in a row that are far above. */
  private above: { readonly step: number; readonly points: number } | undefined;
  /** First step of the present stretch above, and what share of the newest points lies above the lowest average. */
  private risen: number | undefined;
  private shareAbove = 0;
  private latest = Number.NaN;
  private over: { readonly diverged: Diverged; readonly until: number; readonly latest: number }[] = [];
  private open: Diverged | undefined;

  /** @param times how far above its lowest the average may be; 0: as far as it likes */
  constructor(private readonly times: number) {}

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
    if (this.times === 0) return [];
    if (!this.grown.since(loss, stageStarts.join())) this.startOver();
    const { steps, values } = loss;
    for (; this.taken < values.length; this.taken += 1) {
      this.take(steps[this.taken] as number, values[this.taken] as number, stageStarts);
    }
    const found = this.over.map(({ diverged, until, latest }) => ({
      kind: 'divergence' as const,
      step: diverged.step,
      title: 'Loss had diverged',
      detail: `from ${formatValue(diverged.lowest)} at ${formatCount(diverged.lowestStep)}; back at its level since step ${formatCount(until)}`,
      value: latest,
      present: false,
    }));
    if (this.open === undefined) return found;
    const times = this.latest / this.open.lowest;
    const far = times > 0 && Number.isFinite(times) ? `, ${short(times)} times its lowest average` : '';
    const before = `${formatValue(this.open.lowest)} at ${formatCount(this.open.lowestStep)}`;
    const branchFrom = lastUpTo(checkpointSteps, Math.max(this.open.lowestStep, this.open.step - 1));
    return [
      ...found,
      {
        kind: 'divergence',
        step: this.open.step,
        title: 'Loss has diverged',
        detail: `average ${formatValue(this.latest)}${far} (${before}); ${proposal(branchFrom)}`,
        value: this.latest,
        present: true,
        ...(branchFrom === undefined ? {} : { branchFrom }),
      },
    ];
  }

  private startOver(): void {
    this.taken = 0;
    this.stage = 0;
    this.over = [];
    this.open = undefined;
    this.earlier = undefined;
    this.newLevel();
  }

  private newLevel(): void {
    this.average = emaStart();
    this.seen = 0;
    this.low = undefined;
    this.first = undefined;
    this.rising = 0;
    this.above = undefined;
    this.risen = undefined;
    this.shareAbove = 0;
  }

  private take(step: number, value: number, stageStarts: readonly number[]): void {
    if (!Number.isFinite(value)) return;
    let entered = false;
    for (; this.stage < stageStarts.length && step >= (stageStarts[this.stage] as number); this.stage += 1)
      entered = true;
    if (entered && this.open === undefined) this.enter();
    this.average.mean = SMOOTHING * this.average.mean + (1 - SMOOTHING) * value;
    this.average.weight = SMOOTHING * this.average.weight + (1 - SMOOTHING);
    this.latest = this.average.mean / this.average.weight;
    this.seen += 1;
    if (this.open === undefined) this.look(step, value);
    else if (isAtMost(this.latest, this.open.lowest, BACK)) this.close(step);
  }

  /** Another objective has another level, but a loss that was rising was no consequence of that. */
  private enter(): void {
    if (this.rising >= RISING.points) return;
    this.earlier = this.low;
    this.newLevel();
  }

  /** What a point is held against: the lowest average, and until there is one the level's first points, or what was before it. */
  private level(): { readonly of: Low; readonly times: number } | undefined {
    const { low, first, earlier, seen } = this;
    const fresh = seen <= FIRST ? undefined : first;
    const own = low === undefined || (fresh !== undefined && fresh.value < low.value) ? fresh : low;
    if (own !== undefined && (earlier === undefined || own.value < earlier.value * (ACROSS / AT_ONCE.times)))
      return { of: own, times: AT_ONCE.times };
    return earlier === undefined ? undefined : { of: earlier, times: ACROSS };
  }

  private look(step: number, value: number): void {
    const { low, latest } = this;
    const level = this.level();
    if (this.seen <= FIRST && !(this.first !== undefined && this.first.value >= value)) this.first = { value, step };
    this.rising = low !== undefined && !isAtMost(value, low.value, RISING.times) ? this.rising + 1 : 0;
    if (level !== undefined && !isAtMost(value, level.of.value, level.times)) {
      this.above = { step: this.above?.step ?? step, points: (this.above?.points ?? 0) + 1 };
    } else {
      this.above = undefined;
    }
    if (level !== undefined && this.above !== undefined && this.above.points >= AT_ONCE.points) {
      this.open = { step: this.above.step, lowest: level.of.value, lowestStep: level.of.step };
      return;
    }
    const each = 1 + (this.times - 1) * SLOWLY.each;
    const isAbove = low !== undefined && !isAtMost(value, low.value, each);
    if (isAbove) this.risen ??= step;
    else if (this.shareAbove < 1 - SLOWLY.share) this.risen = undefined;
    this.shareAbove = SMOOTHING * this.shareAbove + (isAbove ? 1 - SMOOTHING : 0);
    const slowly = low !== undefined && this.seen >= FEWEST && this.shareAbove >= SLOWLY.share;
    if (slowly && !isAtMost(latest, low.value, this.times)) {
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
