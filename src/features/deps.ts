/** What every feature is given. */
import type * as vscode from 'vscode';
import type { Plan } from '../core/training/plan/plan';
import type { GpuMonitor } from '../core/training/gpus/gpuMonitor';
import type { CheckpointWorker } from '../core/checkpoint/worker/workerClient';
import type { Log } from '../platform/log';
import type { ReportDocuments } from '../platform/reportDocuments';
import type { Workspaces } from '../platform/workspaces';
import type { ValidationResults } from './validate/results';

/** Starts what a plan says (features/training/start.ts). */
export interface PlanStarter {
  /** Path of the supervisor's script. */
  readonly supervisor: string;
  /** False when something is in the way, which the user was told. */
  start(plan: Plan): Promise<boolean>;
  /** What `start` would ask the user about before it starts, in one line; undefined where it would start at once. */
  obstacle(plan: Plan): Promise<string | undefined>;
  /** The plan on a free GPU of this machine, where it leaves open which. */
  placed(plan: Plan): Promise<Plan>;
  /** Several, as one where their launcher can. False when something is in the way of one of them. */
  startAll(plans: readonly Plan[]): Promise<boolean>;
  /**
   * Runs a task of the trainer's that does not train, to its end.
   *
   * @returns its exit code; undefined when something is in the way, which the user was told
   */
  run(made: TrainerTask): Promise<number | undefined>;
}

/** A task, and what it is started with. */
export interface TrainerTask {
  readonly task: vscode.Task;
  readonly interpreter: string;
  readonly cwd: string;
}

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
  readonly starter: PlanStarter;
  /** This machine's GPUs, for all who show their figures. */
  readonly gpus: GpuMonitor;
}
