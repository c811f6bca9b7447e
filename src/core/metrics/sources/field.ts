/** training_log.jsonl, as the trainer in the field writes it (contract section 7): rows without events, appended over resumes. */
import type { MetricsEvent } from '../events';
import { asNumber, isObject } from '../../jsonText';
import { fieldsOf, finite, type LogSource } from './source';

export const field: LogSource = { kind: 'log', file: 'training_log.jsonl', parseLine };

const NAMES: ReadonlyMap<string, string> = new Map([
  ['total_loss', 'loss/total'],
  ['fidelity_loss', 'loss/fidelity'],
  ['learning_rate', 'training/learning_rate'],
  ['grad_norm', 'training/grad_norm'],
  ['mixing_ratio', 'curriculum/mixing_ratio'],
  ['val_loss', 'eval_loss/total'],
]);

const LAYER_NAMES: ReadonlyMap<string, string> = new Map([
  ['direct_mlp', 'mlp_direct_loss'],
  ['reg', 'regularization'],
  ['v_a_norm', 'v_a_norm'],
  ['v_b_norm', 'v_b_norm'],
  ['v_a_attn_similarity', 'v_a_attention_similarity'],
]);

const NOT_METRICS = new Set(['step', 'time', 'timestamp', 'curriculum_stage', 'layer_losses']);

function parseLine(line: string): MetricsEvent | undefined {
  const fields = fieldsOf(line);
  const step = finite(fields?.['step']);
  if (fields === undefined || step === null || fields['event'] !== undefined) return undefined;
  const stage = typeof fields['curriculum_stage'] === 'string' ? fields['curriculum_stage'] : null;
  const values: [string, number][] = [];
  for (const [key, raw] of Object.entries(fields)) {
    if (NOT_METRICS.has(key)) continue;
    let value = asNumber(raw);
    if (value === null) continue;
    // That trainer logs 0 in student stages, where the attention input is wholly the student's (contract section 7).
    if (key === 'mixing_ratio' && stage === 'student') value = 1;
    values.push([NAMES.get(key) ?? key, value]);
  }
  if (isObject(fields['layer_losses'])) values.push(...layerValues(fields['layer_losses']));
  const time = finite(fields['time']) ?? finite(fields['timestamp']) ?? Number.NaN;
  return { kind: 'metrics', segment: null, step, time, values, stage, unmarked: true };
}

function layerValues(losses: Readonly<Record<string, unknown>>): [string, number][] {
  return Object.entries(losses).flatMap(([key, raw]): [string, number][] => {
    const value = asNumber(raw);
    if (value === null) return [];
    const [, layer, kind] = /^(layer_\d+)_(.+)$/.exec(key) ?? [];
    if (layer === undefined || kind === undefined) return [[key, value]];
    return [[`${LAYER_NAMES.get(kind) ?? kind}/${layer}`, value]];
  });
}
