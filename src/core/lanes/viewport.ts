/** What part of the picture of the lineage is in sight: which steps, how high a lane is, how far down. Plain arithmetic. */
import type { Layout } from './layout';

export interface Viewport {
  /** The steps at the left and right edge. */
  readonly from: number;
  readonly until: number;
  /** The height of a lane, CSS pixels. */
  readonly lane: number;
  /** How far the lanes are scrolled, CSS pixels. */
  readonly top: number;
}

/** The room for lanes, CSS pixels. */
export interface Room {
  readonly width: number;
  readonly height: number;
}

/** The highest and the lowest lane that a zoom comes to, and the height that names need. */
export const HIGHEST_LANE = 48;
export const NAMED_LANE = 15;
const FITTING_LANE = 28;
const LOWEST_LANE = 2;
/** The least steps in sight. */
const LEAST_STEPS = 20;
/** Room for the mark at the end of the longest line: of all steps at least this share, and so many CSS pixels. */
const BEYOND = 0.03;
const END = 20;

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

/** The steps that are in sight where all are. */
function allSteps({ steps }: Layout, { width }: Room): number {
  return steps * (1 + Math.max(BEYOND, width > 4 * END ? END / (width - END) : 0));
}

/** The lowest lane: one at which all are in sight, as long as they can still be told apart. */
function lowest({ lanes }: Layout, { height }: Room): number {
  return clamp(height / Math.max(1, lanes.length), LOWEST_LANE, NAMED_LANE);
}

/** Everything in sight, as far as lanes can be told apart. */
export function fitted(layout: Layout, room: Room): Viewport {
  const lane = clamp(room.height / Math.max(1, layout.lanes.length), lowest(layout, room), FITTING_LANE);
  return { from: 0, until: allSteps(layout, room), lane, top: 0 };
}

/** All steps, in lanes that have names. */
export function opening(layout: Layout, room: Room): Viewport {
  return { ...fitted(layout, room), lane: FITTING_LANE };
}

/** Within what there is. */
export function within(view: Viewport, layout: Layout, room: Room): Viewport {
  const most = allSteps(layout, room);
  const span = clamp(view.until - view.from, Math.min(LEAST_STEPS, most), most);
  const from = clamp(view.from, 0, most - span);
  const lane = clamp(view.lane, lowest(layout, room), HIGHEST_LANE);
  const top = clamp(view.top, 0, Math.max(0, lane * layout.lanes.length - room.height));
  return { from, until: from + span, lane, top };
}

export interface Zoom {
  /** Above 1: nearer. */
  readonly factor: number;
  /** What stays where it is, CSS pixels from the upper left corner of the lanes. */
  readonly x: number;
  readonly y: number;
  /** The lanes keep their height. */
  readonly stepsAlone?: boolean;
}

export function zoomed(view: Viewport, { factor, x, y, stepsAlone }: Zoom, layout: Layout, room: Room): Viewport {
  const share = room.width > 0 ? x / room.width : 0;
  const step = view.from + share * (view.until - view.from);
  const before = within(view, layout, room);
  // Both bounds are kept before the place under the pointer is: it must not run away where one is reached.
  const most = allSteps(layout, room);
  const span = clamp((before.until - before.from) / factor, Math.min(LEAST_STEPS, most), most);
  const from = step - share * span;
  const lane = stepsAlone === true ? before.lane : clamp(before.lane * factor, lowest(layout, room), HIGHEST_LANE);
  const top = ((view.top + y) / before.lane) * lane - y;
  return within({ from, until: from + span, lane, top }, layout, room);
}

/** @param x pixels that what is in sight moves to the left. @param y upwards */
export function panned(view: Viewport, x: number, y: number, layout: Layout, room: Room): Viewport {
  const steps = room.width > 0 ? (x / room.width) * (view.until - view.from) : 0;
  return within({ ...view, from: view.from + steps, until: view.until + steps, top: view.top + y }, layout, room);
}

/** Moved no further than it takes to see a lane, and a step of it. @param step null: any */
export function revealed(view: Viewport, lane: number, step: number | null, layout: Layout, room: Room): Viewport {
  const above = lane * view.lane;
  const top = Math.max(Math.min(view.top, above), above + view.lane - room.height);
  const span = view.until - view.from;
  const margin = span * 0.05;
  const from = step === null ? view.from : Math.max(Math.min(view.from, step - margin), step + margin - span);
  return within({ ...view, top, from, until: from + span }, layout, room);
}

/** CSS pixels from the left edge. */
export function xOf(step: number, view: Viewport, room: Room): number {
  return ((step - view.from) / (view.until - view.from)) * room.width;
}

/** The middle of a lane, CSS pixels from the upper edge. */
export function yOf(lane: number, view: Viewport): number {
  return (lane + 0.5) * view.lane - view.top;
}

/** The lane at so many pixels from the upper edge; undefined where there is none. */
export function laneAt(y: number, view: Viewport, { lanes }: Layout): number | undefined {
  const lane = Math.floor((y + view.top) / view.lane);
  return lane >= 0 && lane < lanes.length ? lane : undefined;
}

/** Round steps to write at the axis, about as many as there is room for. */
export function ticksOf(view: Viewport, room: Room): number[] {
  const most = Math.max(1, Math.floor(room.width / 80));
  const rough = (view.until - view.from) / most;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const every = Math.max(1, power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10));
  const ticks: number[] = [];
  for (let tick = Math.ceil(view.from / every) * every; tick <= view.until; tick += every) ticks.push(tick);
  return ticks;
}
