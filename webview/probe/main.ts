/** The probe's page: what a run's NP components gave at every checkpoint, on the same input. */
import 'uplot/dist/uPlot.min.css';
import '../ui/page.css';
import '../charts/charts.css';
import './style.css';
import { formatAge, formatCount } from '../../src/core/format';
import type { ProbeHostMessage, ProbeMessage } from '../../src/protocol/probe';
import { onThemeChange, readTheme } from '../ui/theme';
import { button, startControls, type ButtonControl } from '../ui/controls';
import { fill, h, icon, setText } from '../ui/dom';
import { pageRoot } from '../page';
import { MeasureChart, type Measure } from './chart';
import { keep, kept, onHostMessage, send } from './host';
import { probeTable } from './table';

const MEASURES: readonly Measure[] = [
  {
    title: 'similarity of v_a and attention',
    about:
      'Mean over tokens of cos(v_a, attention output), first rank of the gate: what the trainer logs as probe/v_a_attention_similarity',
    of: ({ similarity }) => similarity,
    main: true,
  },
  {
    title: 'drift from the checkpoint before',
    about: 'Relative change of the outputs v_a and v_b on the same input: 0 is unchanged, 1 is as large as they were',
    of: ({ drift }) => drift,
    main: true,
  },
  {
    title: 'effective rank',
    about:
      'Directions that the gate’s modulation really uses: exp of the entropy of its normalised singular values (Roy and Vetterli 2007)',
    of: ({ effectiveRank }) => effectiveRank,
    main: false,
  },
  {
    title: 'length of v_a',
    about: 'Mean length over tokens, first rank of the gate',
    of: ({ vANorm }) => vANorm,
    main: false,
  },
  {
    title: 'length of v_b',
    about: 'Mean length over tokens, first rank of the gate',
    of: ({ vBNorm }) => vBNorm,
    main: false,
  },
];

function againButton(): ButtonControl {
  return button('Probe Again', () => {
    send({ type: 'again' });
  });
}

class ProbePage {
  private found: ProbeMessage | undefined = kept();
  private newer = 0;
  private readonly name = h('h1');
  private readonly about = h('span', { class: 'dim about' });
  private readonly agreement = h('p', { class: 'dim' });
  private readonly place = h('p', { class: 'place', 'aria-live': 'off' });
  private readonly news = h('p', { class: 'news', role: 'status', hidden: true });
  private readonly problems = h('ul', { class: 'problems', 'aria-label': 'Checkpoints with problems' });
  private readonly table = h('div');
  private readonly again = againButton();
  private readonly charts = MEASURES.map(
    (measure) =>
      new MeasureChart(measure, (index) => {
        this.tell(index);
      }),
  );
  private readonly page = h(
    'div',
    { class: 'page probe' },
    h(
      'header',
      {},
      h('div', { class: 'headline' }, this.name, this.about, h('div', { class: 'actions' }, this.again.element)),
      this.agreement,
      this.news,
    ),
    h(
      'div',
      { class: 'charts' },
      this.problems,
      h(
        'div',
        { class: 'at' },
        this.place,
        h(
          'span',
          { class: 'dim hint' },
          'point at a chart, or focus it and use the arrow keys, for another checkpoint',
        ),
      ),
      h(
        'section',
        { class: 'small-charts', 'aria-label': 'Measures over checkpoints' },
        h('div', { class: 'cards' }, ...this.charts.map(({ element }) => element)),
      ),
      this.table,
    ),
  );

  constructor(private readonly root: HTMLElement) {}

  start(): void {
    onHostMessage((message) => {
      this.take(message);
    });
    onThemeChange(() => {
      this.draw();
    });
    this.draw();
    send({ type: 'ready' });
  }

  private take(message: ProbeHostMessage): void {
    if (message.type === 'probe') {
      this.found = message;
      keep(message);
      this.draw();
      return;
    }
    this.newer = message.newer;
    const { run, name } = message;
    if (this.found !== undefined && (this.found.run !== run || this.found.name !== name)) {
      this.found = { ...this.found, run, name };
      keep(this.found);
      this.draw();
    }
    this.tellNews();
  }

  private draw(): void {
    const { found } = this;
    if (found === undefined || found.checkpoints.every(({ layers }) => layers.length === 0)) {
      fill(this.root, this.empty(found));
      return;
    }
    if (this.page.parentElement !== this.root) fill(this.root, this.page);
    setText(this.name, `Probe of ${found.name}`);
    setText(this.about, aboutText(found));
    setText(this.agreement, agreementText(found));
    fill(this.problems, ...problemsOf(found).map((text) => h('li', { class: 'bad' }, icon('warning'), ' ', text)));
    this.problems.hidden = this.problems.childElementCount === 0;
    const theme = readTheme();
    for (const chart of this.charts) chart.update(found, theme);
    fill(this.table, probeTable(found, MEASURES));
    this.tell(null);
    this.tellNews();
  }

  private empty(found: ProbeMessage | undefined): HTMLElement {
    const problems = found === undefined ? [] : problemsOf(found);
    return h(
      'div',
      { class: 'notice' },
      icon('pulse'),
      h('h1', {}, found === undefined ? 'Nothing was probed yet' : `No checkpoint of ${found.name} could be probed`),
      ...problems.slice(0, 10).map((text) => h('p', { class: 'dim' }, text)),
      againButton().element,
    );
  }

  private tell(index: number | null): void {
    for (const chart of this.charts) chart.tell(index);
    const checkpoint = this.found?.checkpoints.at(index ?? -1);
    if (checkpoint === undefined) return;
    const { name, step, stage } = checkpoint;
    setText(this.place, [name, `step ${formatCount(step)}`, stage].filter((part) => part !== null).join(' · '));
  }

  private tellNews(): void {
    this.news.hidden = this.newer === 0;
    const text =
      this.newer === 1
        ? 'One checkpoint is newer than this probe.'
        : `${this.newer} checkpoints are newer than this probe.`;
    setText(this.news, this.newer === 0 ? '' : text);
    this.again.set({ primary: this.newer > 0 });
  }
}

function aboutText(found: ProbeMessage): string {
  const inputs = {
    'probe.pt': `the run’s probe.pt (${formatCount(found.tokens)} tokens)`,
    fixed: `fixed input (${formatCount(found.tokens)} tokens): the run has no probe.pt`,
    both: 'probe.pt, and fixed input for layers that it lacks',
  };
  const count = found.checkpoints.length;
  return [
    count === 1 ? '1 checkpoint' : `${formatCount(count)} checkpoints`,
    found.input === null ? null : `on ${inputs[found.input]}`,
    formatAge(found.time, Date.now() / 1000),
  ]
    .filter((part) => part !== null)
    .join(' · ');
}

/** fp32 on another device and in another order of sums stays far below it. */
const TOLERANCE = 1e-5;

function agreementText(found: ProbeMessage): string {
  const { largestDifference: difference } = found;
  if (difference === null) return 'The trainer logged no similarity at these checkpoints to compare with.';
  const digits = difference === 0 ? '0' : difference.toExponential(0);
  return difference <= TOLERANCE
    ? `Similarities equal those that the trainer logged (largest difference ${digits}).`
    : `Similarities differ from those that the trainer logged by up to ${digits}: the weights or probe.pt are not those that it measured, or it ran in lower precision.`;
}

function problemsOf(found: ProbeMessage): string[] {
  return found.checkpoints.flatMap((checkpoint) => [
    ...(checkpoint.problem === null ? [] : [`${checkpoint.name} was not run: ${checkpoint.problem}.`]),
    ...checkpoint.layers
      .filter(({ nonFinite }) => nonFinite > 0)
      .map(
        ({ layer, nonFinite }) =>
          `${checkpoint.name}: layer ${layer} gives ${formatCount(nonFinite)} outputs that are not finite.`,
      ),
  ]);
}

startControls();
new ProbePage(pageRoot()).start();
