/** Debiased exponential moving average and slope of a series. */

/** Where an average stands after some points; enough to go on from there. */
export interface EmaState {
  mean: number;
  /** Weight that the mean's start still lacks: 1 − smoothing^n. */
  weight: number;
}

export function emaStart(): EmaState {
  return { mean: 0, weight: 0 };
}

/**
 * Averages `values[from…]` into `out[from…]`, going on from `state` (which it advances): out_n = Σ s^(n−i)·v_i / Σ s^(n−i), Adam's
 * bias correction, so that the first points are not pulled to zero. `smoothing` in [0, 1); 0 copies. A non-finite value gives a
 * NaN at its own place and leaves the average as it was.
 */
export function extendEma(
  values: Float64Array,
  from: number,
  smoothing: number,
  state: EmaState,
  out: Float64Array,
): void {
  for (let index = from; index < values.length; index += 1) {
    const value = values[index] as number;
    if (!Number.isFinite(value)) {
      out[index] = Number.NaN;
      continue;
    }
    state.mean = smoothing * state.mean + (1 - smoothing) * value;
    state.weight = smoothing * state.weight + (1 - smoothing);
    out[index] = state.mean / state.weight;
  }
}

const AVERAGED = [3, 5, 10, 20, 50, 100];

/** A smoothing that suits a series of so many points: about a sixtieth of them averaged, in steps so that a growing one changes it seldom. */
export function autoSmoothing(points: number): number {
  const averaged = AVERAGED.filter((each) => each <= points / 60).at(-1) ?? 3;
  return 1 - 1 / averaged;
}

/** How many points an average with this smoothing is about: what it is called by. */
export function pointsAveraged(smoothing: number): number {
  return Math.round(1 / (1 - smoothing));
}

/** Least-squares slope (value per step) over the last `points` finite points; NaN with fewer than three. */
export function recentSlope(steps: Float64Array, values: Float64Array, points: number): number {
  let count = 0;
  let sumX = 0;
  let sumY = 0;
  let sumXX = 0;
  let sumXY = 0;
  // Relative to the last step: squares of large step numbers would eat the difference.
  const origin = steps.length === 0 ? 0 : (steps[steps.length - 1] as number);
  for (let index = values.length - 1; index >= 0 && count < points; index -= 1) {
    const y = values[index] as number;
    if (!Number.isFinite(y)) continue;
    const x = (steps[index] as number) - origin;
    count += 1;
    sumX += x;
    sumY += y;
    sumXX += x * x;
    sumXY += x * y;
  }
  const spread = count * sumXX - sumX * sumX;
  return count < 3 || spread === 0 ? Number.NaN : (count * sumXY - sumX * sumY) / spread;
}
