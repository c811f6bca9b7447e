/** What is known of the metrics that trainers log: one table for the host and the page. */

import { EVAL_LOSS, LEARNING_RATE, TOKENS_PER_SECOND, STEPS_PER_SECOND, GPU_MEMORY } from './names';

export * from './names';

/** How a metric's figures are written: with so many digits, as a rate (148k), as an amount of memory. */
export type MetricUnit = 'loss' | 'plain' | 'rate' | 'bytes';

export interface MetricEntry {
  /** The metric's name; of one that each layer has, what stands before `/layer_<n>`. */
  readonly key: string;
  /** As its chart is headed. */
  readonly title: string;
  readonly unit: MetricUnit;
  /** Stands among the charts that are shown without being asked for; in the table's order. */
  readonly first: boolean;
  readonly scale: 'linear' | 'log';
  /** Drawn as averages where layers share a chart: the noise of one line would hide the others. */
  readonly smoothed: boolean;
  /** Few enough points that a change from one to the next says something. */
  readonly showsChange: boolean;
}

const PLAIN = { unit: 'plain', first: true, scale: 'linear', smoothed: false, showsChange: false } as const;

/** In the order in which charts are shown. */
const CATALOGUE: readonly MetricEntry[] = [
  { ...PLAIN, key: EVAL_LOSS, title: 'eval loss', unit: 'loss', showsChange: true },
  { ...PLAIN, key: 'training/grad_norm', title: 'grad norm' },
  { ...PLAIN, key: 'loss/fidelity', title: 'fidelity loss', unit: 'loss' },
  { ...PLAIN, key: LEARNING_RATE, title: 'learning rate' },
  { ...PLAIN, key: 'mlp_direct_loss', title: 'direct MLP loss', unit: 'loss', smoothed: true },
  { ...PLAIN, key: TOKENS_PER_SECOND, title: 'tokens/s', unit: 'rate' },
  { ...PLAIN, key: 'v_a_attention_similarity', title: 'v_a ~ attention', smoothed: true },
  { ...PLAIN, key: GPU_MEMORY, title: 'GPU memory', unit: 'bytes' },
  { ...PLAIN, key: STEPS_PER_SECOND, title: 'steps/s', unit: 'rate', first: false },
];

const BY_KEY = new Map(CATALOGUE.map((entry) => [entry.key, entry]));

/** The entry of a metric, or of those that each layer has: the table's, else what its name tells. */
export function metricEntry(key: string): MetricEntry {
  const known = BY_KEY.get(key);
  if (known !== undefined) return known;
  const unit = key.includes('bytes') ? 'bytes' : key.startsWith('throughput/') ? 'rate' : 'plain';
  return {
    ...PLAIN,
    key,
    title: key,
    unit: unit === 'plain' && key.includes('loss') ? 'loss' : unit,
    first: false,
    smoothed: true,
    showsChange: key.startsWith('eval'),
  };
}

/** Place among the charts that are shown without being asked for; −1 for the others. */
export function placeOfMetric(key: string): number {
  return CATALOGUE.findIndex((entry) => entry.first && entry.key === key);
}

const EVALUATION = /^(eval|val|validation|test)([_/]|$)/;
const SCHEDULE = /(^|\/)(learning_rate|lr|stage_index|mixing_ratio|mlp_mixing_ratio|epoch)(\/|$)/;

export function isEvaluation(metric: string): boolean {
  return EVALUATION.test(metric);
}

/** Drawn as logged, never as an average, by what it is: an evaluation says how good the model was then, a schedule has no noise. */
export function isDrawnAsLogged(metric: string): boolean {
  return isEvaluation(metric) || SCHEDULE.test(metric);
}

/** A series with fewer points than this share of the steps' is drawn as logged, whatever it is called. */
const SPARSE = 1 / 4;

/** @param points of a metric, where a metric that is logged with every step line has `of` of them */
export function isSparse(points: number, of: number): boolean {
  return points <= of * SPARSE;
}

/** What a metric's axis counts; empty for a number without a unit. */
export function unitText(metric: string): string {
  const { key, unit } = metricEntry(layerOf(metric)?.key ?? metric);
  if (unit === 'bytes') return 'bytes';
  if (unit !== 'rate') return '';
  return key.includes('steps') ? 'steps/s' : key.includes('tokens') ? 'tokens/s' : 'per second';
}

const LAYER = /^(.*)\/layer_(\d+)$/;

/** A metric of one layer: what it is, and the layer's number; undefined for one of the whole run. */
export function layerOf(metric: string): { readonly key: string; readonly layer: string } | undefined {
  const [, key, layer] = LAYER.exec(metric) ?? [];
  return key === undefined || layer === undefined ? undefined : { key, layer };
}
