/** The metrics sources that are logs: what a scan of the workspace knows of them, without the others' readers. */
import { field } from './field';
import { ours } from './ours';
import type { LogSource } from './source';

/** Those that grow while a run trains, and by which it is seen to. Ours is the first. */
export const LOG_SOURCES: readonly [LogSource, ...LogSource[]] = [ours, field];

/** Names of the files that runs may log their metrics to. */
export const METRICS_FILES: readonly string[] = LOG_SOURCES.map(({ file }) => file);
