/** The large chart as a picture: PNG from what is on the canvas, SVG from the curves. */
import { domainOf, stageStretches, strokeOf, type App } from './app';
import { linearTicks, logTicks, stepTickText, tickText, airy } from '../charts/axes';
import { axisWords, metricWords } from './chart/notes';
import { averageWords } from './figureWords';
import { extremes } from './chart/data';
import { s } from '../ui/dom';

/** Base64 of a PNG, on the theme's background: the canvas itself is transparent. */
export function pngOf(canvas: HTMLCanvasElement, app: App): string {
  const picture = document.createElement('canvas');
  picture.width = canvas.width;
  picture.height = canvas.height;
  const context = picture.getContext('2d');
  if (context === null) throw new Error('This window cannot draw pictures.');
  context.fillStyle = app.theme.background;
  context.fillRect(0, 0, picture.width, picture.height);
  context.drawImage(canvas, 0, 0);
  return picture.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
}

const WIDTH = 960;
const HEIGHT = 420;
const MARGIN = { left: 56, right: 16, top: 28, bottom: 28 };

/** A stand-alone drawing of the curves in the window. */
export function svgOf(app: App): string {
  const { look, known, theme, curves } = app;
  const [from, until] = domainOf(app);
  const paths = [...look.overlay, known.run.path];
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const path of paths) {
    const curve = curves.of(path, look.metric);
    if (curve === undefined) continue;
    const [least, most] = extremes(curve, from, until, curve.line, curve.line, look.logY);
    if (least < low) low = least;
    if (most > high) high = most;
  }
  const [bottom, top] = airy(low, high, look.logY);
  const scale = (value: number): number => (look.logY ? Math.log10(value) : value);
  const x = (value: number): number =>
    MARGIN.left + ((value - from) / (until - from)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number): number =>
    HEIGHT -
    MARGIN.bottom -
    ((scale(value) - scale(bottom)) / (scale(top) - scale(bottom))) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const clampX = (value: number): number => x(Math.max(from, Math.min(until, value)));
  const drawing = s('svg', {
    width: WIDTH,
    height: HEIGHT,
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    'font-family': 'sans-serif',
    'font-size': 11,
  });
  drawing.append(s('rect', { width: WIDTH, height: HEIGHT, fill: theme.background }));
  for (const stretch of stageStretches(app)) {
    const left = clampX(stretch.from);
    drawing.append(
      s('rect', {
        x: left,
        y: MARGIN.top,
        width: Math.max(0, clampX(stretch.until) - left),
        height: HEIGHT - MARGIN.top - MARGIN.bottom,
        fill: theme.stages[stretch.name] ?? theme.dim,
        'fill-opacity': theme.tint,
      }),
    );
  }
  const yTicks = look.logY ? logTicks(bottom, top, 8) : linearTicks(bottom, top, 8);
  for (const tick of yTicks) {
    drawing.append(
      s('line', { x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(tick), y2: y(tick), stroke: theme.grid }),
    );
    drawing.append(
      s('text', { x: MARGIN.left - 6, y: y(tick) + 4, 'text-anchor': 'end', fill: theme.dim }, tickText(tick, yTicks)),
    );
  }
  const xTicks = linearTicks(from, until, 10);
  for (const tick of xTicks) {
    const text = look.axis === 'time' ? new Date(tick * 1000).toLocaleTimeString() : stepTickText(tick, xTicks);
    drawing.append(s('text', { x: x(tick), y: HEIGHT - 10, 'text-anchor': 'middle', fill: theme.dim }, text));
  }
  for (const path of paths) {
    const curve = curves.of(path, look.metric);
    if (curve === undefined) continue;
    const { color, dash } = strokeOf(app, path);
    const parts: string[] = [];
    let drawingOn = false;
    curve.x.forEach((place, index) => {
      const value = curve.line[index] as number;
      if (place < from || place > until || Number.isNaN(value) || (look.logY && value <= 0)) {
        drawingOn = false;
        return;
      }
      parts.push(`${drawingOn ? 'L' : 'M'}${x(place).toFixed(1)} ${y(value).toFixed(1)}`);
      drawingOn = true;
    });
    drawing.append(
      s('path', {
        d: parts.join(''),
        fill: 'none',
        stroke: color,
        'stroke-width': path === known.run.path ? 2 : 1.5,
        'stroke-dasharray': dash.join(' '),
      }),
    );
  }
  drawing.append(
    s(
      'text',
      { x: MARGIN.left, y: 18, fill: theme.foreground, 'font-weight': 600 },
      `${known.run.name} · ${metricWords(look.metric, look.logY)} by ${axisWords(look.axis)}, ${averageWords(curves.of(known.run.path, look.metric)?.smoothing ?? 0)}`,
    ),
  );
  return new XMLSerializer().serializeToString(drawing);
}
