/** Below the picture: what its marks mean, drawn by what draws the picture. */
import { BEST, BROKEN, FINAL, PINNED, WRITING } from '../../src/core/lanes/laneRun';
import { h } from '../ui/dom';
import { onThemeChange, readTheme } from '../ui/theme';
import { drawMark } from './scene';

const MARKS: readonly (readonly [marks: number, text: string])[] = [
  [0, 'checkpoint'],
  [BEST, 'best'],
  [FINAL, 'final'],
  [PINNED, 'pinned'],
  [WRITING, 'being written'],
  [BROKEN, 'broken'],
];
const SIZE = 16;

export class Legend {
  readonly element: HTMLElement;
  private readonly canvases = MARKS.map(() => h('canvas', { 'aria-hidden': 'true' }));

  constructor() {
    const entries = MARKS.map(([, text], place) => h('span', { class: 'entry' }, this.canvases[place], text));
    const stages = ['teacher', 'mixed', 'student'].map((stage) =>
      h('span', { class: 'entry' }, h('i', { class: `stage ${stage}` }), stage),
    );
    this.element = h(
      'footer',
      { class: 'dim', 'aria-label': 'Legend' },
      ...stages,
      ...entries,
      h('span', { class: 'grow' }),
      h('span', { class: 'hint' }, 'Ctrl+wheel zooms, drag or Shift+wheel moves, Enter opens the dashboard'),
    );
    this.draw();
    onThemeChange(() => {
      this.draw();
    });
  }

  private draw(): void {
    const theme = readTheme();
    const scale = window.devicePixelRatio;
    for (const [place, [marks]] of MARKS.entries()) {
      const canvas = this.canvases[place];
      const context = canvas?.getContext('2d') ?? null;
      if (canvas === undefined || context === null) continue;
      canvas.width = SIZE * scale;
      canvas.height = SIZE * scale;
      context.scale(scale, scale);
      drawMark(context, theme, { x: SIZE / 2, y: SIZE / 2, size: 3, marks });
    }
  }
}
