/** A run as the picture of the lineage has it: what of a run the page knows. */
import type { RunState } from '../experiment/model';

/** What tells a checkpoint from the others, as bits. */
export const BEST = 1;
export const PINNED = 2;
export const FINAL = 4;
export const BROKEN = 8;
export const WRITING = 16;
/** Every bit above. */
export const ALL_MARKS = 31;

/**
 * Why a recorded parent is none: nothing that is there has its id or name; the record names the run itself; or parents go in a
 * circle.
 */
export type LostParent = 'gone' | 'self' | 'circle';

/** Where a run says it came from. */
export interface LaneParent {
  /** The parent's, where it is there. */
  readonly key: number | null;
  /** Why it is not; null where it is. */
  readonly lost: LostParent | null;
  /** What branches of one parent that is gone have in common; '' where the parent is there, or is none. */
  readonly ghost: string;
  /** As it was called when the run was born. */
  readonly name: string;
  /** The step that the run left it at. */
  readonly step: number;
  /** The checkpoint that it left is still there. */
  readonly origin: boolean;
}

export interface LaneRun {
  /** Tells it from others for as long as the page is there. */
  readonly key: number;
  /** Absolute. */
  readonly path: string;
  readonly name: string;
  readonly state: RunState;
  readonly step: number;
  readonly maxSteps: number | null;
  readonly stage: string | null;
  /** When it was made, Unix seconds; 0 where nothing tells. */
  readonly created: number;
  /** The evaluation of the best checkpoint, and its step; null where none says which it is. */
  readonly best: { readonly value: number; readonly step: number } | null;
  /** loss/total as it was last logged; null where it is not known, or no number. */
  readonly loss: number | null;
  readonly parent: LaneParent | null;
  /** Steps of the checkpoints, ascending, `final` among them. */
  readonly steps: readonly number[];
  /** The bits of each of these. */
  readonly marks: readonly number[];
  /** The curriculum: each stage with the step before which it ends. */
  readonly stages: readonly { readonly name: string; readonly until: number }[];
}
