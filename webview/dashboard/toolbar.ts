/** How the large chart is drawn: metric, axis, smoothing, and what is on it. */
import { pointsAveraged } from '../../src/core/metrics/smooth';
import type { XAxis } from '../../src/core/metrics/trace';
import type { App, Part } from './app';
import { placeOfSmoothing, smoothingOf } from './state';
import { checkbox, dropdown, iconButton, slider } from '../ui/controls';
import { h, setText } from '../ui/dom';

/** Losses first, then by name. */
function losses(a: string, b: string): number {
  const rank = (name: string): number => ['loss/', 'eval_loss/'].findIndex((prefix) => name.startsWith(prefix)) >>> 0;
  return rank(a) - rank(b) || a.localeCompare(b, 'en', { numeric: true });
}

export type SaveAs = 'png' | 'svg' | 'csv';

export class Toolbar implements Part {
  readonly element: HTMLElement;
  private app: App | undefined;
  private readonly metric = dropdown('Metric', (metric) => this.app?.change({ metric }));
  private readonly axis = dropdown('Horizontal axis', (axis) => this.app?.change({ axis: axis as XAxis, range: null }));
  private readonly smooth = slider('Smoothing', 100, (smooth) => this.app?.change({ smooth }));
  private readonly logY = checkbox('Log y', (logY) => this.app?.change({ logY }), true, 'Log');
  private readonly spread = checkbox('Min–max band', (spread) => this.app?.change({ spread }), true, 'Band');
  private readonly clip = checkbox('Clip outliers', (clip) => this.app?.change({ clip }), true, 'Clip');
  private readonly smoothValue = h('span', { class: 'smooth-value' });

  constructor(save: (format: SaveAs) => void, showAll: () => void) {
    const menu = h('div', { class: 'menu', role: 'menu', hidden: true });
    const toggle = iconButton('export', 'Export the chart', () => {
      menu.hidden = !menu.hidden;
      if (!menu.hidden) menu.querySelector('button')?.focus();
    });
    toggle.setAttribute('aria-haspopup', 'menu');
    const entries: [SaveAs, string][] = [
      ['png', 'Picture (PNG)'],
      ['svg', 'Drawing (SVG)'],
      ['csv', 'All points (CSV)'],
    ];
    for (const [format, text] of entries) {
      const entry = h('button', { type: 'button', role: 'menuitem' }, text);
      entry.addEventListener('click', () => {
        menu.hidden = true;
        save(format);
      });
      menu.append(entry);
    }
    menu.addEventListener('keydown', (event) => {
      const all = [...menu.querySelectorAll('button')];
      const at = all.findIndex((entry) => entry === document.activeElement);
      if (event.key === 'ArrowDown') all[(at + 1) % all.length]?.focus();
      else if (event.key === 'ArrowUp') all[(at + all.length - 1) % all.length]?.focus();
      else if (event.key === 'Escape') {
        menu.hidden = true;
        toggle.focus();
      } else return;
      event.preventDefault();
    });
    document.addEventListener('mousedown', (event) => {
      if (event.target instanceof Node && !menu.contains(event.target) && !toggle.contains(event.target))
        menu.hidden = true;
    });
    this.element = h(
      'div',
      { class: 'toolbar', role: 'toolbar', 'aria-label': 'Chart' },
      this.metric.element,
      h('span', { class: 'dim by' }, 'x'),
      this.axis.element,
      h('label', { class: 'smooth' }, h('span', { class: 'dim' }, 'Smooth'), this.smooth.element, this.smoothValue),
      this.logY.element,
      this.spread.element,
      this.clip.element,
      h('span', { class: 'export' }, toggle, menu, iconButton('zoom-out', 'Show everything (0)', showAll)),
    );
  }

  update(app: App): void {
    this.app = app;
    const { look, known } = app;
    const metrics = known.metrics.includes(look.metric) ? known.metrics : [look.metric, ...known.metrics];
    this.metric.set(
      [...metrics].sort(losses).map((metric) => ({ value: metric, label: metric })),
      look.metric,
    );
    const axes: [XAxis, string][] = [
      ['step', 'Step'],
      ['relative', 'Relative step'],
      ['time', 'Wall time'],
    ];
    this.axis.set(
      axes.filter(([axis]) => axis !== 'time' || known.hasTimes).map(([value, label]) => ({ value, label })),
      look.axis,
    );
    const smoothing = look.smooth === null ? known.figures.smoothing : smoothingOf(look.smooth);
    const place = look.smooth ?? placeOfSmoothing(smoothing);
    // An evaluation, a schedule or a sparse metric is drawn as it was logged, wherever the slider stands.
    const drawn = app.curves.of(known.run.path, look.metric);
    const fixed = smoothing > 0 && drawn !== undefined && drawn.x.length > 0 && drawn.smoothing === 0;
    const averaged = pointsAveraged(smoothing);
    this.smooth.set(
      place,
      fixed ? 'drawn as logged' : smoothing === 0 ? 'no smoothing' : `average over ${averaged} points`,
      !fixed,
    );
    setText(this.smoothValue, fixed ? 'raw' : smoothing === 0 ? 'off' : String(averaged));
    this.logY.set(look.logY);
    this.spread.set(look.spread);
    this.clip.set(look.clip);
  }
}
