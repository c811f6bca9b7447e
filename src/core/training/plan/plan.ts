/**
 * A plan says what will run before anything runs (contract section 8): plain data that the tree, the palette, the
 * dashboard and the CLI show and launch. The kinds are ways of making one.
 */
import type { Stage } from '../../curriculum/curriculum';
import type { Launch, LauncherKind } from '../launchers';
import type { PlanKind, TrainingRequest } from './request';

/**
 * Where an argument's value comes from. `command line`: the run's original one. `answered`: it was typed, and is what a plan
 * takes anyway where nothing on disk tells.
 */
export type ArgumentSource =
  'checkpoint' | 'run' | 'command line' | 'preset' | 'tensors' | 'changed' | 'answered' | 'default';

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
  /** What would settle it besides, each for a button. */
  readonly remedies?: readonly PlanRemedy[];
}

/** What settles a message. `label` says what it does, as on a button. */
export type PlanRemedy =
  /** Another plan: `withRemedy` lays its request over the one that was made. */
  | { readonly kind: 'plan'; readonly label: string; readonly request: Partial<TrainingRequest> }
  /** Stopping the run's trainer, whose folder this is. */
  | { readonly kind: 'stop'; readonly label: string; readonly run: string }
  | { readonly kind: 'choose-interpreter' | 'create-workspace' | 'install-requirements'; readonly label: string }
  | { readonly kind: 'open-setting'; readonly label: string; readonly name: string };

/** What cannot be recovered of a run, so that somebody has to say it. */
export interface PlanQuestion {
  readonly argument: string;
  /** One sentence. */
  readonly message: string;
  /** What is taken unless it is answered, as one types it; null where nothing is. */
  readonly proposal: string | null;
}

export interface Plan {
  /** What it has become: a resume from an older checkpoint is a `branch`. */
  readonly kind: PlanKind;
  /** Absolute path of the run's folder that will be trained. */
  readonly run: string;
  /** Whether that folder is made by it. */
  readonly newRun: boolean;
  readonly parent: {
    readonly id: string | null;
    readonly run: string;
    readonly checkpoint: string;
    readonly step: number;
  } | null;
  /** Absolute path of the checkpoint that it starts from, or what was asked for where that is none; null: from nothing. */
  readonly checkpoint: string | null;
  /** Absolute path of the run whose settings or command it takes; null where it takes none's. */
  readonly from: string | null;
  /** Name of the preset that it takes its arguments from. */
  readonly preset: string | null;
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
  /** What nothing on disk tells; it starts all the same, with what each proposes. */
  readonly questions: readonly PlanQuestion[];
  readonly warnings: readonly PlanMessage[];
  /** Not empty: this plan must not be launched. */
  readonly errors: readonly PlanMessage[];
}
