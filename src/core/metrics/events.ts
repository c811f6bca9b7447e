/** What a training run says in its metrics file, whoever wrote it (contract sections 6 and 7). */

export type MetricsEvent =
  | { readonly kind: 'start'; readonly segment: number | null; readonly resumeStep: number }
  | {
      readonly kind: 'metrics';
      readonly segment: number | null;
      readonly step: number;
      /** Unix seconds; NaN where the line has none. */
      readonly time: number;
      readonly values: readonly (readonly [name: string, value: number])[];
      /** The stage's name, in files that say it with every row; null where a stage has an event of its own. */
      readonly stage: string | null;
      /** Resumes leave no marker in this file: a step that goes back is one. */
      readonly unmarked: boolean;
    }
  | {
      readonly kind: 'stage';
      readonly step: number;
      readonly stage: string;
      readonly mixingRatio: number | null;
    }
  | { readonly kind: 'checkpoint'; readonly step: number; readonly path: string }
  | { readonly kind: 'end'; readonly why: string; readonly step: number | null };
