/** The table's filter for whoever has runs and no rows: the tree, an assistant's tools. */
import type { Lineage } from '../experiment/lineage';
import type { Run } from '../experiment/model';
import { Columns } from './columns';
import { readFilter } from './filter';
import type { RunRow } from './row';
import { argumentColumns, ArgumentNames, rowOf } from './rows';

export interface Filtered {
  /** The runs that pass, in their order; all of them where the filter cannot be read. */
  readonly runs: readonly Run[];
  /** What is wrong with the filter, in one line. */
  readonly problem: string | null;
}

/** Keeps the rows of runs that did not change: a filter is typed a letter at a time, and asked anew at each change of a run. */
export class RunFilter {
  private readonly names = new ArgumentNames();
  private rows = new WeakMap<Run, RunRow>();

  /** @param now Unix seconds, for `started:today` */
  filter(typed: string, runs: readonly Run[], lineage: Lineage, now: number): Filtered {
    const rows = runs.map((run) => this.rowOf(run, lineage, now));
    const { filter, problem } = readFilter(typed, new Columns(argumentColumns(this.names, () => undefined)), now);
    if (filter === null) return { runs, problem };
    return { runs: runs.filter((_, index) => filter.matches(rows[index] as RunRow)), problem: null };
  }

  private rowOf(run: Run, lineage: Lineage, now: number): RunRow {
    const known = this.rows.get(run);
    // How long a run that trains has taken changes by itself.
    if (known !== undefined && run.state !== 'training') return known;
    const row = rowOf(run, lineage, this.names, now);
    this.rows.set(run, row);
    return row;
  }
}
