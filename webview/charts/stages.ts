/** What lies behind the curves on the canvas: the curriculum's stages as tints, their boundaries and names. */
import type uPlot from 'uplot';
import type { Theme } from '../ui/theme';

/** A stretch of the x axis in one stage. */
export interface StageStretch {
  readonly name: string;
  readonly from: number;
  readonly until: number;
}

/** A plot on its canvas, in canvas pixels. */
export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Canvas pixels in a CSS pixel. */
  readonly ratio: number;
}

export function areaOf(u: uPlot): Area {
  const { left, top, width, height } = u.bbox;
  return { left, top, right: left + width, bottom: top + height, ratio: window.devicePixelRatio || 1 };
}

function clampX(u: uPlot, place: number, area: Area): number {
  if (place === Number.NEGATIVE_INFINITY) return area.left;
  if (place === Number.POSITIVE_INFINITY) return area.right;
  return Math.min(area.right, Math.max(area.left, u.valToPos(place, 'x', true)));
}

/** Tints of the stages; stretches in the unit of the chart's x axis. */
export function tintStages(u: uPlot, stretches: readonly StageStretch[], theme: Theme): void {
  const area = areaOf(u);
  const { ctx } = u;
  ctx.save();
  ctx.globalAlpha = theme.tint;
  for (const stretch of stretches) {
    const from = clampX(u, stretch.from, area);
    const until = clampX(u, stretch.until, area);
    if (until <= from) continue;
    ctx.fillStyle = theme.stages[stretch.name] ?? theme.dim;
    ctx.fillRect(from, area.top, until - from, area.bottom - area.top);
  }
  ctx.restore();
}

/** Dashed lines where stages begin, and their names at the top where there is room. */
export function lineStages(u: uPlot, stretches: readonly StageStretch[], theme: Theme, names: boolean): void {
  const area = areaOf(u);
  const { ctx } = u;
  ctx.save();
  ctx.lineWidth = area.ratio;
  stretches.forEach((stretch, index) => {
    const from = clampX(u, stretch.from, area);
    const until = clampX(u, stretch.until, area);
    const color = theme.stages[stretch.name] ?? theme.dim;
    if (index > 0 && from > area.left && from < area.right) {
      ctx.strokeStyle = color;
      ctx.setLineDash([4 * area.ratio, 4 * area.ratio]);
      verticalLine(ctx, from, area.top, area.bottom);
    }
    if (!names || until - from <= 0) return;
    ctx.font = `600 ${11 * area.ratio}px ${theme.font}`;
    const text = stretch.name.toUpperCase();
    if (ctx.measureText(text).width + 8 * area.ratio > until - from) return;
    ctx.fillStyle = color;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'top';
    ctx.fillText(text, (from + until) / 2, area.top + 6 * area.ratio);
  });
  ctx.restore();
}

/** A line from top to bottom. */
export function verticalLine(ctx: CanvasRenderingContext2D, x: number, top: number, bottom: number): void {
  ctx.beginPath();
  ctx.moveTo(x, top);
  ctx.lineTo(x, bottom);
  ctx.stroke();
}
