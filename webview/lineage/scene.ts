/**
 * The picture itself, on a canvas: axis, lines, checkpoints. Only what is in sight is drawn, and of checkpoints that would lie on
 * each other one; what is special always.
 */
import { BEST, BROKEN, FINAL, PINNED, WRITING, type LaneRun } from '../../src/core/lanes/laneRun';
import { edgesThrough, type Lane, type Layout } from '../../src/core/lanes/layout';
import { ticksOf, type Room, type Viewport, xOf, yOf } from '../../src/core/lanes/viewport';
import { shortStep } from '../ui/figures';
import type { Theme } from '../ui/theme';

/** The height of the axis above the lanes, CSS pixels. */
export const AXIS = 22;
const SPECIAL = BEST | PINNED | FINAL | BROKEN | WRITING;
const DIM = 0.4;
const MARK_GAP = 6;

/** A place in the picture: a lane, and which of its checkpoints; null for the lane itself. */
export interface Spot {
  readonly lane: number;
  readonly place: number | null;
}

export interface Scene {
  readonly layout: Layout;
  readonly view: Viewport;
  /** For the lanes, below the axis. */
  readonly room: Room;
  readonly theme: Theme;
  readonly focus: Spot | null;
  /** The keyboard is here: the focus is outlined. */
  readonly focused: boolean;
  readonly hover: Spot | null;
}

/** The first and the last lane in sight; the last is below the first where there is none. */
export function lanesInSight(view: Viewport, layout: Layout, room: Room): readonly [first: number, last: number] {
  const first = Math.max(0, Math.floor(view.top / view.lane));
  return [first, Math.min(layout.lanes.length - 1, Math.floor((view.top + room.height) / view.lane))];
}

export function drawScene(context: CanvasRenderingContext2D, scene: Scene): void {
  const { room, theme, view, layout } = scene;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, room.width, room.height + AXIS);
  drawAxis(context, scene);
  context.save();
  context.beginPath();
  context.rect(0, AXIS, room.width, room.height);
  context.clip();
  context.translate(0, AXIS);
  const [first, last] = lanesInSight(view, layout, room);
  drawBands(context, scene);
  drawEdges(context, scene, first, last);
  for (let index = first; index <= last; index += 1) {
    const lane = layout.lanes[index];
    if (lane !== undefined) drawLane(context, scene, lane);
  }
  context.restore();
}

function drawAxis(context: CanvasRenderingContext2D, { view, room, theme }: Scene): void {
  context.font = `11px ${theme.font}`;
  context.textBaseline = 'middle';
  context.lineWidth = 1;
  let free = -Infinity;
  for (const tick of ticksOf(view, room)) {
    const x = Math.round(xOf(tick, view, room)) + 0.5;
    context.strokeStyle = theme.grid;
    context.beginPath();
    context.moveTo(x, AXIS);
    context.lineTo(x, AXIS + room.height);
    context.stroke();
    const text = shortStep(tick);
    const { width } = context.measureText(text);
    const left = Math.max(2, Math.min(room.width - width - 2, x - width / 2));
    if (left < free) continue;
    context.fillStyle = theme.dim;
    context.fillText(text, left, AXIS / 2);
    free = left + width + 8;
  }
}

/** Behind the lane that the keyboard or the pointer is at. */
function drawBands(context: CanvasRenderingContext2D, { view, room, theme, focus, hover, focused }: Scene): void {
  for (const [spot, color, alpha] of [
    [hover, theme.foreground, 0.07],
    [focus, theme.focus, 0.16],
  ] as const) {
    if (spot === null) continue;
    const top = spot.lane * view.lane - view.top;
    context.globalAlpha = alpha;
    context.fillStyle = color;
    context.fillRect(0, top, room.width, view.lane);
    context.globalAlpha = 1;
  }
  if (focus === null || !focused) return;
  context.strokeStyle = theme.focus;
  context.lineWidth = 1;
  const top = focus.lane * view.lane - view.top;
  context.strokeRect(-2, top + 0.5, room.width + 4, view.lane - 1);
}

function drawEdges(context: CanvasRenderingContext2D, scene: Scene, first: number, last: number): void {
  const { layout, view, room, theme } = scene;
  /** Of branches that begin at one place below what is in sight, one line is seen. */
  const drawn = new Set<number>();
  const thin = view.lane < 8 ? 1 : 1.5;
  for (const index of edgesThrough(layout, first, last)) {
    const lane = layout.lanes[index];
    if (lane === undefined || lane.left === null) continue;
    const x = xOf(lane.left, view, room);
    if (x < -20 || x > room.width + 20) continue;
    const [from, to] = [yOf(lane.parent, view), yOf(index, view)];
    if (index > last) {
      const pixel = Math.round(x);
      if (drawn.has(pixel)) continue;
      drawn.add(pixel);
    }
    const round = bend(view);
    context.globalAlpha = lane.dim ? DIM : 1;
    context.strokeStyle = lane.run === null ? theme.dim : lineColor(lane.run, lane.left, theme);
    context.lineWidth = thin;
    const lost = lane.run?.parent?.origin === false;
    context.setLineDash(lost ? [2, 3] : []);
    context.beginPath();
    // What ends far away would be a path of a million pixels.
    context.moveTo(x, Math.max(from, -50));
    if (to > room.height + 50) context.lineTo(x, room.height + 50);
    else {
      context.lineTo(x, to - round);
      context.quadraticCurveTo(x, to, x + round, to);
    }
    context.stroke();
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/** How far before its lane a branch's line bends, CSS pixels. */
function bend(view: Viewport): number {
  return Math.min(8, view.lane / 2);
}

/** A line has the colour of its stage. */
function lineColor({ stages }: LaneRun, step: number, theme: Theme): string {
  const name = (stages.find(({ until }) => step < until) ?? stages.at(-1))?.name;
  return (name === undefined ? undefined : theme.stages[name]) ?? theme.dim;
}

function drawLane(context: CanvasRenderingContext2D, scene: Scene, lane: Lane): void {
  const { view, room, theme } = scene;
  const y = yOf(lane.index, view);
  const { run } = lane;
  context.globalAlpha = lane.dim ? DIM : 1;
  context.lineWidth = view.lane < 8 ? 1 : view.lane < NARROW ? 1.5 : 2.5;
  if (run === null) {
    stroke(context, scene, y, 0, lane.reach, theme.dim, [4, 4]);
    context.globalAlpha = 1;
    return;
  }
  // Where the line that comes down from the parent has bent into the lane.
  const perPixel = (view.until - view.from) / Math.max(1, room.width);
  let at = lane.from === lane.left ? Math.min(lane.to, lane.from + bend(view) * perPixel) : lane.from;
  for (const { until } of run.stages) {
    if (until <= at || at >= lane.to) continue;
    const end = Math.min(until, lane.to);
    stroke(context, scene, y, at, end, lineColor(run, at, theme));
    at = end;
  }
  if (at < lane.to) stroke(context, scene, y, at, lane.to, lineColor(run, at, theme));
  context.lineWidth = 1;
  if (lane.reach > lane.to) stroke(context, scene, y, lane.to, lane.reach, theme.dim, [1, 3]);
  if (run.state === 'training' && run.maxSteps !== null && run.maxSteps > lane.to && view.lane >= 8) {
    context.globalAlpha *= 0.6;
    stroke(context, scene, y, lane.to, run.maxSteps, theme.good, [1, 4]);
    context.globalAlpha = lane.dim ? DIM : 1;
  }
  drawMarks(context, scene, lane, run, y);
  const x = xOf(lane.to, view, room);
  if (x > -20 && x < room.width + 20) drawEnd(context, scene, run, x, y);
  context.globalAlpha = 1;
}

function stroke(
  context: CanvasRenderingContext2D,
  { view, room }: Scene,
  y: number,
  from: number,
  to: number,
  color: string,
  dash: readonly number[] = [],
): void {
  const [left, right] = [Math.max(-10, xOf(from, view, room)), Math.min(room.width + 10, xOf(to, view, room))];
  if (right < 0 || left > room.width) return;
  context.strokeStyle = color;
  context.setLineDash([...dash]);
  context.beginPath();
  context.moveTo(left, y);
  context.lineTo(Math.max(right, left + 2), y);
  context.stroke();
  context.setLineDash([]);
}

/** Below this height lanes have small marks. */
const NARROW = 15;

function drawMarks(context: CanvasRenderingContext2D, scene: Scene, lane: Lane, run: LaneRun, y: number): void {
  const { view, room, theme, focus, hover } = scene;
  const size = view.lane >= NARROW ? 3 : view.lane >= 8 ? 2 : 1;
  const perStep = room.width / (view.until - view.from);
  let free = -Infinity;
  for (let place = firstAtLeast(run.steps, view.from - 10 / perStep); place < run.steps.length; place += 1) {
    const x = ((run.steps[place] ?? 0) - view.from) * perStep;
    if (x > room.width + 10) break;
    const marks = run.marks[place] ?? 0;
    const isSpecial = (marks & SPECIAL) !== 0;
    const isAt = [focus, hover].some((spot) => spot?.lane === lane.index && spot.place === place);
    if (!isSpecial && !isAt && (x < free || size < 2)) continue;
    if (!isSpecial) free = x + MARK_GAP;
    drawMark(context, theme, { x, y, size, marks });
    if (!isAt) continue;
    context.strokeStyle = theme.focus;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(x, y, size + 4.5, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** The first place whose step is at least this. */
function firstAtLeast(steps: readonly number[], step: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((steps[middle] ?? 0) < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Mark {
  readonly x: number;
  readonly y: number;
  /** CSS pixels from its middle to its edge, of an ordinary one. */
  readonly size: number;
  readonly marks: number;
}

/** Each kind has a shape of its own, so that nobody has to tell colours apart. What is worse is drawn, best and pinned together. */
export function drawMark(context: CanvasRenderingContext2D, theme: Theme, { x, y, size, marks }: Mark): void {
  context.setLineDash([]);
  if (size < 2) {
    // No room for shapes.
    context.fillStyle = (marks & BROKEN) !== 0 ? theme.error : (marks & BEST) !== 0 ? theme.gold : theme.foreground;
    context.fillRect(x - 1.5, y - 1.5, 3, 3);
    return;
  }
  if ((marks & BROKEN) !== 0) {
    cross(context, x, y, size + 1, theme.error);
    return;
  }
  if ((marks & WRITING) !== 0) {
    ring(context, theme, x, y, size + 1, [1.5, 1.5]);
    return;
  }
  if ((marks & PINNED) !== 0) {
    // A frame: what is in it is seen, too.
    context.strokeStyle = theme.foreground;
    context.lineWidth = 1;
    context.strokeRect(x - size - 3.5, y - size - 3.5, 2 * size + 7, 2 * size + 7);
  }
  if ((marks & BEST) !== 0) star(context, x, y, size + 2.5, theme);
  else if ((marks & FINAL) !== 0) diamond(context, x, y, size + 1.5, theme);
  else {
    context.fillStyle = theme.background;
    context.strokeStyle = theme.foreground;
    context.lineWidth = 1;
    context.beginPath();
    context.arc(x, y, size - 0.5, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

function ring(
  context: CanvasRenderingContext2D,
  theme: Theme,
  x: number,
  y: number,
  radius: number,
  dash: readonly number[],
): void {
  context.fillStyle = theme.background;
  context.strokeStyle = theme.foreground;
  context.lineWidth = 1;
  context.setLineDash([...dash]);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.setLineDash([]);
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, size: number, color: string): void {
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x + size, y - size);
  context.lineTo(x - size, y + size);
  context.stroke();
}

function star(context: CanvasRenderingContext2D, x: number, y: number, radius: number, theme: Theme): void {
  context.beginPath();
  for (let corner = 0; corner < 10; corner += 1) {
    const far = corner % 2 === 0 ? radius : radius * 0.45;
    const angle = (corner * Math.PI) / 5 - Math.PI / 2;
    context.lineTo(x + far * Math.cos(angle), y + far * Math.sin(angle));
  }
  context.closePath();
  context.lineWidth = 2;
  context.strokeStyle = theme.background;
  context.stroke();
  context.fillStyle = theme.gold;
  context.fill();
}

function diamond(context: CanvasRenderingContext2D, x: number, y: number, radius: number, theme: Theme): void {
  context.beginPath();
  context.moveTo(x, y - radius);
  context.lineTo(x + radius, y);
  context.lineTo(x, y + radius);
  context.lineTo(x - radius, y);
  context.closePath();
  context.fillStyle = theme.foreground;
  context.fill();
}

/** How the run is doing, behind its line. Of one that finished the line says all there is to say. */
function drawEnd(
  context: CanvasRenderingContext2D,
  { view, theme }: Scene,
  run: LaneRun,
  end: number,
  y: number,
): void {
  if (view.lane < 8) {
    if (run.state !== 'training' && run.state !== 'failed') return;
    context.fillStyle = run.state === 'training' ? theme.good : theme.error;
    context.fillRect(end, y - Math.max(1, view.lane / 2), 3, Math.max(2, view.lane));
    return;
  }
  const x = end + 11;
  switch (run.state) {
    case 'training':
      context.fillStyle = theme.good;
      context.strokeStyle = theme.good;
      context.lineWidth = 1;
      context.beginPath();
      context.arc(x, y, 2.5, 0, 2 * Math.PI);
      context.fill();
      context.beginPath();
      context.arc(x, y, 5, 0, 2 * Math.PI);
      context.stroke();
      return;
    case 'failed':
      cross(context, x, y, 3, theme.error);
      return;
    case 'stopped':
      context.fillStyle = theme.gold;
      context.fillRect(x - 3, y - 4, 2, 8);
      context.fillRect(x + 1, y - 4, 2, 8);
      return;
    case 'interrupted':
      context.strokeStyle = theme.gold;
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(x + 2, y - 5);
      context.lineTo(x - 2, y);
      context.lineTo(x + 2, y);
      context.lineTo(x - 2, y + 5);
      context.stroke();
      return;
    case 'queued':
      ring(context, theme, x, y, 3.5, [2, 2]);
      return;
    case 'finished':
      context.fillStyle = theme.dim;
      context.fillRect(end - 1, y - 4, 2, 8);
  }
}
