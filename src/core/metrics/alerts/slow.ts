/** Throughput that has dropped and stays down: not for the minute in which a machine is busy. Within one stage of one process. */
import type { Series } from '../series';
import { median, MOST_ALERTS, short, type Alert } from './alert';
import { Grown } from './grown';

/** Points of the usual throughput: so many are kept, and fewer say nothing. */
const USUAL = 200;
const FEWEST_USUAL = 20;
/** Points in the last minutes, fewer of which say nothing. */
const FEWEST_RECENT = 5;
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
  private usual: number[] = [];
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
    this.usual = [];
  }

  private end(): void {
    if (this.present !== undefined) this.over.push(this.present);
    if (this.over.length > MOST_ALERTS) this.over.shift();
    this.present = undefined;
  }

  private take(step: number, time: number, value: number): void {
    const span = 60 * this.minutes;
    this.recent.push({ time, step, value });
    let leaving = 0;
    // One point stays that is older: the window is then known to be full.
    while (leaving < this.recent.length - 1 && time - (this.recent[leaving + 1]?.time ?? time) >= span) leaving += 1;
    for (const left of this.recent.splice(0, leaving)) {
      // What was usual is what was before it became slow.
      if (this.present === undefined) this.usual.push(left.value);
      if (this.usual.length > 2 * USUAL) this.usual = this.usual.slice(-USUAL);
    }
    const first = this.recent[0];
    if (first === undefined || time - first.time < span || this.recent.length < FEWEST_RECENT) return;
    if (this.usual.length < FEWEST_USUAL) return;
    const now = median(this.recent.map((each) => each.value));
    if (this.present !== undefined) {
      const { usual } = this.present;
      const low = this.percent / 100;
      if (now > usual * (low + (1 - low) * BACK)) this.end();
      else this.present = { ...this.present, recent: now };
      return;
    }
    const usual = median(this.usual.slice(-USUAL));
    const limit = (usual * this.percent) / 100;
    const below = this.recent.filter((each) => each.value < limit).length;
    if (now < limit && below >= 0.8 * this.recent.length) this.present = { step: first.step, usual, recent: now };
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
