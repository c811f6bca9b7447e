/**
 * A plan says what will run before anything runs (contract section 8): plain data that the tree, the palette, the
 * dashboard and the CLI show and launch. Resume, extend and branch are three ways of making one.
 */
import type { Stage } from '../../curriculum/curriculum';
import type { Launch, LauncherKind } from '../launchers';

export type PlanKind = 'resume' | 'extend' | 'branch';
export const PLAN_KINDS: readonly PlanKind[] = ['resume', 'extend', 'branch'];

/** Where an argument's value comes from. */
export type ArgumentSource = 'checkpoint' | 'run' | 'changed' | 'default' | 'tensors';

export interface PlannedArgument {
  readonly name: string;
  readonly value: unknown;
  readonly source: ArgumentSource;
  /** What it was in the checkpoint, where this plan changes it; null otherwise. */
  readonly previous: unknown;
}

export interface PlanMessage {
  readonly code: string;
  readonly message: string;
  /** The argument that another value would settle it for. */
  readonly argument?: string;
  /** A value that would, as one types it. */
  readonly proposal?: string;
}

export interface Plan {
  readonly kind: PlanKind;
  /** Absolute path of the run's folder that will be trained (for a branch: the new one). */
  readonly run: string;
  readonly parent: {
    readonly id: string | null;
    readonly run: string;
    readonly checkpoint: string;
    readonly step: number;
  } | null;
  /** Absolute path of the checkpoint that it starts from, or what was asked for where that is none. */
  readonly checkpoint: string;
  /** Absolute path of the folder that training starts in. */
  readonly cwd: string;
  /** What starts it, and how. */
  readonly launch: Launch<LauncherKind>;
  /** The Python that trains. */
  readonly interpreter: string;
  /** Interpreter first; never goes through a shell. */
  readonly argv: readonly string[];
  /** What a later start of the same run runs: it goes on from the run's own newest checkpoint. */
  readonly again: readonly string[];
  readonly arguments: readonly PlannedArgument[];
  readonly curriculum: readonly Stage[];
  readonly stageAtStart: string | null;
  readonly startStep: number;
  readonly warnings: readonly PlanMessage[];
  /** Not empty: this plan must not be launched. */
  readonly errors: readonly PlanMessage[];
}
