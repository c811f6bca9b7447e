/** What a suite came to. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly { readonly title: string; readonly detail: string }[];
}

/** Reads mocha's JSON report. */
export declare function readMocha(file: string): Outcome;

/** Reads pytest's JUnit XML report. */
export declare function readJunit(file: string): Outcome;
