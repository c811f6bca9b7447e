/**
 * A list of rows of one height of which only those in sight exist: tens of thousands scroll as ten do. One row is active;
 * the keyboard moves it, and screen readers follow it through aria-activedescendant.
 */
import { h } from '../ui/dom';
import { onceAFrame } from '../ui/frame';
import { bringIntoSight, rowsInSight } from '../ui/rowsInSight';

const ROW_HEIGHT = 24;
/** Rows beyond the edges, so that a scroll does not show blank. */
const MARGIN = 8;

export interface RowsOptions {
  /** tree or grid. */
  readonly role: 'tree' | 'grid';
  readonly label: string;
  /** Stays in sight above the rows; as high as a row. */
  readonly header?: HTMLElement;
  /** Prefix of the rows' ids. */
  readonly id: string;
  /** What the row shows; its id, place and state are set here. */
  render(index: number): HTMLElement;
  /** Enter or a double click. */
  activate(index: number): void;
  /** The active row has changed by a person's doing. */
  moved(index: number): void;
  /** Any other key; true when it meant something. */
  key?(event: KeyboardEvent, index: number): boolean;
}

export class VirtualRows {
  readonly element: HTMLElement;
  private readonly space: HTMLElement;
  private readonly rows = new Map<number, HTMLElement>();
  private count = 0;
  private activeRow = 0;
  private readonly plan = onceAFrame(() => {
    this.draw();
  });

  constructor(private readonly options: RowsOptions) {
    this.space = h('div', { class: 'space', role: 'presentation' });
    this.element = h(
      'div',
      { class: 'rows', role: options.role, 'aria-label': options.label, tabindex: 0 },
      options.header,
      this.space,
    );
    this.element.addEventListener('scroll', () => {
      this.plan();
    });
    this.element.addEventListener('keydown', (event) => {
      this.keydown(event);
    });
    this.element.addEventListener('mousedown', (event) => {
      if (event.button !== 0) return;
      const index = this.indexOf(event.target);
      if (index !== null) this.move(index);
    });
    this.element.addEventListener('dblclick', (event) => {
      const index = this.indexOf(event.target);
      if (index !== null) options.activate(index);
    });
    new ResizeObserver(() => {
      this.plan();
    }).observe(this.element);
  }

  get active(): number {
    return this.activeRow;
  }

  /** Other rows, or the same in another state. */
  reset(count: number, active = this.activeRow): void {
    this.count = count;
    this.activeRow = Math.max(0, Math.min(active, count - 1));
    this.space.style.height = `${count * ROW_HEIGHT}px`;
    if (this.options.role === 'grid') this.element.setAttribute('aria-rowcount', String(count + 1));
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.draw();
  }

  /** Makes the row active and brings it into sight. */
  show(index: number): void {
    this.activeRow = Math.max(0, Math.min(index, this.count - 1));
    const room = this.element.clientHeight - (this.options.header ? ROW_HEIGHT : 0);
    bringIntoSight(this.element, this.activeRow, ROW_HEIGHT, Math.max(ROW_HEIGHT, room));
    this.draw();
  }

  private move(index: number): void {
    if (this.count === 0) return;
    this.show(index);
    this.options.moved(this.activeRow);
  }

  private draw(): void {
    const { first, last } = rowsInSight(this.element, this.count, ROW_HEIGHT, MARGIN);
    for (const [index, row] of this.rows) {
      if (index >= first && index <= last) continue;
      row.remove();
      this.rows.delete(index);
    }
    for (let index = first; index <= last; index++) {
      let row = this.rows.get(index);
      if (!row) {
        row = this.options.render(index);
        row.id = `${this.options.id}-${index}`;
        row.style.top = `${index * ROW_HEIGHT}px`;
        this.rows.set(index, row);
        this.space.append(row);
      }
      row.classList.toggle('active', index === this.activeRow);
      row.setAttribute('aria-selected', String(index === this.activeRow));
    }
    if (this.rows.has(this.activeRow))
      this.element.setAttribute('aria-activedescendant', `${this.options.id}-${this.activeRow}`);
    else this.element.removeAttribute('aria-activedescendant');
  }

  private indexOf(target: EventTarget | null): number | null {
    const row = target instanceof Element ? target.closest('.row') : null;
    for (const [index, each] of this.rows) if (each === row) return index;
    return null;
  }

  private keydown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.count === 0) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_HEIGHT) - 1);
    const to: Readonly<Record<string, number>> = {
      ArrowDown: this.activeRow + 1,
      ArrowUp: this.activeRow - 1,
      PageDown: this.activeRow + page,
      PageUp: this.activeRow - page,
      Home: 0,
      End: this.count - 1,
    };
    const next = to[event.key];
    if (next !== undefined) this.move(next);
    else if (event.key === 'Enter') this.options.activate(this.activeRow);
    else if (this.options.key?.(event, this.activeRow) !== true) return;
    event.preventDefault();
  }
}
