/** What is settled of a plan before its messages are made. */
import type { Curriculum } from '../../curriculum';
import type { FieldCommand } from '../field/command';
import type { ScriptHelp } from '../field/help';
import type { Launch, LauncherKind } from '../launchers';
import type { PlanMessage, PlannedArgument } from './plan';
import type { PlanKind, PlanRequest } from './request';
import type { PlanSource } from './planSource';

/** What is known of where a plan starts. */
export interface Surroundings {
  readonly cwd: string;
  /** Relative to it. */
  readonly script: string;
  /** Why the script cannot be started, as a clause; null where it can. */
  readonly scriptFailure: string | null;
  readonly launch: Launch<LauncherKind>;
  /** Why it cannot be started so here. */
  readonly launchFailures: readonly PlanMessage[];
  readonly interpreter: string;
  /** Modules that the interpreter is known to lack. */
  readonly lacks: readonly string[];
}

/** What is settled before messages are made: the inputs of judge(). */
export interface PlanDraft extends Surroundings {
  readonly request: PlanRequest;
  readonly kind: PlanKind;
  readonly newRun: boolean;
  readonly source: PlanSource;
  readonly arguments: readonly PlannedArgument[];
  readonly curriculum: Curriculum | null;
  readonly run: string;
  /** The base model, as it was or as it is asked for, is a folder. */
  readonly modelIsFolder: boolean;
  /** The run has a W&B run that a resume goes on with. */
  readonly hasWandbRun: boolean;
  /** False when the workspace's script is another trainer's (contract section 7). */
  readonly ourTrainer: boolean;
  /** The options of another trainer's script; null of ours, and where they are not known. */
  readonly help: ScriptHelp | null;
  /** Why they are not, as a clause, where they were asked for. */
  readonly scriptUnknown: string | null;
  /** What that script is given; null where its options are not known. */
  readonly field: FieldCommand | null;
  /** Null where either is not known. */
  readonly disk: { readonly freeBytes: number; readonly checkpointBytes: number } | null;
}
