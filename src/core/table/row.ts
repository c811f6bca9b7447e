/** A row of the table of runs: what of a run the page knows. */
import type { Cell } from './cell';

export interface RunRow {
  /** Absolute; what the row is known by. */
  readonly path: string;
  readonly name: string;
  /** The run that it branched from, where that is in the workspace. */
  readonly parentPath: string | null;
  /** The checkpoint that a branch or a comparison takes: the newest complete one. */
  readonly checkpoint: string | null;
  /** One a column, as `Columns.all` has them; arguments that became known later have none. */
  readonly cells: readonly Cell[];
}
