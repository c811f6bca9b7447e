/** Where the columns lie: those that stay at the left edge, and the others behind them. */
import type { Column } from '../../src/core/table/columns';
import { type TableLook, widthOf } from '../../src/core/table/look';

export interface Place {
  readonly column: Column;
  /** Counted from 0 among the shown. */
  readonly index: number;
  readonly left: number;
  readonly width: number;
  readonly pinned: boolean;
}

export interface Layout {
  readonly places: readonly Place[];
  /** What the columns that stay take of the left edge. */
  readonly pinnedWidth: number;
  readonly width: number;
}

/** Columns that stay may take so much of the width; where they would take more, they go with the others. */
const MOST_PINNED = 0.65;

/** @param room width of what is seen of the table, in CSS pixels */
export function layoutOf(columns: readonly Column[], look: TableLook, room: number): Layout {
  const pinned = columns.filter(({ id }) => look.pinned.includes(id));
  const wanted = pinned.reduce((sum, column) => sum + widthOf(column, look), 0);
  const stays = wanted <= room * MOST_PINNED;
  let left = 0;
  const places = columns.map((column, index): Place => {
    const width = widthOf(column, look);
    left += width;
    return { column, index, left: left - width, width, pinned: stays && look.pinned.includes(column.id) };
  });
  return { places, pinnedWidth: stays ? wanted : 0, width: left };
}

/** Columns beyond the edges, so that a scroll does not show blank; in CSS pixels. */
const MARGIN = 200;

/** The places that exist: those that stay, and those in sight. */
export function inSight({ places, pinnedWidth }: Layout, scrollLeft: number, room: number): readonly Place[] {
  return places.filter(
    ({ left, width, pinned }) =>
      pinned || (left + width > scrollLeft + pinnedWidth - MARGIN && left < scrollLeft + room + MARGIN),
  );
}
