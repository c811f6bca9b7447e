/** A run's metrics as one JSON document (contract section 8, `metrics <run>`). */
import type { Segment } from './log';
import { MetricsTail } from './tail';

/** A number, or a non-finite one as JSON can hold it. */
export type JsonNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export interface MetricsDocument {
  readonly segments: readonly Segment[];
  readonly series: Readonly<Record<string, { readonly steps: number[]; readonly values: JsonNumber[] }>>;
}

function jsonNumber(value: number): JsonNumber {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}

/**
 * Reads the metrics file (see sources/) of the run in folder `runPath`: every point, after the cuts that
 * resumes made. A run without the file gives an empty document. Throws as `fs` does where the file cannot be read.
 */
export async function readMetrics(runPath: string): Promise<MetricsDocument> {
  const tail = new MetricsTail(runPath);
  await tail.poll();
  // fromEntries defines own properties, so a metric may even be called __proto__.
  const series = Object.fromEntries(
    [...tail.log.series].map(([name, points]) => [
      name,
      { steps: Array.from(points.steps), values: Array.from(points.values, jsonNumber) },
    ]),
  );
  return { segments: tail.log.segments, series };
}
