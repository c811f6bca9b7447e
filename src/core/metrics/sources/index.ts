/** Every metrics source. A run's is the first whose file is there; to add one, write it beside these and name it here. */
import { field } from './field';
import { ours } from './ours';
import type { MetricsSource } from './source';

export type { MetricsSource } from './source';

export const METRICS_SOURCES: readonly [MetricsSource, ...MetricsSource[]] = [ours, field];

/** Names of the files that runs may log their metrics to. */
export const METRICS_FILES: readonly string[] = METRICS_SOURCES.map(({ file }) => file);
