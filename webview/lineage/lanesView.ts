/** The lanes: what of them is in sight, and how pointer, wheel and keyboard move it. */
import type { Lane, Layout } from '../../src/core/lanes/layout';
import { checkpointSentence, laneSentence } from '../../src/core/lanes/sentences';
import {
  fitted,
  laneAt,
  opening,
  panned,
  revealed,
  type Room,
  type Viewport,
  within,
  xOf,
  yOf,
  zoomed,
} from '../../src/core/lanes/viewport';
import { h, setText } from '../ui/dom';
import { onceAFrame } from '../ui/frame';
import { onThemeChange, readTheme } from '../ui/theme';
import { NameList } from './nameList';
import { AXIS, drawScene, type Spot } from './scene';

export interface LanesActions {
  readonly open: (lane: Lane) => void;
  readonly menu: (lane: Lane, at: { x: number; y: number }) => void;
  /** What is in sight or has the focus changed. */
  readonly moved: () => void;
}

/** A pointer that moved further drags. */
const DRAG = 4;
/** How near a checkpoint the pointer must be, CSS pixels. */
const NEAR = 7;
/** What a key or a button zooms by. */
const STEP = 1.3;
/** Of what is in sight, what a key pans by. */
const PAN = 0.15;

/** Where the lanes stand, to be kept over a reload. */
export interface LanesPlace {
  readonly focus: string;
  readonly top: string;
  readonly view: Pick<Viewport, 'from' | 'until' | 'lane'> | null;
}

export class LanesView {
  readonly element: HTMLElement;
  private readonly canvas = h('canvas', { 'aria-hidden': 'true' });
  private readonly names = new NameList();
  private readonly sheet = h('div', { class: 'sheet' }, this.canvas, this.names.element);
  private readonly space = h('div', { class: 'space', role: 'presentation' }, this.sheet);
  private readonly card = h('div', { class: 'card', 'aria-hidden': 'true', hidden: true });
  /** A checkpoint has no element that could be read out. */
  private readonly spoken = h('div', { class: 'for-screen-readers', 'aria-live': 'polite' });
  private readonly scroller: HTMLElement;
  private theme = readTheme();
  private layout: Layout = { lanes: [], places: new Map(), steps: 1, passing: 0 };
  private view: Viewport = { from: 0, until: 1, lane: 1, top: 0 };
  /** Zoomed or panned by somebody; until then all steps are in sight, however many there come to be. */
  private isMoved = false;
  private room: Room = { width: 0, height: 0 };
  /** The focus, by the lane's id: lanes come and go. */
  private focusId = '';
  private focusPlace: number | null = null;
  private hover: Spot | null = null;
  private dragged = false;
  private waiting: LanesPlace | undefined;
  /** All runs have come. */
  private isComplete = false;
  private readonly plan = onceAFrame(() => {
    this.drawNow();
  });

  constructor(private readonly actions: LanesActions) {
    this.scroller = h(
      'div',
      {
        class: 'lanes',
        role: 'tree',
        tabindex: 0,
        'aria-label': 'Runs, each below the one that it branched from',
        'aria-describedby': 'lanes-keys',
      },
      this.space,
    );
    const keys = h(
      'div',
      { class: 'for-screen-readers', id: 'lanes-keys' },
      'Up and down: runs. Left and right: checkpoints. Enter: dashboard. Plus, minus, zero: zoom. Shift and arrows: move.',
    );
    this.element = h('div', { class: 'picture' }, this.scroller, this.card, keys, this.spoken);
    this.listen();
  }

  /** The lanes as they are now; what is in sight stays where it is. */
  show(layout: Layout): void {
    const before = this.layout;
    const anchor = before.lanes[this.anchorOf()];
    const shift = anchor === undefined ? 0 : anchor.index * this.view.lane - this.view.top;
    this.layout = layout;
    if (this.room.width > 0) {
      if (before.lanes.length === 0) this.view = this.startView();
      else {
        const place = anchor === undefined ? undefined : layout.places.get(anchor.id);
        // At the upper end new runs come into sight.
        const top = place === undefined || this.view.top === 0 ? this.view.top : place * this.view.lane - shift;
        const steps = this.isMoved ? this.view : fitted(layout, this.room);
        this.view = within({ ...this.view, from: steps.from, until: steps.until, top }, layout, this.room);
      }
      this.restorePlace();
    }
    this.hover = null;
    this.draw();
  }

  /** @param place as an earlier page kept it, by paths of runs */
  restore(place: LanesPlace): void {
    this.waiting = place;
  }

  get place(): LanesPlace {
    if (this.waiting !== undefined) return this.waiting;
    const path = (lane: Lane | undefined): string => lane?.run?.path ?? '';
    const { from, until, lane } = this.view;
    return {
      focus: path(this.focused),
      top: this.view.top === 0 ? '' : path(this.layout.lanes[Math.floor(this.view.top / this.view.lane)]),
      view: this.isMoved ? { from, until, lane } : null,
    };
  }

  focus(): void {
    this.scroller.focus({ preventScroll: true });
  }

  zoom(nearer: boolean): void {
    const at = this.focusSpot();
    const { view, room } = this;
    // Around what has the focus, where that is in sight.
    const y = at === null ? room.height / 2 : Math.max(0, Math.min(room.height, yOf(at.lane, view)));
    const step = at === null ? null : this.stepOf(at);
    const x = step === null ? room.width / 2 : Math.max(0, Math.min(room.width, xOf(step, view, room)));
    this.move(zoomed(view, { factor: nearer ? STEP : 1 / STEP, x, y }, this.layout, room));
  }

  fit(): void {
    this.isMoved = false;
    this.move(fitted(this.layout, this.room), false);
  }

  /** Brings a lane into sight, with the focus. */
  goTo(lane: number, place: number | null = null): void {
    const at = this.layout.lanes[lane];
    if (at === undefined) return;
    this.focusId = at.id;
    this.focusPlace = place;
    const step = this.stepOf({ lane, place });
    const view = revealed(this.view, lane, place === null ? null : step, this.layout, this.room);
    const isMoved = this.isMoved || view.from !== this.view.from;
    this.move(view, isMoved);
    this.showCard({ lane, place });
    setText(this.spoken, place === null ? '' : checkpointSentence(at, place, this.layout));
  }

  private get focused(): Lane | undefined {
    return this.layout.lanes[this.layout.places.get(this.focusId) ?? -1];
  }

  private focusSpot(): Spot | null {
    const lane = this.focused;
    if (lane === undefined) return null;
    const count = lane.run?.steps.length ?? 0;
    return { lane: lane.index, place: this.focusPlace === null || this.focusPlace >= count ? null : this.focusPlace };
  }

  private stepOf({ lane, place }: Spot): number | null {
    const at = this.layout.lanes[lane];
    if (at === undefined) return null;
    return place === null ? at.from : (at.run?.steps[place] ?? null);
  }

  /** The lane that stays where it is while others come and go: the focus where that is in sight, else the uppermost. */
  private anchorOf(): number {
    const focus = this.focused?.index;
    const y = focus === undefined ? -1 : yOf(focus, this.view);
    if (focus !== undefined && y >= 0 && y <= this.room.height) return focus;
    return Math.floor(this.view.top / Math.max(1, this.view.lane));
  }

  private startView(): Viewport {
    const start = opening(this.layout, this.room);
    const kept = this.waiting?.view ?? null;
    if (kept === null) return start;
    this.isMoved = true;
    return within({ ...start, ...kept }, this.layout, this.room);
  }

  private restorePlace(): void {
    const { waiting } = this;
    if (waiting === undefined || this.layout.lanes.length === 0) return;
    const named = (path: string): Lane | undefined =>
      path === '' ? undefined : this.layout.lanes.find(({ run }) => run?.path === path);
    const top = named(waiting.top);
    if (top !== undefined)
      this.view = within({ ...this.view, top: top.index * this.view.lane }, this.layout, this.room);
    const focus = named(waiting.focus);
    if (focus !== undefined) this.focusId = focus.id;
    // Runs come in parts: what is not there yet may still come.
    const isThere = (path: string, lane: Lane | undefined): boolean => path === '' || lane !== undefined;
    if (isThere(waiting.top, top) && isThere(waiting.focus, focus)) this.waiting = undefined;
  }

  /** All runs have come: what was kept of others counts no more, once it was looked for. */
  settle(): void {
    this.isComplete = true;
    if (this.room.width > 0) this.waiting = undefined;
  }

  private move(view: Viewport, isMoved = true): void {
    this.view = view;
    this.isMoved = isMoved;
    this.waiting = undefined;
    this.draw();
    this.actions.moved();
  }

  private draw(): void {
    this.plan();
  }

  private resize(): void {
    const box = this.scroller.getBoundingClientRect();
    const names = this.names.element.getBoundingClientRect().width;
    const room = {
      width: Math.max(0, this.scroller.clientWidth - names),
      height: Math.max(0, box.height - AXIS),
    };
    if (room.width === this.room.width && room.height === this.room.height) return;
    const first = this.room.width === 0;
    this.room = room;
    if (this.layout.lanes.length === 0) return;
    this.view = first ? this.startView() : within(this.view, this.layout, room);
    if (first) this.restorePlace();
    if (this.isComplete) this.waiting = undefined;
    this.draw();
  }

  private drawNow(): void {
    const { canvas, room, view, layout } = this;
    if (room.width === 0 || room.height === 0) return;
    this.space.style.height = `${AXIS + view.lane * layout.lanes.length}px`;
    this.sheet.style.height = `${AXIS + room.height}px`;
    if (Math.abs(this.scroller.scrollTop - view.top) >= 1) this.scroller.scrollTop = view.top;
    const scale = window.devicePixelRatio;
    const [width, height] = [Math.round(room.width * scale), Math.round((room.height + AXIS) * scale)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${room.width}px`;
      canvas.style.height = `${room.height + AXIS}px`;
    }
    const context = canvas.getContext('2d');
    if (context === null) return;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const focus = this.focusSpot();
    const focused = document.activeElement === this.scroller;
    drawScene(context, { layout, view, room, theme: this.theme, focus, focused, hover: this.hover });
    this.names.update(layout, view, room, focus, this.hover);
    this.scroller.setAttribute('aria-activedescendant', this.names.rowOf(this.focused));
  }

  private listen(): void {
    const { scroller } = this;
    new ResizeObserver(() => {
      this.resize();
    }).observe(scroller);
    onThemeChange(() => {
      this.theme = readTheme();
      this.draw();
    });
    scroller.addEventListener('scroll', () => {
      if (Math.abs(scroller.scrollTop - this.view.top) < 1) return;
      this.view = within({ ...this.view, top: scroller.scrollTop }, this.layout, this.room);
      this.hideCard();
      this.draw();
      this.actions.moved();
    });
    scroller.addEventListener('wheel', (event) => {
      this.wheel(event);
    });
    scroller.addEventListener('pointerdown', (event) => {
      this.press(event);
    });
    scroller.addEventListener('pointermove', (event) => {
      this.point(this.spotAt(event));
    });
    scroller.addEventListener('pointerleave', () => {
      this.point(null);
    });
    scroller.addEventListener('click', (event) => {
      const spot = this.dragged ? null : this.spotAt(event);
      const lane = spot === null ? undefined : this.layout.lanes[spot.lane];
      if (lane !== undefined) this.actions.open(lane);
    });
    scroller.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      const byKey = event.button !== 2;
      const spot = byKey ? this.focusSpot() : this.spotAt(event);
      const lane = spot === null ? undefined : this.layout.lanes[spot.lane];
      if (spot === null || lane === undefined) return;
      this.focusOn(spot);
      this.hideCard();
      this.actions.menu(lane, byKey ? this.windowPlace(spot) : { x: event.clientX, y: event.clientY });
    });
    scroller.addEventListener('keydown', (event) => {
      if (this.key(event)) event.preventDefault();
    });
    for (const name of ['focus', 'blur'] as const) {
      scroller.addEventListener(name, () => {
        if (name === 'blur') this.hideCard();
        else if (this.focused === undefined) this.focusId = this.layout.lanes[this.anchorOf()]?.id ?? '';
        this.draw();
      });
    }
  }

  private focusOn({ lane, place }: Spot): void {
    this.focusId = this.layout.lanes[lane]?.id ?? '';
    this.focusPlace = place;
    this.draw();
    this.actions.moved();
  }

  /** From the upper left corner of the lanes. */
  private placeOf(event: MouseEvent): { x: number; y: number } {
    const box = this.scroller.getBoundingClientRect();
    const names = this.names.element.getBoundingClientRect().width;
    return { x: event.clientX - box.left - names, y: event.clientY - box.top - AXIS };
  }

  private spotAt(event: MouseEvent): Spot | null {
    const { x, y } = this.placeOf(event);
    if (y < 0) return null;
    const index = laneAt(y, this.view, this.layout);
    if (index === undefined) return null;
    const steps = this.layout.lanes[index]?.run?.steps ?? [];
    let nearest: number | null = null;
    let least = NEAR;
    if (x >= 0) {
      for (const [place, step] of steps.entries()) {
        const distance = Math.abs(xOf(step, this.view, this.room) - x);
        if (distance > least) continue;
        [nearest, least] = [place, distance];
      }
    }
    return { lane: index, place: nearest };
  }

  private point(spot: Spot | null): void {
    const { hover } = this;
    if (hover?.lane === spot?.lane && hover?.place === spot?.place) return;
    this.hover = spot;
    if (spot === null) this.hideCard();
    else this.showCard(spot);
    this.draw();
  }

  private windowPlace(spot: Spot): { x: number; y: number } {
    const box = this.scroller.getBoundingClientRect();
    const names = this.names.element.getBoundingClientRect().width;
    const step = this.stepOf(spot) ?? 0;
    const x = Math.max(0, Math.min(this.room.width, xOf(step, this.view, this.room)));
    return { x: box.left + names + x, y: box.top + AXIS + yOf(spot.lane, this.view) + 8 };
  }

  /** Says what is at a place, below it or above. */
  private showCard(spot: Spot): void {
    const lane = this.layout.lanes[spot.lane];
    if (lane === undefined) return;
    const { card, element } = this;
    const sentence = laneSentence(lane, this.layout);
    const checkpoint = spot.place === null ? '' : checkpointSentence(lane, spot.place, this.layout);
    setText(card, checkpoint === '' ? sentence : checkpoint);
    card.hidden = false;
    const box = element.getBoundingClientRect();
    const at = this.windowPlace(spot);
    const size = card.getBoundingClientRect();
    const below = at.y - box.top + this.view.lane / 2;
    const top = below + size.height > box.height ? below - size.height - this.view.lane - 12 : below;
    card.style.left = `${Math.max(4, Math.min(at.x - box.left, box.width - size.width - 16))}px`;
    card.style.top = `${Math.max(0, top)}px`;
  }

  private hideCard(): void {
    this.card.hidden = true;
  }

  private wheel(event: WheelEvent): void {
    const { x, y } = this.placeOf(event);
    // In lines or pages where the mouse counts so.
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? this.room.height : 1;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const factor = Math.exp(-Math.max(-100, Math.min(100, event.deltaY * unit)) * 0.004);
      const at = { x: Math.max(0, x), y: Math.max(0, y) };
      this.move(zoomed(this.view, { factor, ...at, stepsAlone: event.shiftKey }, this.layout, this.room));
      this.hideCard();
      return;
    }
    const sideways = (event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX) * unit;
    if (Math.abs(sideways) < Math.abs(event.deltaY) && !event.shiftKey) return;
    event.preventDefault();
    this.move(panned(this.view, sideways, 0, this.layout, this.room));
    this.hideCard();
  }

  private press(event: PointerEvent): void {
    this.dragged = false;
    if (event.button !== 0) return;
    // Not on the scrollbar.
    if (event.clientX - this.scroller.getBoundingClientRect().left >= this.scroller.clientWidth) {
      this.dragged = true;
      return;
    }
    const spot = this.spotAt(event);
    if (spot !== null) this.focusOn(spot);
    const start = { x: event.clientX, y: event.clientY, view: this.view };
    const move = (moved: PointerEvent): void => {
      const [x, y] = [start.x - moved.clientX, start.y - moved.clientY];
      if (!this.dragged && Math.hypot(x, y) < DRAG) return;
      if (!this.dragged) {
        this.dragged = true;
        this.scroller.setPointerCapture(event.pointerId);
        this.scroller.classList.add('dragging');
      }
      this.hideCard();
      this.move(panned(start.view, x, y, this.layout, this.room));
    };
    const end = (): void => {
      this.scroller.classList.remove('dragging');
      this.scroller.removeEventListener('pointermove', move);
      window.removeEventListener('pointerup', end);
      window.removeEventListener('pointercancel', end);
    };
    this.scroller.addEventListener('pointermove', move);
    window.addEventListener('pointerup', end);
    window.addEventListener('pointercancel', end);
  }

  /** @returns whether the key meant something */
  private key(event: KeyboardEvent): boolean {
    const { key, shiftKey, altKey, ctrlKey, metaKey } = event;
    if (altKey || ctrlKey || metaKey) return false;
    const { lanes } = this.layout;
    const spot = this.focusSpot() ?? { lane: 0, place: null };
    const { width, height } = this.room;
    const pan = (x: number, y: number): void => {
      this.hideCard();
      this.move(panned(this.view, x * PAN * width, y * PAN * height, this.layout, this.room));
    };
    const down = (lines: number): void => {
      this.goTo(Math.max(0, Math.min(lanes.length - 1, spot.lane + lines)));
    };
    const page = Math.max(1, Math.floor(height / this.view.lane) - 1);
    switch (key) {
      case 'ArrowDown':
      case 'ArrowUp': {
        const way = key === 'ArrowDown' ? 1 : -1;
        if (shiftKey) pan(0, way);
        else down(way);
        return true;
      }
      case 'ArrowLeft':
      case 'ArrowRight': {
        const way = key === 'ArrowRight' ? 1 : -1;
        if (shiftKey) pan(way, 0);
        else this.along(spot, way);
        return true;
      }
      case 'PageDown':
        down(page);
        return true;
      case 'PageUp':
        down(-page);
        return true;
      case 'Home':
        this.goTo(0);
        return true;
      case 'End':
        this.goTo(lanes.length - 1);
        return true;
      case 'Enter':
      case ' ': {
        const lane = lanes[spot.lane];
        if (lane !== undefined) this.actions.open(lane);
        return true;
      }
      case 'Escape':
        if (spot.place !== null) this.goTo(spot.lane);
        this.hideCard();
        return true;
      case '+':
      case '=':
        this.zoom(true);
        return true;
      case '-':
      case '_':
        this.zoom(false);
        return true;
      case '0':
        this.fit();
        return true;
      default:
        return false;
    }
  }

  /** To the next checkpoint of the lane; before the first one, to the lane, and then to the parent. */
  private along({ lane, place }: Spot, way: 1 | -1): void {
    const at = this.layout.lanes[lane];
    if (at === undefined) return;
    const last = (at.run?.steps.length ?? 0) - 1;
    const next = (place ?? -1) + way;
    if (next < -1) {
      if (at.parent >= 0) this.goTo(at.parent);
    } else this.goTo(lane, next === -1 || last < 0 ? null : Math.min(last, next));
  }
}
