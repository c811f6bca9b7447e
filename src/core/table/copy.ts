/** Rows of the table as text for elsewhere: Markdown as they are shown, CSV with all digits. */
import { csvCell } from '../csv';
import { markdownText } from '../plainText';
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
    // An argument is called as in config.json, everything else by its id: titles have spaces.
    shown.map(({ id, title, kind }) => csvCell(kind === 'value' ? title : id)).join(','),
    ...rows.map(({ cells }) =>
      places.map(({ column, place }) => csvCell(cellData(column, cells[place] ?? null))).join(','),
    ),
    '',
  ].join('\n');
}
