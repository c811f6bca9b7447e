/** Who branched from whom, where: each run a line on the axis of steps. */
import type { RunSummary } from '../../../src/protocol/dashboard';
import { strokeOf, type App, type Part } from '../app';
import { clippedStages } from '../curriculumBand';
import { visibleCheckpoints } from '../chart/markers';
import { shortNames } from '../../../src/core/shortNames';
import { formatCount } from '../../../src/core/format';
import { shortStep } from '../../ui/figures';
import { fill, h, s } from '../../ui/dom';

const LANE = 36;
const MOST_LANES = 10;
/** The width of a name's letter, CSS pixels. */
const LETTER = 6.2;

/** The focused run's family and the overlaid runs, each child below its parent. */
function lanesOf(app: App): RunSummary[] {
  const { run, runs } = app.known;
  const byPath = new Map(runs.map((each) => [each.path, each]));
  const rootOf = (each: RunSummary): string => {
    const seen = new Set<string>();
    let current = each;
    for (;;) {
      const parent = current.parentPath === null || seen.has(current.path) ? undefined : byPath.get(current.parentPath);
      if (parent === undefined) return current.path;
      seen.add(current.path);
      current = parent;
    }
  };
  const home = rootOf(byPath.get(run.path) ?? run);
  const wanted = runs.filter(
    (each) => rootOf(each) === home || app.look.overlay.includes(each.path) || each.path === run.path,
  );
  const lanes: RunSummary[] = [];
  const visit = (each: RunSummary): void => {
    if (lanes.includes(each)) return;
    lanes.push(each);
    for (const child of wanted.filter((other) => other.parentPath === each.path).sort((a, b) => b.origin - a.origin))
      visit(child);
  };
  for (const each of wanted.filter((other) => !wanted.some((parent) => parent.path === other.parentPath))) visit(each);
  wanted.forEach(visit);
  return lanes.slice(0, MOST_LANES);
}

export class Lineage implements Part {
  readonly element: HTMLElement;
  private readonly box = h('div', { class: 'lineage' });
  private readonly observer: ResizeObserver;
  private app: App | undefined;
  private drawn = '';

  constructor() {
    this.element = h('section', { 'aria-label': 'Lineage' }, h('h2', {}, 'Lineage'), this.box);
    this.observer = new ResizeObserver(() => {
      if (this.app !== undefined) this.update(this.app);
    });
    this.observer.observe(this.box);
  }

  update(app: App): void {
    this.app = app;
    const width = this.box.clientWidth;
    if (width === 0) return;
    const lanes = lanesOf(app);
    const { run } = app.known;
    const drawn = JSON.stringify([
      width,
      lanes,
      run.checkpoints.length,
      run.curriculum,
      app.look.overlay,
      app.theme,
      app.known.figures.step,
    ]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    fill(this.box, this.draw(app, lanes, width));
  }

  private draw(app: App, lanes: readonly RunSummary[], width: number): SVGElement {
    const { run } = app.known;
    const stepOf = (each: RunSummary): number =>
      each.path === run.path ? (app.known.figures.step ?? each.step) : each.step;
    const total = Math.max(1, run.maxSteps ?? 0, ...lanes.map((each) => Math.max(stepOf(each), each.maxSteps ?? 0)));
    const plot = lanes.length * LANE + 6;
    const x = (step: number): number => 5 + (Math.max(0, Math.min(total, step)) / total) * (width - 14);
    const y = (lane: number): number => lane * LANE + 25;
    const svg = s('svg', { width, height: plot + 18, role: 'img', 'aria-label': describe(lanes) });
    const stages = clippedStages(run.curriculum, total);
    for (const stage of stages)
      svg.append(
        s('rect', {
          class: `tint soft ${stage.name}`,
          x: x(stage.from),
          y: 0,
          width: x(stage.until) - x(stage.from),
          height: plot,
        }),
      );
    const ticks = [0, ...stages.map((stage) => stage.from), total];
    const placed: number[] = [];
    for (const step of ticks) {
      const at = x(step);
      if (placed.some((other) => Math.abs(other - at) < 30) || (step !== total && x(total) - at < 34 && step !== 0))
        continue;
      placed.push(at);
      svg.append(
        s(
          'text',
          {
            class: 'tick',
            x: at,
            y: plot + 13,
            'text-anchor': step === 0 ? 'start' : step === total ? 'end' : 'middle',
          },
          shortStep(step),
        ),
      );
    }
    for (const stage of stages.slice(1))
      svg.append(
        s('line', { class: `boundary dashed ${stage.name}`, x1: x(stage.from), x2: x(stage.from), y1: 0, y2: plot }),
      );
    const names = shortNames(
      lanes.map((each) => each.name),
      Math.floor((width - 8) / LETTER),
    );
    lanes.forEach((each, lane) => {
      const shown = each.path === run.path || app.look.overlay.includes(each.path);
      const color = shown ? strokeOf(app, each.path).color : app.theme.dim;
      const at = y(lane);
      const start = x(each.origin);
      const end = Math.max(start + 2, x(stepOf(each)));
      const parentLane = lanes.findIndex((other) => other.path === each.parentPath);
      const focused = each.path === run.path;
      const stroke = { stroke: color, fill: 'none', 'stroke-width': focused ? 3 : 2 };
      if (parentLane !== -1) {
        const from = y(parentLane);
        const bend = Math.min(12, Math.abs(at - from) / 2);
        svg.append(
          s('path', {
            ...stroke,
            d: `M${start} ${from}C${start} ${from + bend} ${start} ${at} ${start + bend} ${at}H${Math.max(end, start + bend)}`,
          }),
        );
      } else {
        svg.append(s('path', { ...stroke, d: `M${start} ${at}H${end}` }));
      }
      if (focused && each.maxSteps !== null && each.maxSteps > stepOf(each)) {
        svg.append(
          s('path', {
            ...stroke,
            'stroke-width': 1.5,
            'stroke-dasharray': '2 3',
            d: `M${end} ${at}H${x(each.maxSteps)}`,
          }),
        );
      }
      if (focused) {
        for (const checkpoint of visibleCheckpoints(app)) {
          svg.append(
            s('path', {
              class: `checkpoint${checkpoint.best ? ' best' : ''} ${checkpoint.state}`,
              d: `M${x(checkpoint.step)} ${at - 5}l5 5-5 5-5-5Z`,
            }),
          );
        }
      }
      if (each.state === 'failed') {
        svg.append(s('path', { class: 'failed', d: `M${end - 4} ${at - 4}l8 8M${end - 4} ${at + 4}l8-8` }));
      } else {
        svg.append(
          s('circle', {
            class: each.state === 'training' ? 'end live' : 'end',
            cx: end,
            cy: at,
            r: 3.5,
            stroke: color,
            fill: each.state === 'training' ? color : 'none',
          }),
        );
      }
      // A name right of the bend, or left-aligned in the lane where the run ends too near the edge.
      const name = names[lane] ?? each.name;
      const labelAt = Math.min(start + (parentLane === -1 ? 3 : 14), Math.max(4, width - name.length * LETTER - 4));
      const text = s('text', { class: focused ? 'lane focused' : 'lane', x: labelAt, y: at - 8 }, name);
      text.append(s('title', {}, `${each.name} · ${each.state} · step ${formatCount(stepOf(each))}`));
      svg.append(text);
    });
    return svg;
  }
}

function describe(lanes: readonly RunSummary[]): string {
  return lanes
    .map((run) =>
      run.parentName === null
        ? `${run.name}, from the beginning to step ${formatCount(run.step)}`
        : `${run.name}, branched from ${run.parentName} at step ${formatCount(run.origin)}, now at ${formatCount(run.step)}`,
    )
    .join('; ');
}
