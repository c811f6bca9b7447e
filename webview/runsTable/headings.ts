/** The headings of the columns: a click sorts, a drag moves the column, its edge makes it wider. */
import { compareNames } from '../../src/core/table/cell';
import type { Column } from '../../src/core/table/columns';
import { NARROWEST, type TableLook, WIDEST } from '../../src/core/table/look';
import { fill, h, icon, setTitle } from '../ui/dom';
import { isText } from './cells';
import { type Layout, type Place, inSight } from './layout';

export interface HeadingActions {
  sort(column: Column, more: boolean): void;
  /** Null: as wide as it comes. */
  resize(column: Column, width: number | null): void;
  move(column: Column, beside: Column, after: boolean): void;
  menu(column: Column, at: { x: number; y: number }): void;
}

/** A pointer that moved less than this clicked. In CSS pixels. */
const CLICK = 5;

interface Heading {
  readonly element: HTMLElement;
  drawn: string;
}

export class Headings {
  readonly element: HTMLElement;
  private readonly pins = h('div', { class: 'pins', role: 'presentation' });
  private readonly mark = h('div', { class: 'drop', hidden: true });
  private readonly headings = new Map<string, Heading>();
  private layout: Layout = { places: [], pinnedWidth: 0, width: 0 };

  constructor(private readonly actions: HeadingActions) {
    this.element = h('div', { class: 'head', role: 'row', 'aria-rowindex': 1 }, this.pins, this.mark);
    this.element.addEventListener('pointerdown', (event) => {
      this.down(event);
    });
    this.element.addEventListener('dblclick', (event) => {
      const found = this.at(event.target);
      if (found !== undefined && isGrip(event.target)) actions.resize(found.column, null);
    });
    this.element.addEventListener('contextmenu', (event) => {
      const found = this.at(event.target);
      if (found === undefined) return;
      event.preventDefault();
      actions.menu(found.column, { x: event.clientX, y: event.clientY });
    });
  }

  draw(layout: Layout, look: TableLook, scrollLeft: number, room: number): void {
    this.layout = layout;
    this.element.style.width = `${layout.width}px`;
    this.pins.style.width = `${layout.pinnedWidth}px`;
    const wanted = inSight(layout, scrollLeft, room);
    const ids = new Set(wanted.map(({ column }) => column.id));
    for (const [id, heading] of this.headings) {
      if (ids.has(id)) continue;
      heading.element.remove();
      this.headings.delete(id);
    }
    for (const place of wanted) this.heading(place, look);
  }

  /** The element of a column that is in sight. */
  elementOf(id: string): HTMLElement | undefined {
    return this.headings.get(id)?.element;
  }

  private heading(place: Place, look: TableLook): void {
    const { column, pinned } = place;
    let heading = this.headings.get(column.id);
    if (heading === undefined) {
      heading = { element: h('div', { class: 'heading', role: 'columnheader' }), drawn: '' };
      heading.element.dataset['column'] = column.id;
      this.headings.set(column.id, heading);
    }
    const { element } = heading;
    const parent = pinned ? this.pins : this.element;
    if (element.parentElement !== parent) parent.append(element);
    element.style.left = `${place.left}px`;
    element.style.width = `${place.width}px`;
    element.setAttribute('aria-colindex', String(place.index + 1));
    const at = look.sort.findIndex((each) => each.column === column.id);
    const sort = look.sort[at];
    const drawn = `${JSON.stringify(sort ?? null)}${look.sort.length > 1 ? at : ''}`;
    if (drawn === heading.drawn) return;
    heading.drawn = drawn;
    element.classList.toggle('number', !isText(column));
    element.setAttribute('aria-sort', sort === undefined ? 'none' : sort.descending ? 'descending' : 'ascending');
    setTitle(element, column.about === '' ? column.title : `${column.title}: ${column.about}`);
    fill(
      element,
      h('span', { class: 'title' }, column.title),
      sort !== undefined && icon(sort.descending ? 'arrow-down' : 'arrow-up'),
      sort !== undefined &&
        look.sort.length > 1 &&
        h('span', { class: 'place', 'aria-hidden': 'true' }, String(at + 1)),
      h('span', { class: 'grip', 'aria-hidden': 'true' }),
    );
  }

  private at(target: EventTarget | null): Place | undefined {
    const heading = target instanceof Element ? target.closest<HTMLElement>('.heading') : null;
    const id = heading?.dataset['column'];
    return this.layout.places.find(({ column }) => column.id === id);
  }

  private down(event: PointerEvent): void {
    const place = this.at(event.target);
    if (place === undefined || event.button !== 0) return;
    if (isGrip(event.target)) this.resize(event, place);
    else this.drag(event, place);
    event.preventDefault();
  }

  private resize(down: PointerEvent, { column, width }: Place): void {
    this.follow(
      down,
      (event) => {
        this.actions.resize(column, Math.max(NARROWEST, Math.min(WIDEST, width + event.clientX - down.clientX)));
      },
      () => undefined,
    );
  }

  private drag(down: PointerEvent, { column }: Place): void {
    let target: { place: Place; after: boolean } | undefined;
    let moved = false;
    this.follow(
      down,
      (event) => {
        moved ||= Math.abs(event.clientX - down.clientX) > CLICK;
        if (!moved) return;
        target = this.dropAt(event.clientX);
        this.mark.hidden = target === undefined;
        if (target === undefined) return;
        const box = this.elementOf(target.place.column.id)?.getBoundingClientRect();
        if (box === undefined) return;
        const own = this.element.getBoundingClientRect();
        this.mark.style.left = `${(target.after ? box.right : box.left) - own.left - 1}px`;
      },
      (event) => {
        this.mark.hidden = true;
        if (!moved) this.actions.sort(column, event.shiftKey);
        else if (target !== undefined) this.actions.move(column, target.place.column, target.after);
      },
    );
  }

  /** Where a column would be put that is let go of here. */
  private dropAt(x: number): { place: Place; after: boolean } | undefined {
    // Those that stay lie over the others.
    const sides = [...this.layout.places].sort((a, b) => Number(b.pinned) - Number(a.pinned));
    for (const place of sides) {
      const box = this.elementOf(place.column.id)?.getBoundingClientRect();
      if (box !== undefined && x >= box.left && x < box.right) {
        return { place, after: x > (box.left + box.right) / 2 };
      }
    }
    return undefined;
  }

  private follow(down: PointerEvent, move: (event: PointerEvent) => void, up: (event: PointerEvent) => void): void {
    const { element } = this;
    const stop = (event: PointerEvent): void => {
      element.removeEventListener('pointermove', move);
      element.removeEventListener('pointerup', stop);
      element.removeEventListener('pointercancel', stop);
      this.mark.hidden = true;
      if (event.type === 'pointerup') up(event);
    };
    element.setPointerCapture(down.pointerId);
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', stop);
    element.addEventListener('pointercancel', stop);
  }
}

function isGrip(target: EventTarget | null): boolean {
  return target instanceof Element && target.classList.contains('grip');
}

/** Columns in the order of their titles, for lists of them. */
export function byTitle(columns: readonly Column[]): Column[] {
  return [...columns].sort((a, b) => compareNames(a.title, b.title));
}
