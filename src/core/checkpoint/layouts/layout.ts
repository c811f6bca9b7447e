/**
 * A checkpoint's layout: whose trainer wrote it, and what follows from that. Whatever is not the same for all checkpoints is
 * asked of the layout; index.ts alone says which one a folder has.
 */
import type { JsonObject } from '../../jsonText';

/** What tells one layout from another. What is not given is not known (yet). */
export interface LayoutEvidence {
  /** Names of the files in the folder. */
  readonly names: ReadonlySet<string>;
  /** `schema` in training_state.pt. */
  readonly schema?: number | null;
  /** Arguments inside training_state.pt. */
  readonly savedArguments?: unknown;
}

/** A checkpoint's folder, which has its name, as a scan of it finds it without opening a file. */
export interface ListedFolder {
  /** Bytes of each file. */
  readonly sizes: ReadonlyMap<string, number>;
  /** What keeps an entry from being a file that can be read, as a clause to put behind its name. */
  readonly obstacles: ReadonlyMap<string, string>;
  /** It changed moments ago. */
  readonly growing: boolean;
  /** The step in the folder's name. */
  readonly step: number | null;
  /** A small JSON file of the folder, null where it is not there. What it rejects with makes the checkpoint a broken one. */
  readonly read: (name: string) => Promise<JsonObject | null>;
  /** What training_state.pt says of who wrote it. */
  readonly trainingState: () => Promise<ListedTrainingState>;
}

export interface ListedTrainingState {
  /** Whether it holds the arguments of the run, as the older form does. */
  readonly hasArguments: boolean;
  /** Why nothing can be read from it, as a clause to put behind its name. */
  readonly unreadable: string | null;
}

/** What a list shows of a checkpoint, as far as its small files tell. */
export interface ListedCheckpoint {
  readonly state: 'complete' | 'writing' | 'broken';
  /** Why it is broken or taken to be still written; null when complete. */
  readonly stateReason: string | null;
  readonly step: number | null;
  readonly stage: string | null;
  readonly loss: number | null;
  readonly evalLoss: number | null;
  /** When it was finished, Unix seconds; null where only the files' own times tell. */
  readonly time: number | null;
  readonly maxSteps: number | null;
  /** Name of the run's best checkpoint, where this one knows it. */
  readonly best: string | null;
}

/** What holds of an NPT checkpoint by who wrote it (contract sections 2 and 7). */
export interface NptRules {
  /** Files without which it is not whole. */
  readonly required: readonly string[];
  /** Keys of training_state.pt beyond those that all have. */
  readonly ownTrainingKeys: readonly string[];
  /** The schedule is a function of the step that is stored, and begins at or before it. */
  readonly storesSchedule: boolean;
  /** The stage that is stored is the one of the step; else it may be the one that ended there. */
  readonly storesStageOfStep: boolean;
  /** The optimizer's parameters come in the order of the weights; else only their number has to fit. */
  readonly optimizerInOrder: boolean;
  /** A merge of several runs takes each layer's optimizer state along. */
  readonly mergesOptimizer: boolean;
  /** What config.json says of the tensors is what was used. */
  readonly configIsTrue: boolean;
  /** What to say of a checkpoint of this kind that is otherwise well; null for nothing. */
  readonly note: string | null;
}

/** The files of a checkpoint without NP components, for validating its structure (validate/partsChecks.ts). */
export interface LayoutParts {
  /** Names of the files that hold the model; one has to be there. `*.index.json` among them names the others. */
  isModel(name: string): boolean;
  /** Names of the other files that a checkpoint has. Torch files, but for `.json` and `.safetensors`. */
  isPart(name: string): boolean;
  /** The JSON file that is written last, and how its step is found in it. */
  readonly state: string;
  stepIn(state: JsonObject): number | null;
  /** A pickle that only the writer's own classes could read: never loaded, so that unknown names in it are no fault. */
  readonly neverLoaded: string;
  /** What to say of a checkpoint that is well. */
  readonly note: string;
}

export interface CheckpointLayout {
  readonly id: string;
  fits(evidence: LayoutEvidence): boolean;
  /** State, step and losses for a list. Rejects as `folder.read` does. */
  list(folder: ListedFolder): Promise<ListedCheckpoint>;
  /** Its files grow under their final names; else the folder appears when it is whole. */
  readonly writtenInPlace: boolean;
  /** Only its tensors' files tell what a list shows besides: the curriculum, and the step of `final`. */
  readonly tellsInTensors: boolean;
  /** Our trainer goes on from it by translating it into its own form, and says what it lacks. */
  readonly translated: boolean;
  /** Why our trainer cannot go on from it, in one line about this checkpoint; null where it can. */
  refusal(checkpoint: string): string | null;
  /** Null for a layout without NP components, which has `parts`. */
  readonly npt: NptRules | null;
  readonly parts: LayoutParts | null;
}

/** What a list shows where nothing is known. */
export const UNKNOWN: Omit<ListedCheckpoint, 'state' | 'stateReason'> = {
  step: null,
  stage: null,
  loss: null,
  evalLoss: null,
  time: null,
  maxSteps: null,
  best: null,
};

export const COMPLETE = { state: 'complete', stateReason: null } as const;
export const WRITING = { state: 'writing', stateReason: 'being written' } as const;
export const broken = (stateReason: string): { readonly state: 'broken'; readonly stateReason: string } => ({
  state: 'broken',
  stateReason,
});
