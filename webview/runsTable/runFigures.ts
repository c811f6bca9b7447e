/** What the host told of runs' metrics, put behind the cells that a row has itself. */
import type { Cell } from '../../src/core/table/cell';
import type { Columns } from '../../src/core/table/columns';
import type { RunRow } from '../../src/core/table/row';
import type { FiguresMessage } from '../../src/protocol/runsTable';

export class RunFigures {
  /** Ids of the columns that were asked for. */
  private columns: readonly string[] = [];
  private cells = new Map<string, readonly Cell[]>();
  private unread = 0;
  private readonly completed = new WeakMap<
    RunRow,
    { readonly known: readonly Cell[]; readonly columns: Columns; readonly full: RunRow }
  >();

  /** How many runs are still to be read. */
  get left(): number {
    return this.unread;
  }

  /** Takes note of what is asked for. @returns false where all of it was asked for before */
  want(columns: readonly string[]): boolean {
    const before = this.columns;
    if (columns.every((id) => before.includes(id))) return false;
    // What is known of a column stays until it is told anew.
    const places = columns.map((id) => before.indexOf(id));
    for (const [path, cells] of this.cells) {
      this.cells.set(
        path,
        places.map((place) => cells[place] ?? null),
      );
    }
    this.columns = columns;
    this.unread = 0;
    return true;
  }

  /** The host begins anew, and has forgotten what was asked for. */
  forget(): void {
    this.columns = [];
    this.cells = new Map();
    this.unread = 0;
  }

  take(rows: FiguresMessage['rows'], left: number): void {
    for (const { path, cells } of rows) this.cells.set(path, cells);
    this.unread = left;
  }

  /** The row with all of its cells; the same one for as long as nothing of it changes. */
  complete(row: RunRow, columns: Columns): RunRow {
    const known = this.cells.get(row.path);
    if (known === undefined || this.columns.length === 0) return row;
    const before = this.completed.get(row);
    if (before?.known === known && before.columns === columns) return before.full;
    const full = this.made(row, known, columns);
    this.completed.set(row, { known, columns, full });
    return full;
  }

  private made(row: RunRow, known: readonly Cell[], columns: Columns): RunRow {
    const cells: Cell[] = [...row.cells];
    for (let place = cells.length; place < columns.all.length; place += 1) cells.push(null);
    for (const [index, id] of this.columns.entries()) {
      const place = columns.placeOf(id);
      if (place !== -1) cells[place] = known[index] ?? null;
    }
    return { ...row, cells };
  }
}
