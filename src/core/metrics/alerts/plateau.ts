/** A plateau: a loss that is no better than it was, as far as its noise lets one say so. Of the present stage only. */
import { formatCount } from '../../format';
import { lowerBound, upperBound, withRoom } from '../axis';
import type { Series } from '../series';
import { MOST_ALERTS, type Alert } from './alert';
import { Grown } from './grown';

/** Points of a stage, or since the last plateau, over which nothing is said of the trend. */
const FEWEST = 200;
/** The share of the stage that is looked at: a healthy loss still falls over that much of it, however long it is. */
const SHARE = 1 / 3;
/** It is looked at every so many points. */
const EVERY = 16;
/** What it became better by is known to so many standard errors. */
const CERTAIN = 1;
/** What is further off the average counts as this many deviations: a spike must not move a mean. */
const CLIPPED = 3;
const SMOOTHING = 0.95;
/** An average so many times its lowest has risen: that is no plateau, and what was before it says nothing of what comes. */
const RISEN = 1.1;
/** A rate below this share of the stage's highest: the schedule has slowed the learning down, and meant to. */
const LATE_RATE = 0.2;

interface Flat {
  /** First step of the window that was flat. */
  readonly step: number;
  readonly until: number;
  /** Mean of its second half. */
  readonly level: number;
}

export class Plateau {
  private readonly grown = new Grown();
  /** Running sums of the stage's finite values, clipped, and of the squares of what each differs from the one before. */
  private sums: Float64Array = new Float64Array(1);
  private squares: Float64Array = new Float64Array(1);
  private steps: Float64Array = new Float64Array(0);
  private length = 0;
  private taken = 0;
  private average = Number.NaN;
  private variance = 0;
  private last = Number.NaN;
  /** The lowest average of the points that count. */
  private lowest = Number.POSITIVE_INFINITY;
  /** Where the points begin that count: the stage's first, or those after the last plateau. */
  private from = 0;
  private present: Flat | undefined;
  private over: Flat[] = [];

  /** @param percent how much better it must have become; 0: nothing is a plateau */
  constructor(private readonly percent: number) {}

  /** Plateaus of the present stage; only what was appended since the last call is gone over. */
  find(loss: Series, rate: Series | undefined, stageStarts: readonly number[]): Alert[] {
    if (this.percent === 0) return [];
    const start = stageStarts.findLast((boundary) => boundary < loss.lastStep) ?? 0;
    if (!this.grown.since(loss, String(start))) this.startOver(upperBound(loss.steps, loss.length, start));
    const { steps, values } = loss;
    for (; this.taken < values.length; this.taken += 1) {
      const value = values[this.taken] as number;
      if (!Number.isFinite(value)) continue;
      this.take(steps[this.taken] as number, value);
      if (this.length % EVERY === 0) this.judge(rate, start);
    }
    return [...this.over, ...(this.present === undefined ? [] : [this.present])].map((flat) => this.alertOf(flat));
  }

  private startOver(taken: number): void {
    this.taken = taken;
    this.length = 0;
    this.from = 0;
    this.average = Number.NaN;
    this.variance = 0;
    this.last = Number.NaN;
    this.lowest = Number.POSITIVE_INFINITY;
    this.present = undefined;
    this.over = [];
  }

  private take(step: number, value: number): void {
    const most = CLIPPED * Math.sqrt(this.variance);
    const counted =
      this.length < FEWEST / 4 ? value : Math.max(this.average - most, Math.min(this.average + most, value));
    const index = this.length;
    this.length += 1;
    this.sums = withRoom(this.sums, index + 2);
    this.squares = withRoom(this.squares, index + 2);
    this.steps = withRoom(this.steps, index + 1);
    this.steps[index] = step;
    this.sums[index + 1] = (this.sums[index] as number) + counted;
    const change = Number.isNaN(this.last) ? 0 : counted - this.last;
    this.squares[index + 1] = (this.squares[index] as number) + change * change;
    this.last = counted;
    const off = Number.isNaN(this.average) ? 0 : counted - this.average;
    this.average = Number.isNaN(this.average) ? counted : this.average + (1 - SMOOTHING) * off;
    this.variance = SMOOTHING * (this.variance + (1 - SMOOTHING) * off * off);
    if (this.length - this.from < FEWEST / 4) return;
    this.lowest = Math.min(this.lowest, this.average);
    if (this.average > this.lowest + (RISEN - 1) * Math.abs(this.lowest)) this.begin();
  }

  /** Begins anew with the next point. */
  private begin(): void {
    if (this.present !== undefined) this.over.push(this.present);
    if (this.over.length > MOST_ALERTS) this.over.shift();
    this.present = undefined;
    this.from = this.length;
    this.lowest = Number.POSITIVE_INFINITY;
  }

  /** Mean of the points [from, to) that were taken. */
  private mean(from: number, to: number): number {
    return ((this.sums[to] as number) - (this.sums[from] as number)) / (to - from);
  }

  /** Standard error of the difference of the means of two halves of the points [from, to). */
  private error(from: number, to: number): number {
    const noise = ((this.squares[to] as number) - (this.squares[from] as number)) / (2 * (to - from));
    return Math.sqrt((noise * 4) / (to - from));
  }

  private judge(rate: Series | undefined, start: number): void {
    const counted = this.length - this.from;
    const window = Math.max(FEWEST, Math.floor(counted * SHARE));
    if (counted < window + FEWEST / 2) return;
    const from = this.length - window;
    const middle = from + Math.floor(window / 2);
    const [before, after] = [this.mean(from, middle), this.mean(middle, this.length)];
    const certain = CERTAIN * this.error(from, this.length);
    const least = (this.percent / 100) * Math.abs(before);
    const until = this.steps[this.length - 1] as number;
    if (this.present !== undefined) {
      const better = this.present.level - after;
      if (better - certain > least) {
        this.begin();
      } else this.present = { ...this.present, until };
      return;
    }
    if (before - after + certain >= least || isLate(rate, start, until)) return;
    this.present = { step: this.steps[from] as number, until, level: after };
  }

  private alertOf(flat: Flat): Alert {
    const present = flat === this.present;
    return {
      kind: 'plateau',
      step: flat.step,
      title: present ? 'Loss is on a plateau' : 'Loss was on a plateau',
      detail: `less than ${this.percent} % better in ${formatCount(flat.until - flat.step)} steps`,
      value: flat.level,
      present,
    };
  }
}

/** Whether the schedule has brought the rate down by `step`, from its highest of the stage. */
function isLate(rate: Series | undefined, start: number, step: number): boolean {
  if (rate === undefined) return false;
  const { steps, values } = rate;
  const [from, to] = [lowerBound(steps, steps.length, start), upperBound(steps, steps.length, step)];
  let highest = 0;
  // A schedule is smooth: a thousand of its points say how high it was.
  const stride = Math.max(1, Math.floor((to - from) / 1000));
  for (let index = from; index < to; index += stride) highest = Math.max(highest, values[index] as number);
  return to > from && (values[to - 1] as number) < LATE_RATE * highest;
}
