/** One line of metrics.jsonl (contract section 6), or of the dialect's training_log.jsonl (section 7), as an event. */

import { parseJsonOfAnyDepth } from '../jsonText';

export type MetricsEvent =
  | { readonly kind: 'start'; readonly segment: number | null; readonly resumeStep: number }
  | {
      readonly kind: 'metrics';
      readonly segment: number | null;
      readonly step: number;
      /** Unix seconds; NaN where the line has none. */
      readonly time: number;
      readonly values: readonly (readonly [name: string, value: number])[];
      /** Dialect rows carry the stage's name; ours have an event of its own. */
      readonly stage: string | null;
      /** True for a dialect row: resumes leave no marker there, a step that goes back is one. */
      readonly unmarked: boolean;
    }
  | {
      readonly kind: 'stage';
      readonly step: number;
      readonly stage: string;
      readonly mixingRatio: number | null;
    }
  | { readonly kind: 'checkpoint'; readonly step: number; readonly path: string }
  | { readonly kind: 'end'; readonly why: string; readonly step: number | null };

type Fields = Readonly<Record<string, unknown>>;

function parseLoosely(line: string): unknown {
  try {
    return parseJsonOfAnyDepth(line);
  } catch {
    // A torn line, or nothing that a trainer writes.
    return undefined;
  }
}

/** A number, or one of the three strings that stand for a non-finite one; undefined for anything else. */
export function metricNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
  return undefined;
}

function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const DIALECT_NAMES: ReadonlyMap<string, string> = new Map([
  ['total_loss', 'loss/total'],
  ['fidelity_loss', 'loss/fidelity'],
  ['learning_rate', 'training/learning_rate'],
  ['grad_norm', 'training/grad_norm'],
  ['mixing_ratio', 'curriculum/mixing_ratio'],
  ['val_loss', 'eval_loss/total'],
]);

const DIALECT_LAYER_NAMES: ReadonlyMap<string, string> = new Map([
  ['direct_mlp', 'mlp_direct_loss'],
  ['reg', 'regularization'],
  ['v_a_norm', 'v_a_norm'],
  ['v_b_norm', 'v_b_norm'],
  ['v_a_attn_similarity', 'v_a_attention_similarity'],
]);

const DIALECT_NOT_METRICS = new Set(['step', 'time', 'timestamp', 'curriculum_stage', 'layer_losses']);

function dialectRow(fields: Fields, step: number): MetricsEvent {
  const stage = typeof fields['curriculum_stage'] === 'string' ? fields['curriculum_stage'] : null;
  const values: [string, number][] = [];
  for (const [key, raw] of Object.entries(fields)) {
    if (DIALECT_NOT_METRICS.has(key)) continue;
    let value = metricNumber(raw);
    if (value === undefined) continue;
    // That trainer logs 0 in student stages, where the attention input is wholly the student's (contract section 7).
    if (key === 'mixing_ratio' && stage === 'student') value = 1;
    values.push([DIALECT_NAMES.get(key) ?? key, value]);
  }
  if (isFields(fields['layer_losses'])) {
    for (const [key, raw] of Object.entries(fields['layer_losses'])) {
      const value = metricNumber(raw);
      if (value === undefined) continue;
      const match = /^(layer_\d+)_(.+)$/.exec(key);
      const layer = match?.[1];
      const kind = match?.[2];
      if (layer === undefined || kind === undefined) values.push([key, value]);
      else values.push([`${DIALECT_LAYER_NAMES.get(kind) ?? kind}/${layer}`, value]);
    }
  }
  const time = finite(fields['time']) ?? finite(fields['timestamp']) ?? Number.NaN;
  return { kind: 'metrics', segment: null, step, time, values, stage, unmarked: true };
}

/** The line's event; undefined for a torn line, an unknown event, or anything that is no event at all. */
export function parseMetricsLine(line: string): MetricsEvent | undefined {
  const fields = parseLoosely(line);
  if (!isFields(fields)) return undefined;
  const step = finite(fields['step']);
  if (fields['event'] === undefined) return step === null ? undefined : dialectRow(fields, step);
  switch (typeof fields['event'] === 'string' ? fields['event'] : '') {
    case 'start':
      return { kind: 'start', segment: finite(fields['segment']), resumeStep: finite(fields['resume_step']) ?? 0 };
    case 'metrics': {
      if (step === null || !isFields(fields['metrics'])) return undefined;
      const values: [string, number][] = [];
      for (const [name, raw] of Object.entries(fields['metrics'])) {
        const value = metricNumber(raw);
        if (value !== undefined) values.push([name, value]);
      }
      const segment = finite(fields['segment']);
      return {
        kind: 'metrics',
        segment,
        step,
        time: finite(fields['time']) ?? Number.NaN,
        values,
        stage: null,
        unmarked: false,
      };
    }
    case 'stage':
      if (step === null || typeof fields['stage'] !== 'string') return undefined;
      return { kind: 'stage', step, stage: fields['stage'], mixingRatio: finite(fields['mixing_ratio']) };
    case 'checkpoint':
      if (step === null || typeof fields['path'] !== 'string') return undefined;
      return { kind: 'checkpoint', step, path: fields['path'] };
    case 'end':
      return { kind: 'end', why: typeof fields['why'] === 'string' ? fields['why'] : 'unknown', step };
    default:
      return undefined;
  }
}
