/** metrics.jsonl, as our trainer writes it (contract section 6). */
import type { MetricsEvent } from '../events';
import { asNumber, isObject, type JsonObject } from '../../jsonText';
import { fieldsOf, finite, type LogSource } from './source';

export const ours: LogSource = { kind: 'log', file: 'metrics.jsonl', parseLine };

function parseLine(line: string): MetricsEvent | undefined {
  const fields = fieldsOf(line);
  if (fields === undefined) return undefined;
  const step = finite(fields['step']);
  switch (typeof fields['event'] === 'string' ? fields['event'] : '') {
    case 'start':
      return { kind: 'start', segment: finite(fields['segment']), resumeStep: finite(fields['resume_step']) ?? 0 };
    case 'metrics':
      return step === null ? undefined : metricsEvent(fields, step);
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

function metricsEvent(fields: JsonObject, step: number): MetricsEvent | undefined {
  if (!isObject(fields['metrics'])) return undefined;
  const values: [string, number][] = [];
  for (const [name, raw] of Object.entries(fields['metrics'])) {
    const value = asNumber(raw);
    if (value !== null) values.push([name, value]);
  }
  const time = finite(fields['time']) ?? Number.NaN;
  return { kind: 'metrics', segment: finite(fields['segment']), step, time, values, stage: null, unmarked: false };
}
