/** The curriculum band: the whole plan from 0 to the last step, and the window of all charts on it. */
import type { Stage } from '../../src/core/curriculum/curriculum';
import { formatCount } from '../../src/core/format';
import { placeOf, stepAtPlace, type App, type Part } from './app';
import type { ChartWindow } from './chart/gestures';
import { visibleCheckpoints } from './chart/markers';
import { capital, percent, shortStep } from '../ui/figures';
import { fill, h, s } from '../ui/dom';

const TOP = 18;
/** Less where the window is low: the first chart is to be seen without scrolling. */
const height = (): number => (window.innerHeight < 760 ? 30 : 46);
const BOTTOM = 16;

const ruler = document.createElement('canvas').getContext('2d');

/** Width of a text at the band's size, in pixels. */
function widthOf(text: string, family: string, bold: boolean): number {
  if (ruler === null) return text.length * 7;
  ruler.font = `${bold ? 600 : 400} 11px ${family}`;
  return ruler.measureText(text).width;
}

export class CurriculumBand implements Part {
  readonly element: HTMLElement;
  private readonly hint = h('span', { class: 'dim hint' }, 'drag the handles to zoom every chart · ◆ checkpoint');
  private readonly box = h('div', { class: 'band' });
  private readonly observer: ResizeObserver;
  private app: App | undefined;
  private drawn = '';
  private dragging = false;

  constructor(private readonly window: ChartWindow) {
    this.element = h(
      'section',
      { class: 'curriculum', 'aria-label': 'Curriculum' },
      h('h2', {}, 'Curriculum', this.hint),
      this.box,
    );
    this.observer = new ResizeObserver(() => {
      if (this.app !== undefined) this.update(this.app);
    });
    this.observer.observe(this.box);
  }

  update(app: App): void {
    this.app = app;
    const { run, figures } = app.known;
    const width = this.box.clientWidth;
    if (width === 0) return;
    const shown = this.windowSteps(app);
    const drawn = JSON.stringify([
      width,
      height(),
      run.curriculum,
      run.maxSteps,
      figures.step,
      run.state,
      run.checkpoints,
      shown,
      app.look.axis,
    ]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.draw(app, width, shown);
  }

  /** The window in steps; null on an axis of times. */
  private windowSteps(app: App): [number, number] | null {
    // As it is now, not as it was last drawn: keys may repeat faster than frames.
    const [from, until] = this.window.domain();
    const first = stepAtPlace(app, from);
    const last = stepAtPlace(app, until);
    return first === null || last === null ? null : [first, last];
  }

  private total(app: App): number {
    const { run, figures } = app.known;
    const planned = run.maxSteps ?? run.curriculum?.at(-1)?.until ?? 0;
    return Math.max(1, planned, figures.step ?? run.step);
  }

  private draw(app: App, width: number, shown: [number, number] | null): void {
    const { run, figures } = app.known;
    const total = this.total(app);
    const x = (step: number): number => (Math.max(0, Math.min(total, step)) / total) * (width - 2) + 1;
    const now = figures.step ?? run.step;
    const stages = clippedStages(run.curriculum, total);
    const present = stages.find((stage) => now < stage.until) ?? stages.at(-1);
    const svg = s(
      'svg',
      { width, height: TOP + height() + BOTTOM, role: 'img', 'aria-label': this.describe(stages, now, total) },
      s(
        'defs',
        {},
        s(
          'pattern',
          { id: 'future', width: 7, height: 7, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
          s('line', { x1: 0, y1: 0, x2: 0, y2: 7, class: 'hatch' }),
        ),
      ),
    );
    if (stages.length === 0) {
      svg.append(s('rect', { class: 'no-plan', x: x(0), y: TOP, width: x(total) - x(0), height: height() }));
      svg.append(label(x(0) + 6, 12, 'dim', 'No curriculum is recorded for this run'));
    }
    for (const stage of stages) this.drawStage(svg, stage, x);
    if (now < total)
      svg.append(
        s('rect', {
          class: 'future',
          x: x(now),
          y: TOP,
          width: x(total) - x(now),
          height: height(),
          fill: 'url(#future)',
        }),
      );
    // Where no stage is known, that stands there instead.
    const nowText = present === undefined ? '' : `now · teacher ${percent(1 - present.mixingRatio)}`;
    const nowSpan = this.drawNow(svg, x(now), nowText, width);
    for (const stage of stages) this.drawLabel(svg, stage, x, nowSpan);
    this.drawTicks(svg, stages, total, x);
    if (shown !== null)
      svg.append(
        s('rect', {
          class: 'window',
          x: x(shown[0]),
          y: TOP,
          width: Math.max(2, x(shown[1]) - x(shown[0])),
          height: height(),
          rx: 2,
        }),
      );
    for (const checkpoint of visibleCheckpoints(app)) {
      const at = x(checkpoint.step);
      const mark = s('path', {
        class: `checkpoint${checkpoint.best ? ' best' : ''} ${checkpoint.state}`,
        d: `M${at} ${TOP + height() - 6}l5.5 5.5-5.5 5.5-5.5-5.5Z`,
      });
      mark.append(
        s('title', {}, `Checkpoint ${formatCount(checkpoint.step)}${checkpoint.best ? ' · best by evaluation' : ''}`),
      );
      svg.append(mark);
    }
    // The handles stay the same elements while they are dragged or have the focus.
    const handles = shown === null ? [] : this.handles(shown, total, x);
    if (this.dragging || this.box.contains(document.activeElement)) {
      this.box.querySelector('svg')?.replaceWith(svg);
      if (handles.length === 0) fill(this.box, svg);
    } else {
      fill(this.box, svg, ...handles);
    }
  }

  private drawStage(svg: SVGElement, stage: Stage, x: (step: number) => number): void {
    const left = x(stage.from);
    const width = Math.max(0, x(stage.until) - left);
    svg.append(s('rect', { class: `tint ${stage.name}`, x: left, y: TOP, width, height: height() }));
    // The teacher's share is constant within a stage: a step, not a slope.
    const share = (1 - stage.mixingRatio) * height();
    if (share > 0)
      svg.append(s('rect', { class: `share ${stage.name}`, x: left, y: TOP + height() - share, width, height: share }));
    if (stage.from > 0)
      svg.append(s('line', { class: `boundary ${stage.name}`, x1: left, x2: left, y1: TOP, y2: TOP + height() }));
  }

  private drawLabel(
    svg: SVGElement,
    stage: Stage,
    x: (step: number) => number,
    taken: readonly [number, number],
  ): void {
    const left = x(stage.from) + 6;
    const right = x(stage.until);
    const name = capital(stage.name);
    const nameWidth = this.widthOf(name, true);
    // Beside "now", where that stands over this stage: before it if there is room, else behind it.
    const covered = taken[0] < right && taken[1] > left;
    const stretches: [number, number][] = covered
      ? [
          [left, taken[0] - 8],
          [taken[1] + 8, right],
        ]
      : [[left, right]];
    const stretch = stretches.find(([from, until]) => nameWidth <= until - from);
    if (stretch === undefined) return;
    const [from, until] = stretch;
    svg.append(label(from, 12, `stage-name ${stage.name}`, name));
    const range = `${shortStep(stage.from)}–${shortStep(stage.until)}`;
    const share = `teacher ${percent(1 - stage.mixingRatio)}`;
    const start = from + nameWidth + 8;
    for (const text of [`${range} · ${share}`, range]) {
      if (start + this.widthOf(text, false) > until) continue;
      svg.append(label(start, 12, 'dim', text));
      return;
    }
  }

  private drawNow(svg: SVGElement, at: number, text: string, width: number): [number, number] {
    const narrow = width < 480;
    const shown = narrow && text !== '' ? 'now' : text;
    const half = this.widthOf(shown, true) / 2 + 1;
    const centre = Math.max(half, Math.min(width - half, at));
    svg.append(
      s('line', { class: 'now', x1: at, x2: at, y1: TOP - 2, y2: TOP + height() + 2 }),
      s('circle', { class: 'now', cx: at, cy: TOP + height() - 5, r: 3.5 }),
      s('text', { class: 'now-label', x: centre, y: 12, 'text-anchor': 'middle' }, shown),
    );
    return [centre - half, centre + half];
  }

  private widthOf(text: string, bold: boolean): number {
    return widthOf(text, this.app?.theme.font ?? 'sans-serif', bold);
  }

  private drawTicks(svg: SVGElement, stages: readonly Stage[], total: number, x: (step: number) => number): void {
    const wanted = [0, total, ...stages.map((stage) => stage.from), ...(stages.length < 2 ? [total / 2] : [])];
    const placed: number[] = [];
    for (const step of wanted) {
      const at = x(step);
      if (placed.some((other) => Math.abs(other - at) < 34)) continue;
      placed.push(at);
      const anchor = step === 0 ? 'start' : step === total ? 'end' : 'middle';
      svg.append(
        s(
          'text',
          {
            class: 'tick',
            x: step === 0 ? 0 : step === total ? x(total) : at,
            y: TOP + height() + 14,
            'text-anchor': anchor,
          },
          shortStep(step),
        ),
      );
    }
  }

  /** Two sliders, one at either end of the window. */
  private handles(shown: [number, number], total: number, x: (step: number) => number): HTMLElement[] {
    const existing = [...this.box.querySelectorAll<HTMLElement>('.handle')];
    return [0, 1].map((side) => {
      const handle = existing[side] ?? this.makeHandle(side);
      const value = shown[side] as number;
      handle.style.left = `${x(value)}px`;
      handle.setAttribute('aria-valuenow', String(Math.round(value)));
      handle.setAttribute('aria-valuemax', String(total));
      handle.setAttribute('aria-valuetext', `step ${formatCount(value)}`);
      return handle;
    });
  }

  private makeHandle(side: number): HTMLElement {
    const handle = h('div', {
      class: 'handle',
      role: 'slider',
      tabindex: 0,
      'aria-label': side === 0 ? 'Start of the charts’ window' : 'End of the charts’ window',
      'aria-valuemin': 0,
    });
    handle.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      handle.setPointerCapture(event.pointerId);
      handle.focus();
      this.dragging = true;
    });
    handle.addEventListener('pointermove', (event) => {
      if (!this.dragging || this.app === undefined) return;
      const box = this.box.getBoundingClientRect();
      this.moveTo(side, ((event.clientX - box.left) / box.width) * this.total(this.app));
    });
    for (const end of ['pointerup', 'pointercancel'] as const)
      handle.addEventListener(end, () => {
        this.dragging = false;
      });
    handle.addEventListener('dblclick', () => {
      this.window.show(null);
    });
    handle.addEventListener('keydown', (event) => {
      if (this.app === undefined) return;
      const shown = this.windowSteps(this.app);
      const step = this.total(this.app) / (event.shiftKey ? 10 : 50);
      const by: Readonly<Record<string, number>> = {
        ArrowLeft: -step,
        ArrowDown: -step,
        ArrowRight: step,
        ArrowUp: step,
        PageDown: -5 * step,
        PageUp: 5 * step,
      };
      const change = by[event.key];
      if (change !== undefined && shown !== null) this.moveTo(side, (shown[side] as number) + change);
      else if (event.key === 'Home' && shown !== null) this.moveTo(side, 0);
      else if (event.key === 'End' && shown !== null) this.moveTo(side, this.total(this.app));
      else if (event.key === 'Escape') this.window.show(null);
      else return;
      event.preventDefault();
    });
    return handle;
  }

  private moveTo(side: number, step: number): void {
    const app = this.app;
    const shown = app === undefined ? null : this.windowSteps(app);
    if (app === undefined || shown === null) return;
    const total = this.total(app);
    const least = total / 200;
    const moved = Math.max(0, Math.min(total, step));
    const [from, until] =
      side === 0 ? [Math.min(moved, shown[1] - least), shown[1]] : [shown[0], Math.max(moved, shown[0] + least)];
    const range: [number, number] = [placeOf(app, from, null) ?? from, placeOf(app, until, null) ?? until];
    this.window.show(range);
    const handles = this.box.querySelectorAll<HTMLElement>('.handle');
    const width = this.box.clientWidth;
    for (const [index, value] of [from, until].entries()) {
      const handle = handles[index];
      if (handle === undefined) continue;
      handle.style.left = `${(value / total) * (width - 2) + 1}px`;
      handle.setAttribute('aria-valuenow', String(Math.round(value)));
      handle.setAttribute('aria-valuetext', `step ${formatCount(value)}`);
    }
  }

  private describe(stages: readonly Stage[], now: number, total: number): string {
    const parts = stages.map(
      (stage) =>
        `${stage.name} from ${formatCount(stage.from)} to ${formatCount(stage.until)}, teacher’s share ${percent(1 - stage.mixingRatio)}`,
    );
    return `${parts.length === 0 ? 'No curriculum recorded' : `Plan: ${parts.join('; ')}`}. Now at step ${formatCount(now)} of ${formatCount(total)}.`;
  }
}

/** The stages within the plan's steps; the last one stays to the end (contract, section 4). */
export function clippedStages(curriculum: readonly Stage[] | null, total: number): Stage[] {
  return (curriculum ?? []).flatMap((stage, index, all) => {
    const until = index === all.length - 1 ? total : Math.min(stage.until, total);
    return stage.from < until ? [{ ...stage, until }] : [];
  });
}

function label(x: number, y: number, kind: string, text: string): SVGElement {
  return s('text', { x, y, class: kind }, text);
}
