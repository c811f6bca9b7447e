/** How somebody looks at the table: which columns, where and how wide, in what order the rows. Kept for the workspace. */
import { type Column, type Columns, isArgument } from './columns';
import { metricOf } from './metricColumns';

export interface SortBy {
  readonly column: string;
  readonly descending: boolean;
}

export const GROUPINGS = ['parent', 'tag', 'day', 'state'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface TableLook {
  /** Ids of columns in the order that they were given; what is not among them follows as it comes. */
  readonly order: readonly string[];
  /** In CSS pixels, of those that were made wider or narrower. */
  readonly widths: readonly { readonly column: string; readonly width: number }[];
  /** Stay at the left edge. */
  readonly pinned: readonly string[];
  /** Shown though they would not be, and not shown though they would. */
  readonly shown: readonly string[];
  readonly hidden: readonly string[];
  /** Arguments that are the same in all runs have columns, too. */
  readonly equal: boolean;
  /** The first counts most; none: the newest run first. */
  readonly sort: readonly SortBy[];
  readonly group: Grouping | null;
}

export const START_LOOK: TableLook = {
  order: [],
  widths: [],
  pinned: ['run'],
  shown: [],
  hidden: [],
  equal: false,
  sort: [],
  group: null,
};

export const NARROWEST = 40;
export const WIDEST = 1200;

export function widthOf(column: Column, { widths }: TableLook): number {
  const width = widths.find((each) => each.column === column.id)?.width ?? column.width;
  return Math.max(NARROWEST, Math.min(WIDEST, width));
}

export function withWidth(look: TableLook, column: string, width: number | null): TableLook {
  const others = look.widths.filter((each) => each.column !== column);
  return { ...look, widths: width === null ? others : [...others, { column, width: Math.round(width) }] };
}

/** @param tells whether the column says something of these runs: see `telling` in view.ts */
export function isShown(column: Column, look: TableLook, tells: boolean): boolean {
  if (look.hidden.includes(column.id)) return false;
  if (look.shown.includes(column.id)) return true;
  return isArgument(column) ? tells || look.equal : column.shown && tells;
}

export function withShown(look: TableLook, column: string, shown: boolean): TableLook {
  const without = (ids: readonly string[]): readonly string[] => ids.filter((id) => id !== column);
  return {
    ...look,
    shown: shown ? [...without(look.shown), column] : without(look.shown),
    hidden: shown ? without(look.hidden) : [...without(look.hidden), column],
  };
}

export function withPinned(look: TableLook, column: string, pinned: boolean): TableLook {
  const others = look.pinned.filter((id) => id !== column);
  return { ...look, pinned: pinned ? [...others, column] : others };
}

/** The columns as they stand: pinned ones first, each part in its order. */
export function arranged(columns: readonly Column[], look: TableLook): Column[] {
  const places = new Map(look.order.map((id, place) => [id, place]));
  const placeOf = ({ id }: Column): number => places.get(id) ?? Infinity;
  const pinned = new Set(look.pinned);
  const side = ({ id }: Column): number => (pinned.has(id) ? 0 : 1);
  return [...columns].sort((a, b) => side(a) - side(b) || compare(placeOf(a), placeOf(b)) || kindOf(a) - kindOf(b));
}

/** What a run is, then what it logged, then its arguments. */
function kindOf(column: Column): number {
  return isArgument(column) ? 2 : metricOf(column.id) === undefined ? 0 : 1;
}

/** Infinities are equal. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/**
 * Puts a column beside another one, and on that one's side of the edge of those that are pinned.
 *
 * @param standing all columns as they stand
 */
export function moved(
  look: TableLook,
  standing: readonly Column[],
  column: string,
  beside: string,
  after: boolean,
): TableLook {
  if (column === beside) return look;
  const order = standing.map(({ id }) => id).filter((id) => id !== column);
  const place = order.indexOf(beside);
  if (place === -1) return look;
  order.splice(place + (after ? 1 : 0), 0, column);
  return { ...withPinned(look, column, look.pinned.includes(beside)), order };
}

/** What a click on a heading does: the column's own way first, then the other, then as it was. @param more adds to the sort */
export function sortedBy(look: TableLook, column: Column, more: boolean): TableLook {
  const now = look.sort.find((each) => each.column === column.id);
  const first = column.descendingFirst;
  const next: SortBy[] =
    now === undefined
      ? [{ column: column.id, descending: first }]
      : now.descending === first
        ? [{ column: column.id, descending: !first }]
        : [];
  if (!more) return { ...look, sort: next };
  const at = look.sort.findIndex((each) => each.column === column.id);
  const sort = at === -1 ? [...look.sort, ...next] : [...look.sort.slice(0, at), ...next, ...look.sort.slice(at + 1)];
  return { ...look, sort };
}

/** What is about columns that are not there (any more) stays: another workspace's arguments come back with its runs. */
export function sortedColumns(look: TableLook, columns: Columns): readonly SortBy[] {
  return look.sort.filter(({ column }) => columns.placeOf(column) !== -1);
}
