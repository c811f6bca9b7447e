/** What somebody asks for before there is a plan: the kind of it, from where, with which changes. */
import type { AskScript } from '../field/askScript';
import type { LaunchRequest } from '../launchers';

/**
 * - `start`: a new run from nothing, with a preset's arguments, another run's, or typed ones alone
 * - `resume`: on from a checkpoint; in its run where it is the newest
 * - `extend`: a resume that goes further than the run was to go
 * - `fine-tune`: an extension with another learning rate
 * - `debug`: a new run that jumps to a stage of the curriculum for a few steps
 * - `branch`: a new run from a checkpoint
 * - `re-run`: a run's original command once more, into a new run
 */
export const PLAN_KINDS = ['start', 'resume', 'extend', 'fine-tune', 'debug', 'branch', 're-run'] as const;
export type PlanKind = (typeof PLAN_KINDS)[number];

/** What to train; every path absolute. Where and with what it trains, a workspace's settings say. */
export interface TrainingRequest {
  readonly kind: PlanKind;
  /**
   * The folder of a checkpoint, or of a run (its newest checkpoint that can be used): for every kind but `start` and
   * `re-run`.
   */
  readonly checkpoint?: string | undefined;
  /** The folder of a run: whose command is run again (`re-run`), or whose settings a `start` takes. */
  readonly from?: string | undefined;
  /** For a `start`: the preset that it takes its arguments from, by name (presets.ts). */
  readonly preset?: string | undefined;
  /** For `debug`: the stage to jump to, as in a curriculum but without its steps: `student`, `mixed:0.75`. */
  readonly stage?: string | undefined;
  /** New values as typed, by argument. */
  readonly changes?: Readonly<Record<string, string>> | undefined;
  /** How far beyond the checkpoint's step to train; extend, fine-tune and debug have a number of their own. */
  readonly additionalSteps?: number | undefined;
  /** Folder name of the new run; a resume with a name becomes a branch. */
  readonly name?: string | undefined;
  /** A launcher, with values of its options, instead of what the settings say. */
  readonly launch?: Pick<LaunchRequest, 'kind' | 'options'> | undefined;
}

export interface PlanRequest extends TrainingRequest {
  /** Checkpoints that were validated and are not valid, by absolute path, each with the reason as a clause. */
  readonly notValid?: ReadonlyMap<string, string> | undefined;
  readonly launch?: LaunchRequest | undefined;
  /** The Python that trains; `python3` from PATH unless given. */
  readonly interpreter?: string | undefined;
  /** The training workspace; found from the place of the checkpoint or run unless given. */
  readonly workspaceRoot?: string | undefined;
  /** Relative to the workspace. */
  readonly script?: string | undefined;
  /** Modules that the interpreter is known to lack. */
  readonly lacks?: readonly string[] | undefined;
  /** The folder that new runs are made in, where no run says another; relative to the workspace. */
  readonly experiments?: string | undefined;
  /**
   * Runs another trainer's script for its options: for trusted workspaces only. Without it a plan takes them to be ours.
   */
  readonly askScript?: AskScript | undefined;
}

/** A request with what a message's remedy changes of it; its changes come on top of those that were made. */
export function withRemedy<Request extends TrainingRequest>(
  request: Request,
  remedy: Partial<TrainingRequest>,
): Request {
  return { ...request, ...remedy, changes: { ...request.changes, ...remedy.changes } };
}
