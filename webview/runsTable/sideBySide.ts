/**
 * What differs between a few chosen runs: a column a run, above their results, the best of them marked, below the arguments in
 * which they differ. Many runs stay rows: their columns would lie out of sight.
 */
import { type Cell, numberIn } from '../../src/core/table/cell';
import { type Column, type Columns, cellText, isArgument } from '../../src/core/table/columns';
import type { RunRow } from '../../src/core/table/row';
import type { TableView } from '../../src/core/table/view';
import { fill, h, setTitle } from '../ui/dom';
import { isText } from './cells';

/** So many runs at most stand side by side. */
export const MOST_SIDE_BY_SIDE = 12;

export class SideBySide {
  readonly element = h('div', {
    class: 'side-by-side',
    role: 'region',
    'aria-label': 'What differs',
    tabindex: 0,
    hidden: true,
  });
  private drawn = '';

  constructor(private readonly actions: { readonly open: (row: RunRow) => void; readonly back: () => void }) {
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') actions.back();
    });
  }

  get isShown(): boolean {
    return !this.element.hidden;
  }

  hide(): void {
    this.element.hidden = true;
  }

  /** @param view of these runs alone */
  show(view: TableView, columns: Columns): void {
    this.element.hidden = false;
    const { rows } = view;
    const cellsOf = (column: Column): readonly Cell[] =>
      rows.map(({ cells }) => cells[columns.placeOf(column.id)] ?? null);
    const lines = linesOf(view).map((column) => ({ column, cells: cellsOf(column) }));
    // Runs that train change every second: what is the same is left alone, with the focus in it.
    const wanted = JSON.stringify([rows.map(({ path }) => path), [...view.best], view.equalHidden, lines]);
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    const results = lines.filter(({ column }) => !isArgument(column));
    const differing = lines.filter(({ column }) => isArgument(column));
    const body = (title: string, of: typeof lines, none: string): HTMLElement =>
      h(
        'tbody',
        {},
        h('tr', { class: 'part' }, h('th', { colspan: rows.length + 1, scope: 'rowgroup' }, title)),
        ...of.map((line) => this.line(line.column, line.cells, view.best)),
        of.length === 0 && h('tr', {}, h('td', { class: 'dim', colspan: rows.length + 1 }, none)),
      );
    const equal = view.equalHidden;
    fill(
      this.element,
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('th', { scope: 'col' }, `${rows.length} runs`),
            ...rows.map((row) => h('th', { scope: 'col' }, this.name(row))),
          ),
        ),
        body('Results', results, 'Nothing is known of them.'),
        body('Arguments that differ', differing, 'No argument differs.'),
      ),
      equal > 0 &&
        h(
          'p',
          { class: 'dim' },
          equal === 1 ? '1 argument is the same in all.' : `${equal} arguments are the same in all.`,
        ),
    );
  }

  private name(row: RunRow): HTMLElement {
    const button = h('button', { type: 'button', class: 'link' }, row.name);
    setTitle(button, `Open the dashboard of ${row.name}`);
    button.addEventListener('click', () => {
      this.actions.open(row);
    });
    return button;
  }

  private line(column: Column, cells: readonly Cell[], best: ReadonlyMap<string, number>): HTMLElement {
    const title = h('th', { scope: 'row' }, column.title);
    setTitle(title, column.about === '' ? column.title : column.about);
    const wanted = best.get(column.id);
    const drawn = cells.map((cell) => {
      const isBest = wanted !== undefined && numberIn(cell) === wanted;
      const text = cell === null ? '–' : cellText(column, cell);
      const looks = [
        isText(column) || (isArgument(column) && typeof cell === 'string') ? '' : 'number',
        isBest ? 'best' : '',
        cell === null ? 'unknown' : '',
        column.id === 'state' && /^[a-z]+$/.test(text) ? `state ${text}` : '',
      ];
      const element = h('td', { class: looks.filter((look) => look !== '').join(' ') }, text);
      setTitle(element, isBest ? `${text}: the best of these runs` : text);
      return element;
    });
    return h('tr', {}, title, ...drawn);
  }
}

/** The lines as they stand: the name is above already. */
export function linesOf({ columns }: TableView): readonly Column[] {
  const own = columns.filter(({ id }) => id !== 'run');
  return [...own.filter((column) => !isArgument(column)), ...own.filter(isArgument)];
}
