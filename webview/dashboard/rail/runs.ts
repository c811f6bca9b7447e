/** The runs to draw over the focused one. */
import type { RunSummary } from '../../../src/protocol/dashboard';
import { strokeOf, type App, type Part } from '../app';
import { averageWords } from '../figureWords';
import { figureOf, figureText, numberOf, shortStep } from '../../ui/figures';
import { shortNames } from '../../../src/core/shortNames';
import { LOSS } from '../../../src/core/metrics/catalogue';
import { button, checkbox, type CheckboxControl } from '../../ui/controls';
import { asText, fill, h, s, setText, setTitle } from '../../ui/dom';

/** Shown without being asked: the family and what is overlaid come first. */
const MOST = 8;
/** What a row has beside the name: box, swatch and value; and the width of a letter, rather wide. CSS pixels. */
const BESIDE = 150;
const LETTER = 7.5;
const FEWEST_LETTERS = 16;

interface Row {
  readonly element: HTMLElement;
  readonly box: CheckboxControl;
  readonly swatch: SVGElement;
  readonly name: HTMLElement;
  readonly about: HTMLElement;
  readonly value: HTMLElement;
}

/** Focused, its family, the overlaid, then the others as they come (newest first). */
export function orderedRuns(app: App): RunSummary[] {
  const { run, runs } = app.known;
  const rank = (each: RunSummary): number => {
    if (each.path === run.path) return 0;
    if (
      each.parentPath === run.path ||
      each.path === run.parentPath ||
      (each.parentPath !== null && each.parentPath === run.parentPath)
    )
      return 1;
    return app.look.overlay.includes(each.path) ? 2 : 3;
  };
  return [...runs].sort((a, b) => rank(a) - rank(b));
}

export class Runs implements Part {
  readonly element: HTMLElement;
  private readonly count = h('span', { class: 'badge' });
  private readonly metric = h('span', { class: 'dim metric' });
  private readonly list = h('div', { class: 'list' });
  private readonly rows = new Map<string, Row>();
  private readonly more;
  private all = false;
  /** Letters of a name; measured when the list's width changes, since an update comes several times a second. */
  private room = FEWEST_LETTERS;
  private app: App | undefined;

  constructor() {
    this.more = button('Show all', () => {
      this.all = true;
      if (this.app !== undefined) this.update(this.app);
    });
    this.element = h(
      'section',
      { class: 'runs', 'aria-label': 'Runs' },
      h('h2', {}, 'Runs', this.count, h('span', { class: 'grow' }), this.metric),
      this.list,
      this.more.element,
    );
    new ResizeObserver(() => {
      this.room = Math.max(FEWEST_LETTERS, Math.floor((this.list.clientWidth - BESIDE) / LETTER));
      if (this.app !== undefined) this.update(this.app);
    }).observe(this.list);
  }

  update(app: App): void {
    this.app = app;
    const ordered = orderedRuns(app);
    setText(this.count, String(ordered.length));
    setText(this.metric, `${app.look.metric} · last logged`);
    const shown = this.all ? ordered : ordered.slice(0, Math.max(MOST, app.look.overlay.length + 1));
    this.more.set({ shown: shown.length < ordered.length, label: `Show all ${ordered.length}` });
    const names = shortNames(
      shown.map((run) => run.name),
      this.room,
    );
    const elements = shown.map((run, at) => this.row(app, run, names[at] ?? run.name).element);
    if (
      elements.some((element, index) => this.list.children[index] !== element) ||
      this.list.childElementCount !== elements.length
    ) {
      fill(this.list, ...elements);
    }
    for (const path of [...this.rows.keys()]) if (!shown.some((run) => run.path === path)) this.rows.delete(path);
  }

  private row(app: App, run: RunSummary, name: string): Row {
    const row = this.rows.get(run.path) ?? this.make(run.path);
    const focused = run.path === app.known.run.path;
    const on = focused || app.look.overlay.includes(run.path);
    row.element.classList.toggle('focused', focused);
    row.box.element.setAttribute('aria-label', asText(`Show ${run.name}`));
    row.box.element.toggleAttribute('disabled', focused);
    row.box.set(on);
    const { color, dash } = strokeOf(app, run.path);
    row.swatch.replaceChildren(
      s('line', {
        x1: 0,
        x2: 26,
        y1: 4,
        y2: 4,
        stroke: on ? color : 'none',
        'stroke-width': focused ? 2.5 : 2,
        'stroke-dasharray': dash.join(' '),
      }),
    );
    setText(row.name, name);
    row.name.setAttribute('aria-label', asText(run.name));
    setTitle(row.name, focused ? run.path : `Open the dashboard of ${run.name}`);
    setText(row.about, aboutText(run));
    setTitle(
      row.about,
      `${run.state} at step ${run.step.toLocaleString('en-US')}${run.stage === null ? '' : `, ${run.stage}`}`,
    );
    // The same figure of every run, drawn or not: what was last logged, never the average of some.
    const curve = on ? app.curves.of(run.path, app.look.metric) : undefined;
    const value = curve?.newest ?? (app.look.metric === LOSS ? numberOf(run.loss) : null);
    setText(row.value, figureText(figureOf(value)));
    const drawn = curve?.last ?? null;
    setTitle(
      row.value,
      value === null
        ? `${app.look.metric} is known of the runs that are shown`
        : curve === undefined || drawn === null
          ? 'As it was last logged'
          : `As it was last logged; drawn: ${figureText(figureOf(drawn))}, ${averageWords(curve.smoothing)}`,
    );
    row.value.classList.toggle('bad', value !== null && !Number.isFinite(value));
    return row;
  }

  private make(path: string): Row {
    const box = checkbox(
      'Show',
      (checked) => {
        const app = this.app;
        if (app === undefined || path === app.known.run.path) return;
        const others = app.look.overlay.filter((each) => each !== path);
        app.change({ overlay: checked ? [...others, path] : others });
      },
      false,
    );
    const swatch = s('svg', { width: 26, height: 8, 'aria-hidden': 'true' });
    const name = h('button', { type: 'button', class: 'name' });
    name.addEventListener('click', () => {
      if (this.app !== undefined && path !== this.app.known.run.path) this.app.focus(path);
    });
    const about = h('div', { class: 'sub' });
    const value = h('span', { class: 'value' });
    const element = h('div', { class: 'run' }, box.element, swatch, h('div', { class: 'text' }, name, about), value);
    const row: Row = { element, box, swatch, name, about, value };
    this.rows.set(path, row);
    return row;
  }
}

function aboutText(run: RunSummary): string {
  const from = run.parentName === null ? null : `branched @${shortStep(run.origin)}`;
  const where = from === null ? `step ${shortStep(run.step)}` : null;
  return [from, run.state, run.state === 'training' ? run.stage : where].filter((part) => part !== null).join(' · ');
}
