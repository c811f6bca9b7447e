/**
 * The columns of the table of runs: what a run is and has come to, one for each argument that a configuration names, and those of
 * metrics. What a new kind of column needs is an entry of `COLUMNS`, and its cell in rows.ts.
 */
import { formatBytes, formatCount, formatDuration, formatFigure, formatRate, valueText } from '../format';
import { STAR_TAG } from '../experiment/model';
import { type Cell, listed, numberIn } from './cell';
import { metricColumns } from './metricColumns';

/** How a column's cells are written, compared with what is typed into the filter, and aligned. */
/** `words`: several, parted by commas, each of which counts by itself. */
/** `figure`: a number without a unit; `rate`: so many a second. */
export type ColumnKind =
  'text' | 'words' | 'count' | 'share' | 'loss' | 'figure' | 'rate' | 'duration' | 'bytes' | 'time' | 'value';

export interface Column {
  /** An argument's is its option: `--learning_rate`; a metric's are in metricColumns.ts. */
  readonly id: string;
  readonly title: string;
  readonly kind: ColumnKind;
  /** What is typed for it in the filter, besides the id and the title. */
  readonly words: readonly string[];
  /** Which of its values is the best one; null where none is better than another. */
  readonly better: 'low' | 'high' | null;
  /** What a first click on its heading sorts by. */
  readonly descendingFirst: boolean;
  /** Shown until the user says otherwise; an argument's is where its values differ. */
  readonly shown: boolean;
  /** CSS pixels. */
  readonly width: number;
  /** One line. */
  readonly about: string;
}

/** An argument's column, as the host tells of it. */
export interface ArgumentColumn {
  readonly name: string;
  /** What it does, one line; '' where nobody knows. */
  readonly about: string;
}

const BASE = { words: [], better: null, descendingFirst: false, shown: true } as const;

function column<Id extends string>(
  id: Id,
  kind: ColumnKind,
  width: number,
  about: string,
  rest: Partial<Column> & { readonly title: string },
): Column & { readonly id: Id } {
  return { ...BASE, descendingFirst: kind !== 'text' && kind !== 'words', ...rest, id, kind, width, about };
}

/** In the order in which they stand until the user moves one. rows.ts has a cell for each. */
export const COLUMNS = [
  column('run', 'text', 220, 'The run’s folder', { title: 'Run', words: ['name'] }),
  column('state', 'text', 104, 'How it is doing', { title: 'State' }),
  column('stage', 'text', 84, 'The stage of its curriculum that it is in', { title: 'Stage' }),
  column('step', 'count', 76, 'The newest step', { title: 'Step' }),
  column('done', 'share', 68, 'Share of its steps that are done', { title: 'Done' }),
  column('loss', 'loss', 76, 'loss/total, as it was last logged', {
    title: 'Loss',
    better: 'low',
    descendingFirst: false,
  }),
  column('eval', 'loss', 94, 'eval_loss/total of its newest checkpoint', {
    title: 'Eval loss',
    words: ['evaluation'],
    better: 'low',
    descendingFirst: false,
  }),
  column('best', 'loss', 94, 'The lowest eval_loss/total of its checkpoints', {
    title: 'Best eval',
    better: 'low',
    descendingFirst: false,
  }),
  column('best_step', 'count', 76, 'The step of the checkpoint with the best evaluation', {
    title: 'Best at',
    shown: false,
  }),
  column('started', 'time', 144, 'When it was made', { title: 'Started', words: ['created'] }),
  column('duration', 'duration', 88, 'From when it was made until it ended, pauses too', { title: 'Duration' }),
  column('parent', 'text', 150, 'The run that it branched from', { title: 'Parent' }),
  column('origin', 'count', 96, 'The step at which it left its parent', { title: 'Branched at', shown: false }),
  column('checkpoint_count', 'count', 96, 'How many checkpoints it has', { title: 'Checkpoints', shown: false }),
  column('size', 'bytes', 80, 'Its checkpoints’ files', { title: 'Size', shown: false }),
  column('tags', 'words', 140, 'Its tags, in the front matter of its notes.md', { title: 'Tags', words: ['tag'] }),
  column('notes', 'text', 240, 'The first line of its notes.md', { title: 'Notes', words: ['note'] }),
  column('error', 'text', 260, 'Why it failed or was killed', { title: 'Error', shown: false }),
] as const;

export type ColumnId = (typeof COLUMNS)[number]['id'];

const TAGS = COLUMNS.findIndex(({ id }) => id === 'tags');

/** Whether somebody starred the run of these cells. */
export function isStarred(cells: readonly Cell[]): boolean {
  return listed(cells[TAGS] ?? null).includes(STAR_TAG);
}

/** What begins the id of an argument's column. */
export const ARGUMENT = '--';

export function isArgument({ id }: Pick<Column, 'id'>): boolean {
  return id.startsWith(ARGUMENT);
}

function argumentColumn({ name, about }: ArgumentColumn): Column {
  const width = Math.max(64, Math.min(180, 28 + 7 * name.length));
  return { ...BASE, id: ARGUMENT + name, title: name, kind: 'value', words: [name], width, about };
}

/** The columns that there are, each at the place of its cell in a row. */
export class Columns {
  readonly all: readonly Column[];
  private readonly places: ReadonlyMap<string, number>;

  /**
   * @param named arguments, in the order of their cells
   * @param metrics whose cells come behind those, in the order of their columns
   */
  constructor(named: readonly ArgumentColumn[], metrics: readonly string[] = []) {
    this.all = [...COLUMNS, ...named.map(argumentColumn), ...metricColumns(metrics)];
    this.places = new Map(this.all.map(({ id }, place) => [id, place]));
  }

  /** Where a row has the column's cell; −1 for a column that is not there. */
  placeOf(id: string): number {
    return this.places.get(id) ?? -1;
  }

  find(id: string): Column | undefined {
    return this.all[this.placeOf(id)];
  }
}

const two = (value: number): string => value.toString().padStart(2, '0');

/** 2026-11-26, in this machine's time zone. @param time Unix seconds */
export function dayText(time: number): string {
  const date = new Date(time * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function timeText(time: number): string {
  const date = new Date(time * 1000);
  return `${dayText(time)} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** A cell as it is shown; '' where nothing is known. */
export function cellText({ kind }: Column, cell: Cell): string {
  const number = numberIn(cell);
  if (cell === null) return '';
  if (number === undefined) return String(cell);
  switch (kind) {
    case 'count':
      return formatCount(number);
    case 'share':
      return `${Math.floor(number * 100)}%`;
    case 'loss':
    case 'figure':
      return formatFigure(number);
    case 'rate':
      return Number.isFinite(number) ? formatRate(number) : formatFigure(number);
    case 'duration':
      return formatDuration(number);
    case 'bytes':
      return formatBytes(number);
    case 'time':
      return timeText(number);
    case 'value':
      return typeof cell === 'string' ? cell : valueText(number);
    case 'text':
    case 'words':
      return String(cell);
  }
}

/** A cell for programs: all digits, seconds, bytes, and times as ISO 8601 in UTC. */
export function cellData({ kind }: Column, cell: Cell): string {
  if (cell === null) return '';
  return kind === 'time' && typeof cell === 'number' ? new Date(cell * 1000).toISOString() : String(cell);
}
