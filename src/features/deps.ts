/** What every feature is given. */
import type { CheckpointWorker } from '../core/checkpoint/worker/workerClient';
import type { Log } from '../platform/log';
import type { ReportDocuments } from '../platform/reportDocuments';
import type { Workspaces } from '../platform/workspaces';
import type { TrainingStarter } from './training/start';
import type { ValidationResults } from './validate/results';

export interface FeatureDeps {
  readonly workspaces: Workspaces;
  /** Output channel "NPT Checkpoints". */
  readonly log: Log;
  /** Reads, validates and compares checkpoints in a worker thread. */
  readonly checkpoints: CheckpointWorker;
  /** Validation results by checkpoint path, for the tree's icons. */
  readonly validations: ValidationResults;
  /** Markdown reports in the preview. */
  readonly reports: ReportDocuments;
  /** Starts plans. */
  readonly starter: TrainingStarter;
}
