/**
 * The table as it is to be shown: which rows and columns, in what order, under which headings, and the best value of each
 * column. Of 5,000 runs and 40 columns in a few hundredths of a second, so that it is simply made again after each change.
 */
import { RUN_STATES } from '../experiment/model';
import { NONE, compareNames, listed, numberIn, sortKeys } from './cell';
import { type Column, type Columns, dayText } from './columns';
import { readFilter } from './filter';
import { arranged, type Grouping, isShown, sortedColumns, type TableLook } from './look';
import type { RunRow } from './row';

export interface GroupItem {
  readonly kind: 'group';
  readonly id: string;
  readonly title: string;
  readonly rows: readonly RunRow[];
  readonly folded: boolean;
}

export interface RowItem {
  readonly kind: 'row';
  readonly row: RunRow;
  /** Tells it from all others: a run with two tags stands in two groups. */
  readonly key: string;
}

export type Item = GroupItem | RowItem;

export interface TableView {
  /** What stands below the headings of the columns, from above. */
  readonly items: readonly Item[];
  /** The runs that the filter lets through, sorted; also those in folded groups. */
  readonly rows: readonly RunRow[];
  /** Those that are shown, as they stand. */
  readonly columns: readonly Column[];
  /** Every column as it would stand. */
  readonly standing: readonly Column[];
  /** Arguments that are not shown because they are the same in all runs. */
  readonly equalHidden: number;
  /** The best value of a column, where at least two runs have one. */
  readonly best: ReadonlyMap<string, number>;
  /** What is wrong with the filter, in one line; then the rows are those of `fallback`. */
  readonly problem: string | null;
}

export interface Wanted {
  readonly look: TableLook;
  /** As it was typed. */
  readonly filter: string;
  /** The last one that could be read, for while another is being typed. */
  readonly fallback: string;
  /** Paths of the runs to compare; null: all. */
  readonly only: ReadonlySet<string> | null;
  /** Ids of groups whose rows are not shown. */
  readonly folded: ReadonlySet<string>;
  /** Unix seconds. */
  readonly now: number;
}

/** By the day of their birth, the newest first; then by name, so that there is but one order. */
export function inBaseOrder(rows: readonly RunRow[], columns: Columns): RunRow[] {
  const place = columns.placeOf('started');
  const started = (row: RunRow): number => numberIn(row.cells[place] ?? null) ?? 0;
  return [...rows].sort(
    (a, b) => started(b) - started(a) || compareNames(a.name, b.name) || (a.path < b.path ? -1 : 1),
  );
}

/** What trains is looked at first. */
const STATE_PLACES: ReadonlyMap<string, number> = new Map(
  ['training', ...RUN_STATES.filter((state) => state !== 'training')].map((state, place) => [state, place]),
);
const STAGE_PLACES: ReadonlyMap<string, number> = new Map(
  ['teacher', 'mixed', 'student'].map((stage, place) => [stage, place]),
);

function rankIn(column: string): (text: string) => number | undefined {
  const places = column === 'state' ? STATE_PLACES : column === 'stage' ? STAGE_PLACES : undefined;
  return (text) => places?.get(text);
}

/** Sorted over the whole table; rows that are equal by all keys stay in their order. */
export function sorted(rows: readonly RunRow[], columns: Columns, look: TableLook): readonly RunRow[] {
  const keys = sortedColumns(look, columns).map(({ column, descending }) => {
    const place = columns.placeOf(column);
    const cells = rows.map((row) => row.cells[place] ?? null);
    return { descending, keys: sortKeys(cells, rankIn(column)) };
  });
  if (keys.length === 0) return rows;
  const places = rows.map((_, index) => index);
  places.sort((a, b) => {
    for (const { keys: by, descending } of keys) {
      const order = by.compare(a, b, descending);
      if (order !== 0) return order;
    }
    return a - b;
  });
  return places.map((place) => rows[place] as RunRow);
}

/**
 * The columns that say something of these runs: of arguments, those of which two runs hold different values; of the others, those
 * of which any run has one. What a run does not tell differs from nothing.
 */
export function telling(rows: readonly RunRow[], columns: Columns): ReadonlySet<string> {
  const ids = columns.all.filter(({ kind }, place) => {
    let first: RunRow['cells'][number] = null;
    for (const { cells } of rows) {
      const cell = cells[place] ?? null;
      if (cell === null) continue;
      if (kind !== 'value') return true;
      if (first === null) first = cell;
      else if (cell !== first) return true;
    }
    // A single run has nothing to differ from.
    return kind === 'value' && rows.length === 1 && first !== null && first !== NONE;
  });
  return new Set(ids.map(({ id }) => id));
}

function bestValues(rows: readonly RunRow[], shown: readonly Column[], columns: Columns): Map<string, number> {
  const best = new Map<string, number>();
  for (const { id, better } of shown) {
    if (better === null) continue;
    const place = columns.placeOf(id);
    let count = 0;
    let found = better === 'low' ? Infinity : -Infinity;
    for (const { cells } of rows) {
      const value = numberIn(cells[place] ?? null);
      if (value === undefined || !Number.isFinite(value)) continue;
      count += 1;
      if (better === 'low' ? value < found : value > found) found = value;
    }
    if (count > 1) best.set(id, found);
  }
  return best;
}

interface Group {
  readonly id: string;
  readonly title: string;
}

/** One; of tags, one for each that it has. */
function groupsOf(row: RunRow, grouping: Grouping, columns: Columns): readonly Group[] {
  const cell = (id: string): RunRow['cells'][number] => row.cells[columns.placeOf(id)] ?? null;
  switch (grouping) {
    case 'parent': {
      const name = cell('parent');
      if (name === null) return [{ id: 'parent', title: 'No parent' }];
      return [{ id: `parent ${row.parentPath ?? String(name)}`, title: String(name) }];
    }
    case 'day': {
      const started = numberIn(cell('started'));
      const title = started === undefined ? 'Day unknown' : dayText(started);
      return [{ id: `day ${title}`, title }];
    }
    case 'tag': {
      const tags = listed(cell('tags'));
      if (tags.length === 0) return [{ id: 'tag', title: 'No tag' }];
      return tags.map((tag) => ({ id: `tag ${tag}`, title: tag }));
    }
    case 'state': {
      const state = String(cell('state') ?? '');
      return [{ id: `state ${state}`, title: state }];
    }
  }
}

/** Groups stand by their first row in the sorted order, and their rows in that order: the sort goes over the whole table. */
function grouped(
  rows: readonly RunRow[],
  grouping: Grouping | null,
  columns: Columns,
  folded: ReadonlySet<string>,
): Item[] {
  if (grouping === null) return rows.map((row) => ({ kind: 'row', row, key: row.path }));
  const groups = new Map<string, { title: string; rows: RunRow[] }>();
  for (const row of rows) {
    for (const { id, title } of groupsOf(row, grouping, columns)) {
      const group = groups.get(id);
      if (group === undefined) groups.set(id, { title, rows: [row] });
      else group.rows.push(row);
    }
  }
  return [...groups].flatMap(([id, group]): Item[] => {
    const heading: GroupItem = { kind: 'group', id, ...group, folded: folded.has(id) };
    if (heading.folded) return [heading];
    const keyOf = (row: RunRow): string => (grouping === 'tag' ? `${id}\n${row.path}` : row.path);
    return [heading, ...group.rows.map((row): Item => ({ kind: 'row', row, key: keyOf(row) }))];
  });
}

/**
 * @param rows in base order
 * @param tells of all these rows (`telling`), so that columns do not come and go while a filter is typed
 */
export function viewOf(
  rows: readonly RunRow[],
  columns: Columns,
  tells: ReadonlySet<string>,
  { look, filter: typed, fallback, only, folded, now }: Wanted,
): TableView {
  const read = readFilter(typed, columns, now);
  const filter = read.filter ?? readFilter(fallback, columns, now).filter;
  const among = only === null ? rows : rows.filter(({ path }) => only.has(path));
  const matching = filter === null ? among : among.filter((row) => filter.matches(row));
  const differing = only === null ? tells : telling(among, columns);
  const all = sorted(matching, columns, look);
  const standing = arranged(columns.all, look);
  const shown = standing.filter((column) => isShown(column, look, differing.has(column.id)));
  const equal = standing.filter((column) => column.kind === 'value' && !shown.includes(column));
  return {
    items: grouped(all, look.group, columns, folded),
    rows: all,
    columns: shown,
    standing,
    equalHidden: equal.filter(({ id }) => !look.hidden.includes(id)).length,
    best: bestValues(all, shown, columns),
    problem: read.problem,
  };
}
