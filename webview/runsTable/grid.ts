/**
 * The table itself: rows and columns of which only those in sight exist, so that 5,000 runs of 40 columns scroll as ten do. One
 * cell is active; the keyboard moves it, and screen readers follow it through aria-activedescendant.
 */
import { type Column, type Columns, isStarred } from '../../src/core/table/columns';
import type { TableLook } from '../../src/core/table/look';
import type { RunRow } from '../../src/core/table/row';
import type { GroupItem, Item, RowItem, TableView } from '../../src/core/table/view';
import { h, icon, setText } from '../ui/dom';
import { onceAFrame } from '../ui/frame';
import { bringIntoSight, rowsInSight } from '../ui/rowsInSight';
import { drawCell } from './cells';
import { type HeadingActions, Headings } from './headings';
import { inSight, type Layout, layoutOf, type Place } from './layout';

export const ROW_HEIGHT = 24;
const HEAD_HEIGHT = 28;
/** Rows beyond the edges, so that a scroll does not show blank. */
const MARGIN = 6;

export interface GridActions extends HeadingActions {
  open(row: RunRow): void;
  fold(group: GroupItem, folded: boolean): void;
  /** The rows that are chosen now, in the table's order. */
  select(paths: ReadonlySet<string>): void;
  rowMenu(row: RunRow, at: { x: number; y: number }): void;
  copy(): void;
  /** Something that is kept has changed: where the keyboard is, or how far it is scrolled. */
  moved(): void;
}

export interface GridState {
  readonly view: TableView;
  readonly columns: Columns;
  readonly look: TableLook;
  readonly selected: ReadonlySet<string>;
}

interface DrawnRow {
  readonly element: HTMLElement;
  readonly pins: HTMLElement;
  readonly cells: Map<string, HTMLElement>;
  item: Item;
  /** What its cells were last drawn for. */
  version: number;
}

function keyOf(item: Item): string {
  return item.kind === 'row' ? item.key : `group ${item.id}`;
}

/** By how many places most of these went down: what moves by its own new figures must not take the others along. */
function movedBy(before: readonly { key: string; index: number }[], items: readonly Item[]): number {
  if (before.length === 0) return 0;
  const places = new Map(items.map((item, index) => [keyOf(item), index]));
  const moves = before.map(({ key, index }) => (places.get(key) ?? Number.NaN) - index);
  const known = moves.filter((move) => !Number.isNaN(move)).sort((a, b) => a - b);
  return known[Math.floor(known.length / 2)] ?? 0;
}

export class Grid {
  readonly element: HTMLElement;
  private readonly headings: Headings;
  private readonly space = h('div', { class: 'space', role: 'rowgroup' });
  private readonly drawn = new Map<string, DrawnRow>();
  /** Rows that are out of sight, while it is drawn. */
  private readonly free: DrawnRow[] = [];
  private state: GridState | undefined;
  private layout: Layout = { places: [], pinnedWidth: 0, width: 0 };
  /** −1 is the row of headings. */
  private activeRow = 0;
  private activeKey: string | null = null;
  private activeColumn = 0;
  /** Where a range with Shift begins. */
  private anchor: string | null = null;
  private readonly plan = onceAFrame(() => {
    this.draw();
  });
  private version = 0;

  constructor(private readonly actions: GridActions) {
    this.headings = new Headings(actions);
    this.element = h(
      'div',
      { class: 'grid', role: 'grid', 'aria-label': 'Runs', 'aria-multiselectable': 'true', tabindex: 0 },
      this.headings.element,
      this.space,
    );
    this.element.addEventListener('scroll', () => {
      this.plan();
      actions.moved();
    });
    this.element.addEventListener('keydown', (event) => {
      this.keydown(event);
    });
    this.space.addEventListener('mousedown', (event) => {
      if (event.button === 0) this.click(event);
    });
    this.space.addEventListener('dblclick', (event) => {
      const item = this.itemAt(event.target);
      if (item?.kind === 'row') actions.open(item.row);
    });
    this.space.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      const item = this.itemAt(event.target);
      if (item === undefined) return;
      this.activate(this.indexOf(item), this.columnAt(event.target));
      if (item.kind === 'row') this.menuOf(item, { x: event.clientX, y: event.clientY });
    });
    new ResizeObserver(() => {
      this.plan();
    }).observe(this.element);
  }

  /** @param stay keeps the rows in sight where they are, as when the runs changed and not how they are looked at */
  update(state: GridState, stay: boolean): void {
    const inSight = stay ? this.keysInSight() : [];
    const before = this.state;
    this.state = state;
    this.version += 1;
    const { items } = state.view;
    this.space.style.height = `${items.length * ROW_HEIGHT}px`;
    this.element.setAttribute('aria-rowcount', String(items.length + 1));
    this.element.setAttribute('aria-colcount', String(state.view.columns.length));
    // The keyboard stays at its run, wherever that went.
    const active = this.activeKey === null ? -1 : items.findIndex((item) => keyOf(item) === this.activeKey);
    if (active !== -1) this.activeRow = active;
    else this.activeRow = Math.min(this.activeRow, items.length - 1);
    this.activeColumn = Math.max(0, Math.min(this.activeColumn, state.view.columns.length - 1));
    if (before !== undefined && !stay) this.element.scrollTop = 0;
    else this.element.scrollTop += ROW_HEIGHT * movedBy(inSight, items);
    this.draw();
  }

  focus(): void {
    this.element.focus({ preventScroll: true });
  }

  /** Where it is scrolled to, and at which run the keyboard is. */
  /** @param renamed new paths of runs, by the ones that they had */
  follow(renamed: ReadonlyMap<string, string>): void {
    this.activeKey = renamed.get(this.activeKey ?? '') ?? this.activeKey;
    this.anchor = renamed.get(this.anchor ?? '') ?? this.anchor;
  }

  get place(): { active: string | null; top: number; left: number } {
    const { scrollTop, scrollLeft } = this.element;
    return { active: this.activeKey, top: scrollTop, left: scrollLeft };
  }

  restore({ active, top, left }: { active: string | null; top: number; left: number }): void {
    this.activeKey = active;
    const index = this.items.findIndex((item) => keyOf(item) === active);
    if (index !== -1) this.activeRow = index;
    this.element.scrollTop = top;
    this.element.scrollLeft = left;
    this.draw();
  }

  /** The runs that are chosen, in the table's order. */
  get chosen(): readonly RunRow[] {
    const { state } = this;
    return state === undefined ? [] : state.view.rows.filter(({ path }) => state.selected.has(path));
  }

  private get items(): readonly Item[] {
    return this.state?.view.items ?? [];
  }

  /** What is below the headings, where it is scrolled at all, with its places. */
  private keysInSight(): { key: string; index: number }[] {
    const { scrollTop, clientHeight } = this.element;
    if (scrollTop === 0) return [];
    const first = Math.floor(scrollTop / ROW_HEIGHT);
    const items = this.items.slice(first, first + Math.ceil(clientHeight / ROW_HEIGHT));
    return items.map((item, at) => ({ key: keyOf(item), index: first + at }));
  }

  private draw(): void {
    const { state } = this;
    if (state === undefined) return;
    const { scrollLeft, clientWidth } = this.element;
    const { view, look } = state;
    this.layout = layoutOf(view.columns, look, clientWidth);
    this.space.style.width = `${this.layout.width}px`;
    this.headings.draw(this.layout, look, scrollLeft, clientWidth);
    const places = inSight(this.layout, scrollLeft, clientWidth);
    const { first, last } = rowsInSight(this.element, view.items.length, ROW_HEIGHT, MARGIN);
    const wanted = new Set<string>();
    for (let index = first; index <= last; index += 1) wanted.add(keyOf(view.items[index] as Item));
    for (const [key, row] of this.drawn) {
      if (wanted.has(key)) continue;
      this.drawn.delete(key);
      if (row.item.kind === 'row') this.free.push(row);
      else row.element.remove();
    }
    for (let index = first; index <= last; index += 1) this.row(index, view.items[index] as Item, places, state);
    for (const { element } of this.free.splice(0)) element.remove();
    this.markActive();
  }

  private row(index: number, item: Item, places: readonly Place[], state: GridState): void {
    const key = keyOf(item);
    let row = this.drawn.get(key);
    row ??= this.reused(key, item);
    if (row === undefined) {
      const pins = h('div', { class: 'pins', role: 'presentation' });
      const element = h('div', { role: 'row' }, pins);
      row = { element, pins, cells: new Map(), item, version: -1 };
      this.drawn.set(key, row);
      this.space.append(element);
    }
    const { element } = row;
    const isNew = row.version !== this.version;
    if (isNew) {
      row.item = item;
      element.style.top = `${index * ROW_HEIGHT}px`;
      element.style.width = `${this.layout.width}px`;
      element.setAttribute('aria-rowindex', String(index + 2));
    }
    if (item.kind === 'group') {
      if (isNew) this.group(row, item);
    } else {
      if (isNew) {
        const selected = state.selected.has(item.row.path);
        const starred = isStarred(item.row.cells);
        element.className = ['row', selected && 'selected', starred && 'starred'].filter(Boolean).join(' ');
        element.setAttribute('aria-selected', String(selected));
        row.pins.style.width = `${this.layout.pinnedWidth}px`;
      }
      this.cells(row, item.row, places, state, isNew);
    }
    row.version = this.version;
  }

  /** A run's row that went out of sight, for another run: its elements are half of what a new one costs. */
  private reused(key: string, item: Item): DrawnRow | undefined {
    const row = item.kind === 'row' ? this.free.pop() : undefined;
    if (row === undefined) return undefined;
    row.item = item;
    row.version = -1;
    this.drawn.set(key, row);
    return row;
  }

  private group({ element, pins, cells }: DrawnRow, { title, rows, folded }: GroupItem): void {
    element.className = 'row group';
    element.setAttribute('aria-expanded', String(!folded));
    pins.style.width = '100%';
    let cell = cells.get('');
    if (cell === undefined) {
      cell = h('div', { class: 'cell title', role: 'gridcell', 'aria-colindex': 1 });
      cells.set('', cell);
      pins.append(cell);
    }
    const text = h('span');
    setText(text, title);
    const count = rows.length === 1 ? '1 run' : `${rows.length.toLocaleString('en-US')} runs`;
    cell.replaceChildren(icon(folded ? 'chevron-right' : 'chevron-down'), text, h('span', { class: 'dim' }, count));
  }

  private cells(drawn: DrawnRow, row: RunRow, places: readonly Place[], state: GridState, isNew: boolean): void {
    const { cells, element, pins } = drawn;
    const wanted = new Set(places.map(({ column }) => column.id));
    for (const [id, cell] of cells) {
      if (wanted.has(id)) continue;
      cell.remove();
      cells.delete(id);
    }
    for (const { column, left, width, pinned, index } of places) {
      let cell = cells.get(column.id);
      const made = cell === undefined;
      if (cell === undefined) {
        cell = h('div', { role: 'gridcell' });
        cells.set(column.id, cell);
      }
      const parent = pinned ? pins : element;
      if (cell.parentElement !== parent) parent.append(cell);
      if (!made && !isNew) continue;
      cell.style.left = `${left}px`;
      cell.style.width = `${width}px`;
      cell.setAttribute('aria-colindex', String(index + 1));
      const value = row.cells[state.columns.placeOf(column.id)] ?? null;
      drawCell(cell, column, value, state.view.best.get(column.id));
    }
  }

  private markActive(): void {
    for (const marked of this.element.querySelectorAll('.active')) {
      marked.classList.remove('active');
      marked.removeAttribute('id');
    }
    const column = this.layout.places[this.activeColumn]?.column;
    const item = this.items[this.activeRow];
    const row = item === undefined ? undefined : this.drawn.get(keyOf(item));
    row?.element.classList.add('active');
    const cell =
      column === undefined
        ? undefined
        : this.activeRow === -1
          ? this.headings.elementOf(column.id)
          : (row?.cells.get(column.id) ?? row?.cells.get(''));
    if (cell === undefined) {
      this.element.removeAttribute('aria-activedescendant');
      return;
    }
    cell.classList.add('active');
    cell.id = 'active-cell';
    this.element.setAttribute('aria-activedescendant', cell.id);
  }

  private indexOf(wanted: Item): number {
    const key = keyOf(wanted);
    return this.items.findIndex((item) => keyOf(item) === key);
  }

  private itemAt(target: EventTarget | null): Item | undefined {
    const element = target instanceof Element ? target.closest('.row') : null;
    for (const row of this.drawn.values()) if (row.element === element) return row.item;
    return undefined;
  }

  private columnAt(target: EventTarget | null): number {
    const cell = target instanceof Element ? target.closest('[aria-colindex]') : null;
    return cell === null ? this.activeColumn : Number(cell.getAttribute('aria-colindex')) - 1;
  }

  /** Makes a cell the active one and brings it into sight. */
  private activate(row: number, column: number): void {
    const { items } = this;
    this.activeRow = Math.max(-1, Math.min(row, items.length - 1));
    this.activeColumn = Math.max(0, Math.min(column, this.layout.places.length - 1));
    const item = items[this.activeRow];
    this.activeKey = item === undefined ? null : keyOf(item);
    const { element } = this;
    if (this.activeRow >= 0) bringIntoSight(element, this.activeRow, ROW_HEIGHT, element.clientHeight - HEAD_HEIGHT);
    const place = this.layout.places[this.activeColumn];
    if (place !== undefined && !place.pinned) {
      const { pinnedWidth } = this.layout;
      if (place.left < element.scrollLeft + pinnedWidth) element.scrollLeft = place.left - pinnedWidth;
      else if (place.left + place.width > element.scrollLeft + element.clientWidth) {
        element.scrollLeft = Math.min(place.left - pinnedWidth, place.left + place.width - element.clientWidth);
      }
    }
    this.draw();
    this.actions.moved();
  }

  private click(event: MouseEvent): void {
    const item = this.itemAt(event.target);
    if (item === undefined) return;
    // Not the text under it.
    if (event.shiftKey) event.preventDefault();
    this.activate(this.indexOf(item), this.columnAt(event.target));
    if (item.kind === 'group') {
      this.actions.fold(item, !item.folded);
      return;
    }
    if (event.shiftKey) this.selectRange(item);
    else if (event.ctrlKey || event.metaKey) this.toggle(item);
    else this.selectOnly(item);
  }

  /** The next click goes on from this choice, though it is drawn with the next frame. */
  private choose(selected: ReadonlySet<string>): void {
    if (this.state !== undefined) this.state = { ...this.state, selected };
    this.actions.select(selected);
  }

  private selectOnly(item: RowItem): void {
    this.anchor = item.key;
    this.choose(new Set([item.row.path]));
  }

  private toggle(item: RowItem): void {
    this.anchor = item.key;
    const selected = new Set(this.state?.selected);
    if (!selected.delete(item.row.path)) selected.add(item.row.path);
    this.choose(selected);
  }

  /** From the last run that was chosen alone up to this one. */
  private selectRange({ key }: RowItem): void {
    const rows = this.items.filter((item) => item.kind === 'row');
    const placeOf = (wanted: string): number => rows.findIndex((row) => row.key === wanted);
    const to = placeOf(key);
    const from = this.anchor === null ? to : placeOf(this.anchor);
    if (from === -1) this.anchor = key;
    const [low, high] = from === -1 ? [to, to] : [Math.min(from, to), Math.max(from, to)];
    this.choose(new Set(rows.slice(low, high + 1).map(({ row }) => row.path)));
  }

  private menuOf(item: RowItem, at: { x: number; y: number }): void {
    if (this.state?.selected.has(item.row.path) !== true) this.selectOnly(item);
    this.actions.rowMenu(item.row, at);
  }

  /** Where a menu of the active cell opens. */
  private activeCorner(): { x: number; y: number } {
    const box = (this.element.querySelector('#active-cell') ?? this.element).getBoundingClientRect();
    return { x: box.left + 12, y: box.bottom };
  }

  private get activeHeading(): Column | undefined {
    return this.activeRow === -1 ? this.layout.places[this.activeColumn]?.column : undefined;
  }

  private keydown(event: KeyboardEvent): void {
    if (event.target !== this.element || this.state === undefined) return;
    const heading = this.activeHeading;
    const done =
      heading === undefined ? this.keyOnItem(event, this.items[this.activeRow]) : this.keyOnHeading(event, heading);
    if (done || this.keyAnywhere(event)) event.preventDefault();
  }

  private keyOnHeading(event: KeyboardEvent, column: Column): boolean {
    const { key } = event;
    if (key === 'Enter' || key === ' ') {
      this.actions.sort(column, event.shiftKey);
      return true;
    }
    if (key === 'ContextMenu' || (key === 'F10' && event.shiftKey)) {
      this.actions.menu(column, this.activeCorner());
      return true;
    }
    const way = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
    if (way === 0 || !event.altKey) return false;
    const { places } = this.layout;
    if (event.shiftKey) {
      this.actions.resize(column, (places[this.activeColumn]?.width ?? 0) + 16 * way);
      return true;
    }
    const beside = places[this.activeColumn + way]?.column;
    if (beside !== undefined) {
      this.activeColumn += way;
      this.actions.move(column, beside, way === 1);
    }
    return true;
  }

  private keyOnItem(event: KeyboardEvent, item: Item | undefined): boolean {
    if (item === undefined) return false;
    const { key } = event;
    if (item.kind === 'group') {
      const folds = { Enter: !item.folded, ' ': !item.folded, ArrowLeft: true, ArrowRight: false }[key];
      if (folds === undefined || event.altKey || event.ctrlKey || event.metaKey) return false;
      this.actions.fold(item, folds);
      return true;
    }
    if (key === 'Enter') this.actions.open(item.row);
    else if (key === ' ' && event.shiftKey) this.selectRange(item);
    else if (key === ' ') this.toggle(item);
    else if (key === 'ContextMenu' || (key === 'F10' && event.shiftKey)) this.menuOf(item, this.activeCorner());
    else return false;
    return true;
  }

  private keyAnywhere(event: KeyboardEvent): boolean {
    const { key } = event;
    const withCtrl = event.ctrlKey || event.metaKey;
    if (event.altKey) return false;
    if (withCtrl && key.toLowerCase() === 'a') {
      this.choose(new Set(this.state?.view.rows.map(({ path }) => path)));
      return true;
    }
    if (withCtrl && key.toLowerCase() === 'c') {
      this.actions.copy();
      return true;
    }
    if (key === 'Escape') {
      this.choose(new Set());
      return true;
    }
    const page = Math.max(1, Math.floor((this.element.clientHeight - HEAD_HEIGHT) / ROW_HEIGHT) - 1);
    const end = this.items.length - 1;
    const edge = this.layout.places.length - 1;
    const [row, column] = [this.activeRow, this.activeColumn];
    const ways: Readonly<Record<string, readonly [number, number]>> = {
      ArrowDown: [row + 1, column],
      ArrowUp: [row - 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      PageDown: [row + page, column],
      PageUp: [Math.max(0, row - page), column],
      Home: withCtrl ? [0, column] : [row, 0],
      End: withCtrl ? [end, column] : [row, edge],
    };
    const to = ways[key];
    if (to === undefined) return false;
    this.activate(...to);
    const item = this.items[this.activeRow];
    if (event.shiftKey && item?.kind === 'row' && to[0] !== row) {
      this.anchor ??= item.key;
      this.selectRange(item);
    }
    return true;
  }
}
