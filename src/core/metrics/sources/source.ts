/** What a metrics source is, and what the sources share in reading a line of JSON. */
import { parseJsonOfAnyDepth } from '../../jsonText';
import type { MetricsEvent } from '../events';

/** A kind of metrics file: one JSON object a line, appended. */
export interface MetricsSource {
  /** Its name in the run's folder. */
  readonly file: string;
  /** The line's event; undefined for a torn line, an unknown event, or anything that is no event at all. */
  readonly parseLine: (line: string) => MetricsEvent | undefined;
}

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The line's object; undefined for a torn line, or nothing that a trainer writes. */
export function fieldsOf(line: string): Fields | undefined {
  try {
    const value: unknown = parseJsonOfAnyDepth(line);
    return isFields(value) ? value : undefined;
  } catch {
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

export function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
