/** One measure over the run's checkpoints, a line a layer; same look as the dashboard's small charts. */
import uPlot from 'uplot';
import { formatCount, formatValue } from '../../src/core/format';
import type { ProbedLayerFacts, ProbeMessage } from '../../src/protocol/probe';
import { airy, xAxisOptions, yAxisOptions } from '../charts/axes';
import { lineStages, tintStages } from '../charts/stages';
import { followSize } from '../charts/size';
import type { Theme } from '../ui/theme';
import { h, s, setText } from '../ui/dom';

/** A measure of a layer at a checkpoint. */
export interface Measure {
  readonly title: string;
  /** What it is, in a sentence. */
  readonly about: string;
  readonly of: (layer: ProbedLayerFacts) => number | null;
  /** Stands in a tall chart of the first row, which has room for the stages' names. */
  readonly main: boolean;
}

const SYNC_KEY = 'npt-probe';

/** Heights of the stages' names and of the step axis with the padding above. */
const NAMES_PX = 24;
const AXIS_PX = 36;

/** Layers that occur anywhere, ascending: each has its colour and dashes on every chart. */
function layersOf(found: ProbeMessage): number[] {
  const layers = new Set(found.checkpoints.flatMap((checkpoint) => checkpoint.layers.map(({ layer }) => layer)));
  return [...layers].sort((a, b) => a - b);
}

export class MeasureChart {
  readonly element: HTMLElement;
  private readonly layers = h('span', { class: 'layers' });
  private readonly plotBox = h('div', { class: 'plot', tabindex: 0, role: 'img' });
  private readonly observer: ResizeObserver;
  private plot: uPlot | undefined;
  private steps: number[] = [];
  private columns: (number | null)[][] = [];
  private values: HTMLElement[] = [];

  /** `onPlace` gets the index of the checkpoint under the cursor, null when there is none. */
  constructor(
    private readonly measure: Measure,
    private readonly onPlace: (index: number | null) => void,
  ) {
    this.element = h(
      'div',
      { class: 'card' },
      h('div', { class: 'head' }, h('span', { class: 'name', title: measure.about }, measure.title), this.layers),
      this.plotBox,
    );
    this.observer = followSize(this.plotBox, () => this.plot);
    this.plotBox.addEventListener('keydown', (event) => {
      if (this.step(event.key)) event.preventDefault();
    });
    this.plotBox.addEventListener('blur', () => {
      this.plot?.setCursor({ left: -10, top: -10 });
    });
  }

  dispose(): void {
    this.observer.disconnect();
    this.plot?.destroy();
  }

  update(found: ProbeMessage, theme: Theme): void {
    const layers = layersOf(found);
    this.steps = found.checkpoints.map(({ step }) => step);
    this.columns = layers.map((layer) =>
      found.checkpoints.map((checkpoint) => {
        const facts = checkpoint.layers.find((each) => each.layer === layer);
        return facts === undefined ? null : this.measure.of(facts);
      }),
    );
    this.values = layers.map(() => h('b'));
    this.layers.replaceChildren(
      ...layers.map((layer, index) => {
        return h('span', { title: `layer ${layer}` }, swatch(theme, index), `L${layer} `, this.values[index]);
      }),
    );
    this.rebuild(found, theme, layers);
    this.tell(null);
  }

  /** Writes the layers' values at a checkpoint; null: at the last one. */
  tell(index: number | null): void {
    this.columns.forEach((column, layer) => {
      const value = column[index ?? column.length - 1] ?? null;
      const element = this.values[layer];
      if (element !== undefined) setText(element, value === null ? '–' : formatValue(Number(value.toPrecision(3))));
    });
    const at = this.steps[index ?? this.steps.length - 1];
    const text = [...this.layers.children].map((entry) => entry.textContent.replace('L', 'layer ')).join(', ');
    this.plotBox.setAttribute(
      'aria-label',
      `${this.measure.title}${at === undefined ? '' : ` at step ${formatCount(at)}`}: ${text}`,
    );
  }

  /** Arrow keys, Home and End move the cursor from checkpoint to checkpoint. */
  private step(key: string): boolean {
    const { plot } = this;
    const last = this.steps.length - 1;
    if (plot === undefined || last < 0) return false;
    const at = plot.cursor.idx ?? null;
    const next: Readonly<Record<string, number>> = {
      ArrowLeft: Math.max(0, (at ?? last + 1) - 1),
      ArrowRight: Math.min(last, (at ?? -1) + 1),
      Home: 0,
      End: last,
    };
    const index = next[key];
    if (index === undefined) return false;
    plot.setCursor({ left: plot.valToPos(this.steps[index] as number, 'x'), top: 0 });
    return true;
  }

  private rebuild(found: ProbeMessage, theme: Theme, layers: readonly number[]): void {
    this.plot?.destroy();
    const first = this.steps[0] ?? 0;
    const last = this.steps.at(-1) ?? 1;
    const air = last > first ? (last - first) * 0.02 : Math.max(1, last * 0.1);
    const stretches = found.stages.map((stage, index) => ({
      name: stage.name,
      from: index === 0 ? Number.NEGATIVE_INFINITY : stage.from,
      until: index === found.stages.length - 1 ? Number.POSITIVE_INFINITY : stage.until,
    }));
    this.plot = new uPlot(
      {
        width: Math.max(80, this.plotBox.clientWidth),
        height: Math.max(50, this.plotBox.clientHeight),
        padding: [6, 10, 0, 0],
        legend: { show: false },
        series: [
          {},
          ...layers.map((_layer, index): uPlot.Series => {
            const { color, dash } = styleOf(theme, index);
            // Checkpoints are few: each is a point, and a line that one of them lacks is cut there.
            return {
              stroke: color,
              width: 1.25,
              dash: [...dash],
              points: { show: this.steps.length <= 60, size: 5, fill: color },
            };
          }),
        ],
        scales: {
          x: { time: false, range: () => [first - air, last + air] },
          y: { range: () => this.limits(stretches.length > 0) },
        },
        axes: [xAxisOptions('step', theme, 60), yAxisOptions(theme, () => false, 48, 24)],
        cursor: { y: false, drag: { x: false, y: false }, sync: { key: SYNC_KEY }, points: { size: 7 } },
        hooks: {
          setCursor: [
            (u) => {
              this.onPlace((u.cursor.left ?? -1) < 0 ? null : (u.cursor.idx ?? null));
            },
          ],
          drawClear: [
            (u) => {
              tintStages(u, stretches, theme);
              lineStages(u, stretches, theme, this.measure.main);
            },
          ],
        },
      },
      [this.steps, ...this.columns],
      this.plotBox,
    );
  }

  /** @param staged the stages' names stand at the top of a main chart: curves end below them */
  private limits(staged: boolean): [number, number] {
    const values = this.columns.flat().filter((value) => value !== null);
    const [low, high] = airy(Math.min(...values), Math.max(...values), false);
    if (!staged || !this.measure.main) return [low, high];
    const share = NAMES_PX / Math.max(3 * NAMES_PX, this.plotBox.clientHeight - AXIS_PX);
    return [low, high + ((high - low) * share) / (1 - share)];
  }
}

/** A stretch of the layer's line: text in its colour would be too pale on a light theme, and white under forced colours. */
function swatch(theme: Theme, index: number): SVGElement {
  const { color, dash } = styleOf(theme, index);
  return s(
    'svg',
    { class: 'swatch', width: 18, height: 8, 'aria-hidden': true },
    s('line', { x1: 0, x2: 18, y1: 4, y2: 4, stroke: color, 'stroke-width': 2, 'stroke-dasharray': dash.join(' ') }),
  );
}

/** Colour and dashes of a layer's line. Dashes too: lines are told apart without colour, and more layers than colours. */
function styleOf(theme: Theme, index: number): { readonly color: string; readonly dash: readonly number[] } {
  const { runs } = theme;
  const round = Math.floor(index / runs.length);
  return {
    color: runs[index % runs.length]?.color ?? theme.foreground,
    dash: runs[(index + round) % runs.length]?.dash ?? [],
  };
}
