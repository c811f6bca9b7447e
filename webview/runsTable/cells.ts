/** What one cell of the table looks like. */
import { type Cell, numberIn } from '../../src/core/table/cell';
import { cellText, type Column } from '../../src/core/table/columns';
import { asText, fill, h, setText, setTitle } from '../ui/dom';

/** Kinds whose texts stand at the left. */
export function isText({ kind }: Column): boolean {
  return kind === 'text' || kind === 'words';
}

function toneOf(column: Column, cell: Cell): string {
  if (cell === null) return 'unknown';
  if (column.id === 'state' || column.id === 'stage')
    return `${column.id} ${/^[a-z]+$/.test(String(cell)) ? String(cell) : ''}`;
  if (column.id === 'done') return 'share';
  const number = numberIn(cell);
  return (column.kind === 'loss' || column.kind === 'figure') && number !== undefined && !Number.isFinite(number)
    ? 'bad'
    : '';
}

/** Columns of names, which differ at their ends: where there is no room, their middle goes. */
const ENDS: ReadonlySet<string> = new Set(['run', 'parent']);

const LONG = 20;
const END = 12;

function drawName(element: HTMLElement, name: string): void {
  if (element.textContent === asText(name) && name !== '') return;
  const cut = name.length > LONG ? name.length - END : name.length;
  // Not within a surrogate pair.
  const at = /[\udc00-\udfff]/.test(name.charAt(cut)) ? cut - 1 : cut;
  fill(
    element,
    h('span', { class: 'begin' }, name.slice(0, at) || '–'),
    at < name.length && h('span', {}, name.slice(at)),
  );
}

/** Writes a cell. @param best the column's best value, where it has one */
export function drawCell(element: HTMLElement, column: Column, cell: Cell, best: number | undefined): void {
  const isBest = best !== undefined && numberIn(cell) === best;
  const text = cellText(column, cell);
  const look = [
    'cell',
    isText(column) ? '' : 'number',
    ENDS.has(column.id) ? `name ${column.id}` : '',
    toneOf(column, cell),
    isBest ? 'best' : '',
  ]
    .filter((name) => name !== '')
    .join(' ');
  // What is the same is left alone: a sort writes hundreds of cells.
  if (element.className !== look) element.className = look;
  if (ENDS.has(column.id)) drawName(element, text);
  else setText(element, cell === null ? '–' : text);
  const title = isBest ? `${text}: the best of these runs` : text;
  if (element.title !== title) setTitle(element, title);
  if (column.id === 'done') element.style.setProperty('--share', String(numberIn(cell) ?? 0));
}
