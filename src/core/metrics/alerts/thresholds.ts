/** From when on something is worth an alert. */

/** 0 says nothing of that kind. */
export interface AlertThresholds {
  /** Robust deviations that a point stands above the trend of its recent past. */
  readonly spikeDeviations: number;
  /** Times its lowest average, or its siblings' average, that the average of a loss is. */
  readonly divergenceTimes: number;
  /** Per cent that a loss must have become better in the last third of its stage. */
  readonly plateauPercent: number;
  /** Times the usual time between two log lines that nothing was logged. */
  readonly stalledTimes: number;
  /** Per cent of its usual throughput, below which a run is slow… */
  readonly slowPercent: number;
  /** …and for how many minutes. */
  readonly slowMinutes: number;
  /** Per cent of a GPU's memory in use. */
  readonly gpuMemoryPercent: number;
  /** GB (10⁹ bytes) free on the run's disk. */
  readonly diskFreeGB: number;
}

export const DEFAULT_THRESHOLDS: AlertThresholds = {
  spikeDeviations: 8,
  divergenceTimes: 1.25,
  plateauPercent: 1,
  stalledTimes: 10,
  slowPercent: 60,
  slowMinutes: 5,
  gpuMemoryPercent: 95,
  diskFreeGB: 2,
};

/** Thresholds from what a settings file holds, which may be anything: what is no number ≥ 0 is as if it were not set. */
export function readThresholds(get: (name: keyof AlertThresholds) => unknown): AlertThresholds {
  const names = Object.keys(DEFAULT_THRESHOLDS) as (keyof AlertThresholds)[];
  const read = (name: keyof AlertThresholds): number => {
    const value = get(name);
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : DEFAULT_THRESHOLDS[name];
  };
  return Object.fromEntries(names.map((name) => [name, read(name)])) as Record<keyof AlertThresholds, number>;
}
