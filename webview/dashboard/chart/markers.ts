/** Checkpoints on the curve: diamonds that can be pointed at and tabbed to, and what they open. */
import type uPlot from 'uplot';
import { formatBytes, formatCount, formatValue } from '../../../src/core/format';
import { FINAL } from '../../../src/core/checkpoint/fileNames';
import type { ShownCheckpoint } from '../../../src/protocol/dashboard';
import { domainOf, placeOf, type App } from '../app';
import { lineNear, type Columns } from '../curves';
import { numberOf, percent } from '../../ui/figures';
import { button } from '../../ui/controls';
import { fill, h, s } from '../../ui/dom';

export class Markers {
  readonly popover = h('div', { class: 'popover', role: 'dialog', tabindex: -1, hidden: true });
  private readonly layer = h('div', { class: 'markers' });
  private readonly byPath = new Map<string, HTMLButtonElement>();
  private open: string | undefined;
  private app: App | undefined;

  constructor() {
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.open !== undefined) {
        event.stopPropagation();
        this.close(true);
      }
    });
    document.addEventListener('mousedown', (event) => {
      if (event.target instanceof Node && !this.popover.contains(event.target) && !this.layer.contains(event.target))
        this.close(false);
    });
  }

  /** Puts the markers over a new plot. */
  attach(plot: uPlot): void {
    plot.over.append(this.layer);
  }

  /** Puts every checkpoint in the window on the curve. */
  update(app: App, plot: uPlot | undefined, curve: Columns | undefined): void {
    this.app = app;
    if (plot === undefined) return;
    const [from, until] = domainOf(app);
    const seen = new Set<string>();
    const shown = visibleCheckpoints(app);
    for (const checkpoint of shown) {
      const place = placeOf(app, checkpoint.step, checkpoint.time);
      if (place === null || place < from || place > until || curve === undefined) continue;
      const height = lineNear(curve, place);
      if (Number.isNaN(height)) continue;
      seen.add(checkpoint.path);
      const marker = this.byPath.get(checkpoint.path) ?? this.make(checkpoint.path);
      marker.className = `marker${checkpoint.best ? ' best' : ''} ${checkpoint.state}`;
      marker.setAttribute(
        'aria-label',
        `Checkpoint ${formatCount(checkpoint.step)}${checkpoint.best ? ', best by evaluation' : ''}${checkpoint.state === 'complete' ? '' : `, ${checkpoint.state}`}`,
      );
      marker.style.left = `${plot.valToPos(place, 'x')}px`;
      marker.style.top = `${Math.max(0, Math.min(plot.over.clientHeight, plot.valToPos(height, 'y')))}px`;
    }
    for (const [path, marker] of this.byPath) {
      if (seen.has(path)) continue;
      marker.remove();
      this.byPath.delete(path);
    }
    if (this.open !== undefined) {
      if (seen.has(this.open)) this.place(this.open);
      else this.close(false);
    }
  }

  private make(path: string): HTMLButtonElement {
    const marker = h(
      'button',
      { type: 'button' },
      s(
        'svg',
        { width: 13, height: 13, viewBox: '0 0 13 13', 'aria-hidden': 'true' },
        s('path', { d: 'M6.5 1 12 6.5 6.5 12 1 6.5Z' }),
      ),
    );
    marker.addEventListener('mousedown', (event) => {
      event.stopPropagation();
    });
    marker.addEventListener('dblclick', (event) => {
      event.stopPropagation();
    });
    marker.addEventListener('click', (event) => {
      event.stopPropagation();
      if (this.open === path) this.close(false);
      else this.show(path);
    });
    this.byPath.set(path, marker);
    this.layer.append(marker);
    return marker;
  }

  /** Opens a checkpoint's popover. */
  show(path: string): void {
    const app = this.app;
    const checkpoint = app?.known.run.checkpoints.find((each) => each.path === path);
    if (app === undefined || checkpoint === undefined) return;
    this.open = path;
    this.popover.hidden = false;
    this.popover.setAttribute('aria-label', `Checkpoint ${formatCount(checkpoint.step)}`);
    const usable = checkpoint.state === 'complete';
    const resume = button(
      'Resume',
      () => {
        this.act('resume');
      },
      { primary: true },
    );
    const branch = button('Branch…', () => {
      this.act('branch');
    });
    const validate = button('Validate', () => {
      this.act('validate');
    });
    const idle = app.known.run.state !== 'training';
    resume.set({ enabled: usable && idle && app.known.canTrain });
    if (!idle) resume.element.title = 'The run is training; stop it first, or branch.';
    branch.set({ enabled: usable && app.known.canTrain });
    fill(
      this.popover,
      h('div', { class: 'title' }, `Checkpoint ${formatCount(checkpoint.step)}`, flag(checkpoint)),
      h('div', { class: 'facts' }, factsText(app, checkpoint)),
      h('div', { class: 'actions' }, resume.element, branch.element, validate.element),
    );
    this.place(path);
    (usable && idle && app.known.canTrain ? resume : validate).element.focus();
  }

  private act(command: 'resume' | 'branch' | 'validate'): void {
    if (this.app !== undefined && this.open !== undefined) this.app.act(command, this.open);
    this.close(true);
  }

  /** Above its marker, within the chart. */
  private place(path: string): void {
    const marker = this.byPath.get(path);
    const chart = this.popover.parentElement;
    if (marker === undefined || chart === null) return;
    const at = marker.getBoundingClientRect();
    const box = chart.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.popover;
    const centre = at.left + at.width / 2 - box.left;
    const left = Math.max(4, Math.min(box.width - width - 4, centre - width / 2));
    const above = at.top - box.top - height - 12;
    const below = above < 0;
    this.popover.classList.toggle('below', below);
    this.popover.style.left = `${left}px`;
    this.popover.style.top = `${below ? at.bottom - box.top + 12 : above}px`;
    this.popover.style.setProperty('--arrow', `${Math.max(12, Math.min(width - 12, centre - left))}px`);
  }

  private close(giveBackFocus: boolean): void {
    if (this.open === undefined) return;
    const marker = this.byPath.get(this.open);
    this.open = undefined;
    this.popover.hidden = true;
    if (giveBackFocus) marker?.focus();
  }
}

/** `final` is the same place as the last checkpoint: shown only where that checkpoint is gone. */
export function visibleCheckpoints(app: App): ShownCheckpoint[] {
  const { checkpoints } = app.known.run;
  const numbered = new Set(checkpoints.filter((each) => each.name !== FINAL).map((each) => each.step));
  return checkpoints.filter((each) => each.name !== FINAL || !numbered.has(each.step));
}

function flag(checkpoint: ShownCheckpoint): HTMLElement | null {
  if (checkpoint.best) return h('span', { class: 'flag best' }, '◆ best by evaluation');
  if (checkpoint.state !== 'complete') return h('span', { class: `flag ${checkpoint.state}` }, checkpoint.state);
  return null;
}

function factsText(app: App, checkpoint: ShownCheckpoint): string {
  const stage =
    app.known.run.curriculum?.find((each) => checkpoint.step < each.until) ?? app.known.run.curriculum?.at(-1);
  const evalLoss = numberOf(checkpoint.evalLoss);
  const loss = numberOf(checkpoint.loss);
  return [
    evalLoss === null ? null : `eval ${formatValue(evalLoss)}`,
    evalLoss === null && loss !== null ? `loss ${formatValue(loss)}` : null,
    checkpoint.stage ?? stage?.name ?? null,
    stage === undefined ? null : `teacher ${percent(1 - stage.mixingRatio)}`,
    formatBytes(checkpoint.bytes),
  ]
    .filter((part) => part !== null)
    .join(' · ');
}
