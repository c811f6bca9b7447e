/** The curriculum (contract section 4) as plain data. */

export type StageName = 'teacher' | 'mixed' | 'student';

/** A stage as a file has it, in absolute steps: it covers from ≤ step < until. Nothing of it is checked. */
export interface StoredStage {
  readonly name: string;
  readonly from: number;
  readonly until: number;
  /** Student's share of the attention input: 0 in teacher, 1 in student. */
  readonly mixingRatio: number | null;
  /** The MLP input's own ratio, where the stage gives one. */
  readonly mlpMixingRatio: number | null;
}

/** One stage of a curriculum. */
export interface Stage extends StoredStage {
  readonly name: StageName;
  readonly mixingRatio: number;
}

/** Stages in order, without gaps; after the last end the last stage stays. */
export interface Curriculum {
  readonly stages: readonly Stage[];
}
