/** Rows of the table as text for elsewhere: Markdown as they are shown, CSV with all digits. */
import { csvCell } from '../csv';
import { markdownText } from '../plainText';
import { type Cell, numberIn } from './cell';
import { type Column, cellData, cellText, type Columns } from './columns';
import type { RunRow } from './row';

export const COPY_FORMATS = ['markdown', 'csv'] as const;
export type CopyFormat = (typeof COPY_FORMATS)[number];

export function copied(
  format: CopyFormat,
  rows: readonly RunRow[],
  shown: readonly Column[],
  columns: Columns,
): string {
  return format === 'csv' ? csv(rows, shown, columns) : markdown(rows, shown, columns);
}

/** Runs side by side, a line a column: what differs between a few of them. Best values are bold in Markdown. */
export function copiedSideBySide(
  format: CopyFormat,
  rows: readonly RunRow[],
  shown: readonly Column[],
  columns: Columns,
  best: ReadonlyMap<string, number>,
): string {
  const lines = shown.map((column) => ({
    column,
    cells: rows.map(({ cells }) => cells[columns.placeOf(column.id)] ?? null),
  }));
  if (format === 'csv') {
    return [
      ['', ...rows.map(({ name }) => csvCell(name))].join(','),
      ...lines.map(({ column, cells }) =>
        [nameForPrograms(column), ...cells.map((cell) => csvCell(cellData(column, cell)))].join(','),
      ),
      '',
    ].join('\n');
  }
  const marked = (column: Column, cell: Cell): string => {
    const text = markdownText(cellText(column, cell));
    const wanted = best.get(column.id);
    return wanted !== undefined && numberIn(cell) === wanted ? `**${text}**` : text;
  };
  return [
    `| ${['', ...rows.map(({ name }) => markdownText(name))].join(' | ')} |`,
    `| ${['---', ...rows.map(() => '--:')].join(' | ')} |`,
    ...lines.map(
      ({ column, cells }) =>
        `| ${[markdownText(column.title), ...cells.map((cell) => marked(column, cell))].join(' | ')} |`,
    ),
    '',
  ].join('\n');
}

/** An argument is called as in config.json, everything else by its id: titles have spaces. */
function nameForPrograms({ id, title, kind }: Column): string {
  return csvCell(kind === 'value' ? title : id);
}

function markdown(rows: readonly RunRow[], shown: readonly Column[], columns: Columns): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const places = shown.map((column) => ({ column, place: columns.placeOf(column.id) }));
  return [
    line(shown.map(({ title }) => markdownText(title))),
    line(shown.map(({ kind }) => (kind === 'text' || kind === 'words' ? '---' : '--:'))),
    ...rows.map(({ cells }) =>
      line(places.map(({ column, place }) => markdownText(cellText(column, cells[place] ?? null)))),
    ),
    '',
  ].join('\n');
}

function csv(rows: readonly RunRow[], shown: readonly Column[], columns: Columns): string {
  const places = shown.map((column) => ({ column, place: columns.placeOf(column.id) }));
  return [
    shown.map(nameForPrograms).join(','),
    ...rows.map(({ cells }) =>
      places.map(({ column, place }) => csvCell(cellData(column, cells[place] ?? null))).join(','),
    ),
    '',
  ].join('\n');
}
