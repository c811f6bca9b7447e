/** What a tensor's numbers are like: moments in one pass, a histogram in another. fp32 numbers go through a kernel where there is one. */
import { MOST_BINS, SummaryKernel, type BlockMoments } from './kernels/summaryKernel';

export type Numbers = Float32Array | Float64Array;

export const HISTOGRAM_BINS = MOST_BINS;

export class Moments {
  count = 0;
  finite = 0;
  nan = 0;
  zeros = 0;
  min = Infinity;
  max = -Infinity;
  /** Sum of squared distances from the mean. */
  squares = 0;
  private sum = 0;
  /** What the sum's last digits lost (Neumaier 1974): thousands of blocks shall not round thousands of times. */
  private lost = 0;

  constructor(private readonly kernel: SummaryKernel | null) {}

  /** Of the finite numbers; NaN where there are none. */
  get mean(): number {
    return (this.sum + this.lost) / this.finite;
  }

  add(values: Numbers): void {
    if (this.kernel === null || !(values instanceof Float32Array)) {
      this.addPlain(values);
      return;
    }
    for (const block of this.kernel.blocks(values)) {
      const whole = SummaryKernel.whole(block.length);
      const found = whole === 0 ? null : this.kernel.moments(block.subarray(0, whole));
      if (found === null) {
        this.addPlain(block);
        continue;
      }
      this.count += whole;
      this.join(whole, found);
      if (whole < block.length) this.addPlain(block.subarray(whole));
    }
  }

  private addPlain(values: Numbers): void {
    let sum = 0;
    let finite = 0;
    let zeros = 0;
    let nan = 0;
    let min = Infinity;
    let max = -Infinity;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (value - value === 0) {
        finite++;
        sum += value;
        if (value < min) min = value;
        if (value > max) max = value;
        if (value === 0) zeros++;
      } else if (value !== value) nan++;
    }
    this.count += values.length;
    this.nan += nan;
    if (finite === 0) return;
    const mean = sum / finite;
    let squares = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (value - value === 0) squares += (value - mean) * (value - mean);
    }
    // Minus zero is zero to whoever reads it.
    this.join(finite, { min: min + 0, max: max + 0, zeros, sum, squares });
  }

  /** Squares of the pieces are joined as Chan, Golub and LeVeque do (1979): a large mean costs no digits. */
  private join(finite: number, { min, max, zeros, sum, squares }: BlockMoments): void {
    if (min < this.min) this.min = min;
    if (max > this.max) this.max = max;
    this.zeros += zeros;
    const total = this.finite + finite;
    const apart = this.finite === 0 ? 0 : sum / finite - this.mean;
    this.squares += squares + (apart * apart * this.finite * finite) / total;
    const next = this.sum + sum;
    this.lost += Math.abs(this.sum) >= Math.abs(sum) ? this.sum - next + sum : sum - next + this.sum;
    this.sum = next;
    this.finite = total;
  }
}

/** Finite numbers in equal intervals from the smallest to the largest; one interval an integer where there are few. */
export class Histogram {
  readonly counts: number[];
  private readonly low: number;
  /** Bins per unit; halves of the limits, because their difference may be more than a double holds. */
  private readonly scale: number;
  private readonly kernel: SummaryKernel | null;

  /** @param allFinite whether no number has to be left out: what the kernel needs */
  constructor(min: number, max: number, integers: boolean, allFinite: boolean, kernel: SummaryKernel | null) {
    const bins = min === max ? 1 : integers && max - min < HISTOGRAM_BINS ? max - min + 1 : HISTOGRAM_BINS;
    const half = integers && bins < HISTOGRAM_BINS ? bins / 2 : max / 2 - min / 2;
    this.counts = Array.from({ length: bins }, () => 0);
    this.low = min / 2;
    this.scale = half > 0 ? bins / half : 0;
    this.kernel = allFinite ? kernel : null;
  }

  add(values: Numbers): void {
    if (this.kernel === null || !(values instanceof Float32Array)) {
      this.addPlain(values);
      return;
    }
    for (const block of this.kernel.blocks(values)) {
      const whole = SummaryKernel.whole(block.length);
      if (whole > 0) this.kernel.bins(block.subarray(0, whole), this.low, this.scale, this.counts.length - 1);
      if (whole < block.length) this.addPlain(block.subarray(whole));
    }
    this.kernel.take(this.counts);
  }

  private addPlain(values: Numbers): void {
    const { counts, low, scale } = this;
    const last = counts.length - 1;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (value - value !== 0) continue;
      const place = (value / 2 - low) * scale;
      // No number (an infinite scale times nothing) is the first interval's.
      const bin = place < last ? place | 0 : place >= last ? last : 0;
      counts[bin] = (counts[bin] as number) + 1;
    }
  }
}
