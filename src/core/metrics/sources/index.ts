/** Every metrics source. A run's is the first whose file is there; to add one, write it beside these and name it here. */
import { field } from './field';
import { huggingFace } from './huggingFace';
import { ours } from './ours';
import type { LogSource, MetricsSource } from './source';

export type { DocumentSource, LogSource, MetricsSource } from './source';

export const METRICS_SOURCES: readonly MetricsSource[] = [ours, field, huggingFace];

/** Those that grow while a run trains, and by which it is seen to. Ours is the first. */
export const LOG_SOURCES = METRICS_SOURCES.filter((source): source is LogSource => source.kind === 'log') as [
  LogSource,
  ...LogSource[],
];

/** Names of the files that runs may log their metrics to. */
export const METRICS_FILES: readonly string[] = LOG_SOURCES.map(({ file }) => file);
