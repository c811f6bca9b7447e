/** Which columns are shown: every column there is in a list to search in, each with a box. */
import { type Column, isArgument } from '../../src/core/table/columns';
import { metricOf } from '../../src/core/table/metricColumns';
import { button, checkbox, type CheckboxControl } from '../ui/controls';
import { fill, h, setTitle } from '../ui/dom';
import { byTitle } from './headings';

const ARGUMENTS = 'Arguments';

const PARTS: readonly { readonly title: string; readonly has: (column: Column) => boolean }[] = [
  { title: 'Of the run', has: (column) => !isArgument(column) && metricOf(column.id) === undefined },
  { title: 'Metrics', has: ({ id }) => metricOf(id) !== undefined },
  { title: ARGUMENTS, has: isArgument },
];

export interface ColumnsPanelActions {
  readonly show: (column: Column, shown: boolean) => void;
  /** Widths, places and all as they were at first. */
  readonly reset: () => void;
}

export class ColumnsPanel {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly list = h('div', { class: 'list' });
  private readonly boxes = new Map<string, CheckboxControl>();
  private parts: readonly HTMLElement[] = [];
  private back: HTMLElement | undefined;

  constructor(private readonly actions: ColumnsPanelActions) {
    this.input = h('input', { type: 'search', 'aria-label': 'Search columns', placeholder: 'Search columns' });
    this.input.addEventListener('input', () => {
      this.search();
    });
    const reset = button('Reset Columns', actions.reset, {
      title: 'Widths, order and choice of columns as they were at first',
    });
    this.element = h(
      'div',
      { class: 'columns-panel', role: 'dialog', 'aria-label': 'Columns', hidden: true },
      this.input,
      this.list,
      reset.element,
    );
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
    });
    window.addEventListener(
      'pointerdown',
      ({ target }) => {
        const inside =
          target instanceof Node && (this.element.contains(target) || this.back?.contains(target) === true);
        if (!inside) this.element.hidden = true;
      },
      true,
    );
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  open(under: HTMLElement): void {
    this.back = under;
    this.input.value = '';
    this.element.hidden = false;
    const { right, bottom } = under.getBoundingClientRect();
    this.element.style.top = `${bottom + 4}px`;
    const { width } = this.element.getBoundingClientRect();
    this.element.style.left = `${Math.max(4, Math.min(right - width, window.innerWidth - width - 4))}px`;
    this.search();
    this.input.focus();
  }

  close(): void {
    this.element.hidden = true;
    this.back?.focus();
  }

  /** @param all every column @param shown ids of those that are */
  update(all: readonly Column[], shown: ReadonlySet<string>): void {
    if (!this.isOpen) return;
    const parts = PARTS.map(({ title, has }) => ({ title, columns: all.filter(has) }));
    const ordered = parts.flatMap(({ columns }) => columns);
    if (ordered.length !== this.boxes.size || ordered.some(({ id }) => !this.boxes.has(id))) {
      this.boxes.clear();
      const filled = parts.filter(({ columns }) => columns.length > 0);
      this.parts = filled.map(({ title, columns }) =>
        this.part(title, title === ARGUMENTS ? byTitle(columns) : columns),
      );
      fill(this.list, ...this.parts);
      this.search();
    }
    for (const { id } of ordered) this.boxes.get(id)?.set(shown.has(id));
  }

  private part(title: string, columns: readonly Column[]): HTMLElement {
    const made = h('div', { class: 'part', role: 'group', 'aria-label': title }, h('h2', {}, title));
    for (const column of columns) {
      const box = checkbox(column.title, (checked) => {
        this.actions.show(column, checked);
      });
      setTitle(box.element, column.about);
      box.element.dataset['search'] = `${column.title} ${column.about}`.toLowerCase();
      this.boxes.set(column.id, box);
      made.append(box.element);
    }
    return made;
  }

  private search(): void {
    const wanted = this.input.value.trim().toLowerCase();
    for (const { element } of this.boxes.values()) {
      element.hidden = element.dataset['search']?.includes(wanted) === false;
    }
    for (const part of this.parts) part.hidden = part.querySelector('[data-search]:not([hidden])') === null;
  }
}
