/** What the dashboard draws under and over its curves: stage tints, boundaries, now, spikes and NaNs. */
import type uPlot from 'uplot';
import { tickText } from '../../charts/axes';
import { areaOf, lineStages, tintStages, verticalLine } from '../../charts/stages';
import { placeOf, stageStretches, strokeOf, type App } from '../app';
import { indexAt, type Columns } from '../curves';

/** Tints of the stages. */
export function drawTints(u: uPlot, app: App): void {
  tintStages(u, stageStretches(app), app.theme);
}

/** Dashed lines where stages begin; their names at the top when there is room; a dotted line at the newest step. */
export function drawBoundaries(u: uPlot, app: App, names: boolean): void {
  lineStages(u, stageStretches(app), app.theme, names);
  const { figures, run } = app.known;
  if (!names || run.state !== 'training' || figures.step === null || app.look.axis === 'time') return;
  const area = areaOf(u);
  const now = placeOf(app, figures.step, null);
  const x = now === null ? Number.NaN : u.valToPos(now, 'x', true);
  if (!(x > area.left && x < area.right)) return;
  const { ctx } = u;
  ctx.save();
  ctx.lineWidth = area.ratio;
  ctx.strokeStyle = app.theme.dim;
  ctx.setLineDash([1.5 * area.ratio, 3 * area.ratio]);
  verticalLine(ctx, x, area.top, area.bottom);
  ctx.restore();
}

/** Spikes (▼ and how high) and NaNs (×) of the focused run's loss. */
export function drawMarks(u: uPlot, app: App, curve: Columns | undefined): void {
  if (curve === undefined) return;
  const area = areaOf(u);
  const { ctx } = u;
  const unit = area.ratio;
  ctx.save();
  ctx.font = `600 ${11 * unit}px ${app.theme.font}`;
  let labelled = Number.POSITIVE_INFINITY;
  for (const alert of app.known.alerts) {
    if (alert.kind !== 'spike' && alert.kind !== 'nan') continue;
    const place = placeOf(app, alert.step, alert.time);
    if (place === null) continue;
    const x = u.valToPos(place, 'x', true);
    if (!(x >= area.left && x <= area.right)) continue;
    // Alerts come newest first: a label too near the one to its right is left out, the mark stays.
    const labelHere = labelled - x > 70 * unit;
    if (labelHere) labelled = x;
    const height = alert.kind === 'spike' ? heightAround(curve, place) : lastHeight(curve, place);
    const at = Number.isNaN(height) ? area.top + 30 * unit : u.valToPos(height, 'y', true);
    const y = Math.min(area.bottom - 6 * unit, Math.max(area.top + 34 * unit, at));
    ctx.fillStyle = ctx.strokeStyle = alert.kind === 'spike' ? app.theme.error : app.theme.nan;
    if (alert.kind === 'spike') {
      ctx.beginPath();
      ctx.moveTo(x - 4.5 * unit, y - 12 * unit);
      ctx.lineTo(x + 4.5 * unit, y - 12 * unit);
      ctx.lineTo(x, y - 5 * unit);
      ctx.fill();
    } else {
      drawCross(ctx, x, y, unit);
    }
    if (!labelHere) continue;
    const height2 = Number((alert.value ?? 0).toPrecision(2));
    const text = alert.kind === 'spike' ? `spike +${tickText(height2, [])}` : 'NaN';
    ctx.textBaseline = 'bottom';
    const half = ctx.measureText(text).width / 2;
    ctx.textAlign = 'center';
    ctx.fillText(
      text,
      Math.min(area.right - half, Math.max(area.left + half, x)),
      y - (alert.kind === 'spike' ? 14 : 7) * unit,
    );
  }
  ctx.restore();
}

/** Ticks at the lower edge where points lie that a logarithmic axis has no place for. */
export function drawOffScale(u: uPlot, app: App): void {
  const area = areaOf(u);
  const { ctx } = u;
  for (const path of [...app.look.overlay, app.known.run.path]) {
    const curve = app.curves.of(path, app.look.metric);
    if (curve === undefined || curve.inWindow.notPositive === 0) continue;
    ctx.save();
    ctx.strokeStyle = strokeOf(app, path).color;
    ctx.lineWidth = area.ratio;
    ctx.beginPath();
    for (let index = 0; index < curve.x.length; index += 1) {
      if (!((curve.low[index] as number) <= 0)) continue;
      const x = u.valToPos(curve.x[index] as number, 'x', true);
      if (x < area.left || x > area.right) continue;
      ctx.moveTo(x, area.bottom - 7 * area.ratio);
      ctx.lineTo(x, area.bottom);
    }
    ctx.stroke();
    ctx.restore();
  }
}

/** A run drawn over the focused one that ended in NaN: a cross in its colour where its line ends. */
export function drawEndings(u: uPlot, app: App): void {
  const area = areaOf(u);
  const { ctx } = u;
  ctx.save();
  for (const path of app.look.overlay) {
    const curve = app.curves.of(path, app.look.metric);
    const last = curve === undefined ? -1 : curve.line.length - 1;
    if (curve === undefined || last < 1 || !Number.isNaN(curve.line[last])) continue;
    let index = last;
    while (index > 0 && Number.isNaN(curve.line[index])) index -= 1;
    const x = u.valToPos(curve.x[index] as number, 'x', true);
    const y = u.valToPos(curve.line[index] as number, 'y', true);
    if (!(x >= area.left && x <= area.right && y >= area.top && y <= area.bottom)) continue;
    ctx.strokeStyle = ctx.fillStyle = strokeOf(app, path).color;
    drawCross(ctx, x, y, area.ratio);
    ctx.font = `600 ${11 * area.ratio}px ${app.theme.font}`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    ctx.fillText('NaN', x + 9 * area.ratio, y);
  }
  ctx.restore();
}

function drawCross(ctx: CanvasRenderingContext2D, x: number, y: number, unit: number): void {
  ctx.lineWidth = 1.75 * unit;
  ctx.beginPath();
  for (const side of [-1, 1]) {
    ctx.moveTo(x - 4 * unit, y - 4 * side * unit);
    ctx.lineTo(x + 4 * unit, y + 4 * side * unit);
  }
  ctx.stroke();
}

/** The highest of the points at and next to a place: in a bucket the peak is at either end. */
function heightAround(curve: Columns, place: number): number {
  const index = indexAt(curve.x, place);
  let most = Number.NaN;
  for (let near = Math.max(0, index - 1); near <= Math.min(curve.x.length - 1, index + 2); near += 1) {
    const value = curve.high[near] as number;
    if (!(value <= most)) most = Number.isNaN(value) ? most : value;
  }
  return most;
}

/** The line's last height before a place. */
function lastHeight(curve: Columns, place: number): number {
  for (let index = indexAt(curve.x, place); index >= 0; index -= 1) {
    const value = curve.line[index] as number;
    if (!Number.isNaN(value)) return value;
  }
  return Number.NaN;
}
