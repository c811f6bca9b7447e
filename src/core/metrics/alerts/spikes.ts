/** Points of a loss that stand out of their recent past: by a robust score of what is left when the trend is taken out. */
import { formatCount } from '../../format';
import type { Series } from '../series';
import { MOST_ALERTS, short, WARM_UP, type Alert } from './alert';
import { Grown } from './grown';

/** A spike is also at least this share of the level: on a very smooth curve eight deviations are nothing. */
const SPIKE_SHARE = 0.2;
/** A spike is over where this share of its height is left: a level that the trend came up to is none that it came down to. */
const LEFT = 0.25;
/** How fast level, slope and noise follow (Holt's double exponential smoothing), a point. */
const LEVEL = 0.1;
const SLOPE = 0.005;
const NOISE = 0.05;
/** Standard deviations of a normal distribution in its median absolute deviation. */
const DEVIATIONS_OF_MEDIAN = 1.4826;
/** What is further off counts as this many deviations: one point must not move the trend or hide the next spike. */
const CLIPPED = 3;

interface Spike {
  readonly peak: number;
  readonly step: number;
  readonly z: number;
  readonly base: number;
  readonly from: number;
}

/** Trend and noise after some points; they start anew where the objective changes, at a stage's start. */
export class Spikes {
  private readonly grown = new Grown();
  private closed: Alert[] = [];
  private open: Spike | undefined;
  private taken = 0;
  private level = 0;
  private slope = 0;
  /** Running median of the absolute residuals. */
  private spread = 0;
  private seen = 0;
  private stage = 0;

  /** @param deviations how many make a spike; 0: none does */
  constructor(private readonly deviations: number) {}

  /** Spikes of the series so far, oldest first; only what was appended since the last call is gone over. */
  find(loss: Series, stageStarts: readonly number[]): Alert[] {
    if (this.deviations === 0) return [];
    if (!this.grown.since(loss, stageStarts.join())) this.startOver();
    const { steps, values } = loss;
    for (; this.taken < values.length; this.taken += 1) {
      this.take(steps[this.taken] as number, values[this.taken] as number, stageStarts);
    }
    return this.open === undefined ? this.closed : [...this.closed, alertOf(this.open, null)];
  }

  private startOver(): void {
    this.closed = [];
    this.open = undefined;
    this.taken = 0;
    this.stage = 0;
    this.newTrend();
  }

  private newTrend(): void {
    this.level = 0;
    this.slope = 0;
    this.spread = 0;
    this.seen = 0;
  }

  private take(step: number, value: number, stageStarts: readonly number[]): void {
    if (!Number.isFinite(value)) return;
    while (this.stage < stageStarts.length && step >= (stageStarts[this.stage] as number)) {
      this.stage += 1;
      this.close('stage');
      this.newTrend();
    }
    const expected = this.level + this.slope;
    const over = value - expected;
    const deviation = DEVIATIONS_OF_MEDIAN * this.spread;
    if (this.seen >= WARM_UP && over > this.deviations * deviation && over > SPIKE_SHARE * Math.abs(expected)) {
      const z = deviation > 0 ? Math.min(999, over / deviation) : 999;
      if (this.open === undefined) this.open = { peak: value, step, z, base: expected, from: step };
      else if (value > this.open.peak) this.open = { ...this.open, peak: value, z };
      // A level that stays is believed after a while.
      this.level = expected + 0.02 * over;
      return;
    }
    if (this.open !== undefined && value <= this.open.base + LEFT * (this.open.peak - this.open.base)) this.close(step);
    this.follow(value, over, deviation);
  }

  private follow(value: number, over: number, deviation: number): void {
    const { seen } = this;
    this.seen += 1;
    if (seen === 0) {
      this.level = value;
      return;
    }
    const size = Math.abs(over);
    if (seen < WARM_UP) {
      this.level += over / (seen + 1);
      this.spread += (size - this.spread) / seen;
      return;
    }
    const most = CLIPPED * deviation;
    const counted = Math.max(-most, Math.min(most, over));
    this.level += this.slope + LEVEL * counted;
    this.slope += SLOPE * counted;
    this.spread = this.spread === 0 ? size : this.spread * (size > this.spread ? 1 + NOISE : 1 - NOISE);
  }

  private close(recovered: number | 'stage'): void {
    if (this.open === undefined) return;
    this.closed.push(alertOf(this.open, recovered));
    if (this.closed.length > 2 * MOST_ALERTS) this.closed = this.closed.slice(-MOST_ALERTS);
    this.open = undefined;
  }
}

/** @param recovered the step at which it was over; `stage` where the stage ended before; null where it still lasts */
function alertOf({ peak, step, z, base, from }: Spike, recovered: number | 'stage' | null): Alert {
  return {
    kind: 'spike',
    step,
    title: `Loss spike +${short(peak - base)} (z = ${z.toFixed(1)})`,
    detail:
      recovered === null
        ? 'not recovered yet'
        : recovered === 'stage'
          ? 'not recovered when the stage ended'
          : `recovered in ${formatCount(recovered - from)} steps`,
    value: peak - base,
    present: recovered === null,
  };
}
