/** What a metrics source is, and what the sources share in reading a line of JSON. */
import { isObject, parseJsonOfAnyDepth, type JsonObject } from '../../jsonText';
import type { MetricsEvent } from '../events';

/** A kind of metrics file: one JSON object a line, appended. */
export interface MetricsSource {
  /** Its name in the run's folder. */
  readonly file: string;
  /** The line's event; undefined for a torn line, an unknown event, or anything that is no event at all. */
  readonly parseLine: (line: string) => MetricsEvent | undefined;
}

/** The line's object; undefined for a torn line, or nothing that a trainer writes. */
export function fieldsOf(line: string): JsonObject | undefined {
  try {
    const value: unknown = parseJsonOfAnyDepth(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
