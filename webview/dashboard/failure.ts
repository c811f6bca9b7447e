/** A run that ended badly: why, in full, with its line in the log and the way on. The loudest thing on the page. */
import type { RunFacts } from '../../src/protocol/dashboard';
import { button } from '../ui/controls';
import { fill, h, icon } from '../ui/dom';
import type { App, Part } from './app';

export class Failure implements Part {
  readonly element = h('section', { class: 'failure', role: 'alert', 'aria-label': 'How the run ended', hidden: true });
  private app: App | undefined;
  private drawn = '';
  private readonly log = button('Open Log', () => {
    if (this.app !== undefined) this.app.act('log', this.app.known.run.path);
  });

  update(app: App): void {
    this.app = app;
    const { run } = app.known;
    const drawn = JSON.stringify([run.path, run.state, run.ending]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.element.hidden = run.ending === null;
    this.element.classList.toggle('failed', run.ending?.loud ?? false);
    fill(this.element, ...(run.ending === null ? [] : this.content(run.ending)));
  }

  private content({ title, reason, advice, log }: NonNullable<RunFacts['ending']>): HTMLElement[] {
    const where = log === null ? '' : log.line === null ? 'train.log' : `train.log:${log.line}`;
    return [
      h('h2', {}, icon('error'), title),
      ...reason.split('\n').map((line) => h('p', { class: 'reason' }, line)),
      ...(log === null ? [] : [h('p', { class: 'log' }, h('code', {}, `${where}  ${log.text}`), this.log.element)]),
      h('p', { class: 'advice' }, advice),
    ];
  }
}
