/** The curriculum (contract section 4) as plain data. */

export type StageName = 'teacher' | 'mixed' | 'student';

/** One stage of a curriculum, in absolute steps: it covers from ≤ step < until. */
export interface Stage {
  readonly name: StageName;
  readonly from: number;
  readonly until: number;
  /** Student's share of the attention input: 0 in teacher, 1 in student. */
  readonly mixingRatio: number;
  /** The MLP input's own ratio, where the stage gives one. */
  readonly mlpMixingRatio: number | null;
}

/** Stages in order, without gaps; after the last end the last stage stays. */
export interface Curriculum {
  readonly stages: readonly Stage[];
}
