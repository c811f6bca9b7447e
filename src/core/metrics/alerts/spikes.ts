/** Points of a loss that stand out of their recent past. */
import { formatCount } from '../../format';
import type { Series } from '../series';
import { MOST_ALERTS, short, WARM_UP, type Alert } from './alert';
import { Grown } from './grown';

const SPIKE_DEVIATIONS = 8;
/** A spike is also at least this share of the mean: on a very smooth curve eight deviations are nothing. */
const SPIKE_SHARE = 0.2;

interface Spike {
  readonly peak: number;
  readonly step: number;
  readonly z: number;
  readonly base: number;
  readonly from: number;
}

/** A spike is over where this share of its height is left: a level that the mean came up to is none that it came down to. */
const LEFT = 0.25;

/** Running mean and deviation after some points; they start anew where the objective changes, at a stage's start. */
export class Spikes {
  private readonly grown = new Grown();
  private closed: Alert[] = [];
  private open: Spike | undefined;
  private taken = 0;
  private mean = 0;
  private variance = 0;
  private seen = 0;
  private stage = 0;

  /** Spikes of the series so far, oldest first; only what was appended since the last call is gone over. */
  find(loss: Series, stageStarts: readonly number[]): Alert[] {
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
    this.mean = 0;
    this.variance = 0;
    this.seen = 0;
    this.stage = 0;
  }

  private take(step: number, value: number, stageStarts: readonly number[]): void {
    if (!Number.isFinite(value)) return;
    while (this.stage < stageStarts.length && step >= (stageStarts[this.stage] as number)) {
      this.stage += 1;
      this.close('stage');
      this.seen = 0;
    }
    const { mean, variance, seen } = this;
    const deviation = Math.sqrt(variance);
    const over = value - mean;
    if (seen >= WARM_UP && over > SPIKE_DEVIATIONS * deviation && over > SPIKE_SHARE * Math.abs(mean)) {
      const z = deviation > 0 ? Math.min(999, over / deviation) : 999;
      if (this.open === undefined) this.open = { peak: value, step, z, base: mean, from: step };
      else if (value > this.open.peak) this.open = { ...this.open, peak: value, step, z };
      // Its own height must not hide the next one; a level that stays is believed after a while.
      this.mean = mean + 0.02 * over;
      return;
    }
    if (this.open !== undefined && value <= this.open.base + LEFT * (this.open.peak - this.open.base)) this.close(step);
    const weight = Math.max(0.05, 1 / (seen + 1));
    const clipped = seen < WARM_UP ? over : Math.max(-3 * deviation - 1e-12, Math.min(3 * deviation + 1e-12, over));
    this.mean = seen === 0 ? value : mean + weight * over;
    this.variance = seen === 0 ? 0 : (1 - weight) * (variance + weight * clipped * clipped);
    this.seen = seen + 1;
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
  };
}
