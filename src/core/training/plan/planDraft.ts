/** What a plan is asked for with, and what is settled of it before its messages are made. */
import type { Curriculum } from '../../curriculum';
import type { Launch, LauncherKind, LaunchRequest } from '../launchers';
import type { PlanKind, PlanMessage, PlannedArgument } from './plan';
import type { PlanSource } from './planSource';

export interface PlanRequest {
  readonly kind: PlanKind;
  /** Absolute path of a checkpoint's folder, or of a run's (its newest checkpoint that can be used). */
  readonly checkpoint: string;
  /** Checkpoints that were validated and are not valid, by absolute path, each with the reason as a clause. */
  readonly notValid?: ReadonlyMap<string, string> | undefined;
  /** New values as typed, by argument. */
  readonly changes?: Readonly<Record<string, string>>;
  /** How far beyond the checkpoint's step to train; for `extend` 15000 unless given. */
  readonly additionalSteps?: number | undefined;
  readonly launch?: LaunchRequest | undefined;
  /** The Python that trains; `python3` from PATH unless given. */
  readonly interpreter?: string | undefined;
  /** The training workspace; found from the checkpoint's place unless given. */
  readonly workspaceRoot?: string | undefined;
  /** Relative to the workspace. */
  readonly script?: string | undefined;
  /** Folder name of the new run, for a branch. */
  readonly name?: string | undefined;
}

/** What is settled before messages are made: the inputs of judge(). */
export interface PlanDraft {
  readonly request: PlanRequest;
  readonly kind: PlanKind;
  readonly source: PlanSource;
  readonly launch: Launch<LauncherKind>;
  readonly arguments: readonly PlannedArgument[];
  readonly curriculum: Curriculum | null;
  readonly run: string;
  readonly cwd: string;
  readonly script: string;
  /** Why the script cannot be started, as a clause; null where it can. */
  readonly scriptFailure: string | null;
  /** Why it cannot be started so here. */
  readonly launchFailures: readonly PlanMessage[];
  /** False when the workspace's script is another trainer's (contract section 7). */
  readonly ourTrainer: boolean;
}
