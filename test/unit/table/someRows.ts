/** Rows of the table of runs for tests: made from runs as the host makes them. */
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { Columns } from '../../../src/core/table/columns';
import type { RunRow } from '../../../src/core/table/row';
import { argumentColumns, ArgumentNames, rowOf } from '../../../src/core/table/rows';
import { inBaseOrder } from '../../../src/core/table/view';

/** 2026-11-26 12:00 in whatever time zone the test runs. */
export const NOON = new Date(2026, 10, 26, 12).getTime() / 1000;

export interface SomeRows {
  readonly rows: readonly RunRow[];
  readonly columns: Columns;
}

export function rowsOf(runs: readonly Run[], now = NOON): SomeRows {
  const names = new ArgumentNames();
  const lineage = new Lineage([{ runs }]);
  const rows = runs.map((run) => rowOf(run, lineage, names, now));
  const columns = new Columns(argumentColumns(names, () => undefined));
  return { rows: inBaseOrder(rows, columns), columns };
}

/** What a row has in a column. */
export function cellIn({ columns }: SomeRows, row: RunRow | undefined, column: string): unknown {
  return row?.cells[columns.placeOf(column)] ?? null;
}
