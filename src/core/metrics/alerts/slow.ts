/** Throughput that has dropped and stays down: not for the minute in which a machine is busy. Within one stage of one process. */
import type { Series } from '../series';
import { median, MOST_ALERTS, short, type Alert } from './alert';
import { Grown } from './grown';

/** Points of the usual throughput: so many are kept, and fewer say nothing. */
const USUAL = 200;
const FEWEST_USUAL = 20;
/** Points in the last minutes, fewer of which say nothing. */
const FEWEST_RECENT = 5;
/** The window is judged so many times while it passes, and not with each of the many lines of a fast run. */
const JUDGED = 10;
/** A line of more than so many times the limit is not slow, by whatever measure of what is usual. */
const NEAR = 1.3;
/** Points that have left the window are let go of by so many. */
const MOST_LEFT = 1000;
/** It is over when it is back at this share of the way to the usual. */
const BACK = 0.5;

interface Drop {
  readonly step: number;
  readonly usual: number;
  readonly recent: number;
}

export class Slow {
  private readonly grown = new Grown();
  private taken = 0;
  private start = 0;
  /** Points of the last minutes, oldest first, and what was before them. */
  private recent: { readonly time: number; readonly step: number; readonly value: number }[] = [];
  /** Where those of the last minutes begin. */
  private head = 0;
  private usual: number[] = [];
  /** A running average of those, which costs less than their median. */
  private about = Number.NaN;
  /** When it was last judged, by the log's own times. */
  private judged = Number.NEGATIVE_INFINITY;
  private present: Drop | undefined;
  private over: Drop[] = [];

  /**
   * @param percent of the usual throughput, below which it is slow; 0: never
   * @param minutes for how long
   */
  constructor(
    private readonly percent: number,
    private readonly minutes: number,
  ) {}

  /** @param starts first steps of stages and segments, ascending: what was usual before says nothing of what comes after */
  find(throughput: Series | undefined, starts: readonly number[]): Alert[] {
    if (this.percent === 0 || throughput === undefined) return [];
    if (!this.grown.since(throughput, starts.join())) {
      this.taken = 0;
      this.start = 0;
      this.over = [];
      this.startOver();
    }
    const { steps, times, values } = throughput;
    for (; this.taken < values.length; this.taken += 1) {
      const step = steps[this.taken] as number;
      const [time, value] = [times[this.taken] as number, values[this.taken] as number];
      let entered = false;
      for (; this.start < starts.length && step > (starts[this.start] as number); this.start += 1) entered = true;
      if (entered) this.startOver();
      if (Number.isFinite(time) && Number.isFinite(value)) this.take(step, time, value);
    }
    return [
      ...this.over.map((drop) => alertOf(drop, false)),
      ...(this.present === undefined ? [] : [alertOf(this.present, true)]),
    ];
  }

  private startOver(): void {
    this.end();
    this.recent = [];
    this.head = 0;
    this.usual = [];
    this.about = Number.NaN;
    this.judged = Number.NEGATIVE_INFINITY;
  }

  private end(): void {
    if (this.present !== undefined) this.over.push(this.present);
    if (this.over.length > MOST_ALERTS) this.over.shift();
    this.present = undefined;
  }

  /** A point is older than the window. What was usual is what was before it became slow. */
  private leave(value: number): void {
    if (this.present !== undefined) return;
    this.usual.push(value);
    if (this.usual.length > 2 * USUAL) this.usual = this.usual.slice(-USUAL);
    this.about = Number.isNaN(this.about) ? value : this.about + (value - this.about) / FEWEST_USUAL;
  }

  private take(step: number, time: number, value: number): void {
    const span = 60 * this.minutes;
    this.recent.push({ time, step, value });
    // One point stays that is older: the window is then known to be full.
    while (this.head + 1 < this.recent.length && time - (this.recent[this.head + 1]?.time ?? time) >= span) {
      this.leave(this.recent[this.head]?.value ?? value);
      this.head += 1;
    }
    if (this.head > MOST_LEFT) {
      this.recent = this.recent.slice(this.head);
      this.head = 0;
    }
    const first = this.recent[this.head];
    const length = this.recent.length - this.head;
    if (first === undefined || time - first.time < span || length < FEWEST_RECENT) return;
    if (this.usual.length < FEWEST_USUAL || time - this.judged < span / JUDGED) return;
    // In a run that is slow most lines are: one that is not says enough of one that was not slow before.
    if (this.present === undefined && value > this.about * Math.min(1, (NEAR * this.percent) / 100)) return;
    this.judged = time;
    const recent = this.recent.slice(this.head).map((each) => each.value);
    const now = median(recent);
    if (this.present !== undefined) {
      const { usual } = this.present;
      const low = this.percent / 100;
      if (now > usual * (low + (1 - low) * BACK)) this.end();
      else this.present = { ...this.present, recent: now };
      return;
    }
    const usual = median(this.usual.slice(-USUAL));
    const limit = (usual * this.percent) / 100;
    const below = recent.filter((each) => each < limit).length;
    if (now < limit && below >= 0.8 * length) this.present = { step: first.step, usual, recent: now };
  }
}

function alertOf({ step, usual, recent }: Drop, present: boolean): Alert {
  return {
    kind: 'slow',
    step,
    title: present ? 'Training has become slow' : 'Training had become slow',
    detail: `${short(recent)} tokens/s ${present ? 'now' : 'then'}, ${short(usual)} before`,
    value: recent,
    present,
  };
}
