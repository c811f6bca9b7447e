/** Ticks and labels of the charts' axes. */
import type uPlot from 'uplot';
import type { XAxis } from '../../src/core/metrics/trace';
import { shortStep } from '../ui/figures';
import type { Theme } from '../ui/theme';

const FINE_MARKS = [1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9];
const LOG_MARKS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];

/** Ticks on a logarithmic axis: round numbers, few enough to read, also where the axis spans much less than a decade. */
export function logTicks(min: number, max: number, most: number): number[] {
  const decades = Math.log10(max / min);
  if (!(decades > 0) || !Number.isFinite(decades)) return [];
  if (decades < 0.15) return linearTicks(min, max, most);
  for (const marks of [FINE_MARKS, LOG_MARKS, [1, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power += 1) {
      for (const mark of marks) {
        const tick = Number((mark * 10 ** power).toPrecision(6));
        if (tick >= min && tick <= max) ticks.push(tick);
      }
    }
    if (ticks.length <= most) return ticks;
    if (marks.length === 1) return ticks.filter((_, index) => index % Math.ceil(ticks.length / most) === 0);
  }
  return [];
}

/** Ticks at round numbers, at most `most`. */
export function linearTicks(min: number, max: number, most: number): number[] {
  const span = max - min;
  if (!(span > 0) || !Number.isFinite(span)) return [];
  const rough = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 2.5, 5, 10].map((mark) => mark * power).find((candidate) => span / candidate <= most) ?? 10 * power;
  const ticks: number[] = [];
  for (let index = Math.ceil(min / step); index * step <= max + step * 1e-9; index += 1)
    ticks.push(Number((index * step).toPrecision(12)));
  return ticks;
}

/** Digits beyond which a number is no shorter with a unit: 12.3456k. */
const MOST_SHORT = 4;

/** A tick's label: as many digits as tell it from its neighbours, and never fewer. */
export function tickText(value: number, ticks: readonly number[]): string {
  const size = Math.abs(value);
  if (value === 0) return '0';
  const gap =
    ticks.length > 1 ? Math.min(...ticks.slice(1).map((tick, index) => tick - (ticks[index] as number))) : size;
  let digits = 1;
  while (digits < 15 && Math.abs(Number(value.toPrecision(digits)) - value) > gap * 1e-3) digits += 1;
  const exact = Number(value.toPrecision(digits));
  if (size < 1e-2 || size >= 1e9) return exact.toExponential().replace('e+', 'e');
  if (size < 1e4) return exact.toString();
  if (digits > MOST_SHORT && size < 1e6) return exact.toLocaleString('en-US', { maximumFractionDigits: 9 });
  const unit = size >= 1e6 ? 1e6 : 1e3;
  return `${Number((exact / unit).toPrecision(15))}${unit === 1e6 ? 'M' : 'k'}`;
}

/** A step's label: as everywhere, with more digits where its neighbours would be called the same. */
export function stepTickText(step: number, ticks: readonly number[]): string {
  const short = ticks.map(shortStep);
  return new Set(short).size === short.length ? shortStep(step) : formatSteps(step);
}

function formatSteps(step: number): string {
  return step.toLocaleString('en-US', { maximumFractionDigits: 3 });
}

function shared(theme: Theme): Partial<uPlot.Axis> {
  return {
    stroke: theme.dim,
    font: `11px ${theme.font}`,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { show: false },
    gap: 6,
  };
}

/** What an axis counts, beside it. */
export function axisTitle(theme: Theme, text: string): Partial<uPlot.Axis> {
  return { label: text, labelFont: `11px ${theme.font}`, labelSize: 15, labelGap: 0 };
}

let ruler: CanvasRenderingContext2D | null = null;

/** Room for labels, in CSS pixels: `least`, or as much as the longest takes. */
function roomFor(labels: readonly string[] | null, theme: Theme, least: number): number {
  ruler ??= document.createElement('canvas').getContext('2d');
  const measure = ruler;
  if (measure === null || labels === null) return least;
  measure.font = `11px ${theme.font}`;
  return Math.max(least, ...labels.map((label) => Math.ceil(measure.measureText(label).width) + 8));
}

export function xAxisOptions(axis: XAxis, theme: Theme, pixelsPerTick: number): uPlot.Axis {
  if (axis === 'time') return { ...shared(theme), size: 22, space: pixelsPerTick };
  return {
    ...shared(theme),
    size: 22,
    splits: (u, _index, min, max) =>
      linearTicks(min, max, Math.max(2, Math.floor(u.bbox.width / uPlotRatio() / pixelsPerTick))),
    values: (_u, ticks) => ticks.map((tick) => stepTickText(tick, ticks)),
  };
}

/** `log`: read at every drawing, so that the switch needs no new chart. `size`: the least; longer labels get what they need. */
export function yAxisOptions(theme: Theme, log: () => boolean, size: number, pixelsPerTick: number): uPlot.Axis {
  return {
    ...shared(theme),
    size: (_u, labels) => roomFor(labels, theme, size),
    gap: 5,
    splits: (u, _index, min, max) => {
      // An axis of nothing has no figures.
      if (u.data.slice(1).every((column) => column.length === 0)) return [];
      const most = Math.max(2, Math.floor(u.bbox.height / uPlotRatio() / pixelsPerTick));
      return log() ? logTicks(min, max, most) : linearTicks(min, max, most);
    },
    // uPlot's own filter for logarithmic axes keeps only powers of ten.
    filter: (_u, ticks) => ticks,
    values: (_u, ticks) => ticks.map((tick) => tickText(tick, ticks)),
  };
}

function uPlotRatio(): number {
  return window.devicePixelRatio || 1;
}

/** Limits with some air, from the extremes of what is drawn; something drawable where nothing is. */
export function airy(low: number, high: number, log: boolean): [number, number] {
  if (!(low <= high)) return log ? [0.1, 10] : [0, 1];
  if (log) {
    // Never so little that nearly equal values fill the height with their last digits.
    const ratio = Math.max((high / low) ** 0.05, 1.002);
    return [low / ratio, high * ratio];
  }
  if (high - low <= Math.abs(low) * 1e-6) {
    const size = Math.abs(low) * 0.1;
    return low === 0 ? [-0.5, 1] : [low - size, high + size];
  }
  const air = (high - low) * 0.06;
  // An axis that nearly starts at 0 may as well.
  return [low >= 0 && low < air * 2 ? 0 : low - air, high + air];
}
