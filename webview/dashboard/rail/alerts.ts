/** What deserves a look; each jumps to its place. */
import type { AlertKind } from '../../../src/core/metrics/alerts/alert';
import { formatCount } from '../../../src/core/format';
import type { AlertFacts } from '../../../src/protocol/dashboard';
import type { App, Part } from '../app';
import { button } from '../../ui/controls';
import { fill, h, icon, s, setText } from '../../ui/dom';

const MOST = 6;

const ICONS: Readonly<Record<Exclude<AlertKind, 'spike'>, string>> = {
  nan: 'close',
  plateau: 'dash',
  divergence: 'arrow-up',
  stage: 'milestone',
  stalled: 'watch',
  slow: 'dashboard',
  gpuMemory: 'circuit-board',
  disk: 'database',
};

function sign(alert: AlertFacts): Element {
  if (alert.kind !== 'spike') return icon(ICONS[alert.kind]);
  return s(
    'svg',
    { width: 14, height: 14, viewBox: '0 0 14 14', 'aria-hidden': 'true' },
    s('path', {
      d: 'M1 12.5C5 12 6 8 7 1.5 8 8 9 12 13 12.5',
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': 1.6,
    }),
  );
}

export class Alerts implements Part {
  readonly element: HTMLElement;
  private readonly count = h('span', { class: 'badge' });
  private readonly list = h('div', { class: 'list', role: 'log' });
  private readonly more;
  private all = false;
  private drawn = '';
  private app: App | undefined;

  constructor(private readonly jump: (alert: AlertFacts) => void) {
    this.more = button('Show all', () => {
      this.all = true;
      if (this.app !== undefined) this.update(this.app);
    });
    this.element = h(
      'section',
      { class: 'alerts', 'aria-label': 'Alerts' },
      h('h2', {}, 'Alerts', this.count),
      this.list,
      this.more.element,
    );
  }

  update(app: App): void {
    this.app = app;
    const { alerts } = app.known;
    const shown = this.all ? alerts : alerts.slice(0, MOST);
    this.more.set({ shown: shown.length < alerts.length, label: `Show all ${alerts.length}` });
    const { canTrain } = app.known;
    const drawn = JSON.stringify([shown, canTrain]);
    setText(this.count, String(alerts.length));
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    if (shown.length === 0) {
      fill(this.list, h('p', { class: 'dim' }, 'Nothing to report.'));
      return;
    }
    fill(this.list, ...shown.flatMap((alert) => [this.row(alert), ...(canTrain ? this.proposal(alert) : [])]));
  }

  /** The way on, where there is one. */
  private proposal({ branchFrom }: AlertFacts): HTMLElement[] {
    if (branchFrom === null) return [];
    const label = `Branch from ${branchFrom.name} with a lower learning rate…`;
    const propose = h('button', { type: 'button', class: 'proposal' }, label);
    propose.addEventListener('click', () => {
      this.app?.act('branchWithLowerRate', branchFrom.path);
    });
    return [propose];
  }

  private row(alert: AlertFacts): HTMLElement {
    const row = h(
      'button',
      { type: 'button', class: `alert ${alert.kind}` },
      h('span', { class: 'sign' }, sign(alert)),
      h(
        'span',
        { class: 'text' },
        h('span', { class: 'name', title: alert.title }, alert.title),
        h('span', { class: 'sub' }, alert.detail),
      ),
      h('span', { class: 'step' }, formatCount(alert.step)),
    );
    row.addEventListener('click', () => {
      this.jump(alert);
    });
    return row;
  }
}
