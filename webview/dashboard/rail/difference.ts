/** What the configuration of another run has differently. */
import type { App, Part } from '../app';
import { dropdown } from '../../ui/controls';
import { fill, h, setText } from '../../ui/dom';
import { orderedRuns } from './runs';

const MOST = 24;

export class Difference implements Part {
  readonly element: HTMLElement;
  private readonly picker;
  private readonly body = h('div', { class: 'difference' });
  private readonly direction = h('span', { class: 'dim' });
  private asked = '';
  private app: App | undefined;

  constructor(private readonly ask: (other: string) => void) {
    this.picker = dropdown('Compare the configuration with', (value) => this.app?.change({ compare: value }));
    this.element = h(
      'section',
      { 'aria-label': 'Configuration difference' },
      h('h2', {}, 'Config diff', this.direction),
      this.picker.element,
      this.body,
    );
  }

  update(app: App): void {
    this.app = app;
    const { run, difference } = app.known;
    const others = orderedRuns(app).filter((each) => each.path !== run.path);
    this.element.hidden = others.length === 0;
    const first = others[0];
    if (first === undefined) return;
    const chosen =
      [app.look.compare, run.parentPath, app.look.overlay[0]].find((path) =>
        others.some((each) => each.path === path),
      ) ?? first.path;
    this.picker.element.hidden = others.length < 2;
    this.picker.set(
      others.map((each) => ({ value: each.path, label: each.name })),
      chosen,
    );
    const other = others.find((each) => each.path === chosen) ?? first;
    // A configuration that comes later, or that a resume changed, is asked for anew.
    const wanted = `${run.path}\n${chosen}\n${run.configuration}\n${other.configuration}`;
    if (this.asked !== wanted) {
      this.asked = wanted;
      this.ask(chosen);
    }
    if (difference?.other !== chosen) {
      fill(this.body);
      setText(this.direction, '');
      return;
    }
    setText(this.direction, `${difference.from} → ${difference.to}`);
    if (difference.unknown.length > 0) {
      fill(this.body, h('p', { class: 'dim' }, `No config.json yet: ${difference.unknown.join(', ')}`));
      return;
    }
    if (difference.rows.length === 0) {
      fill(this.body, h('p', { class: 'dim' }, 'The same arguments.'));
      return;
    }
    const rows = difference.rows
      .slice(0, MOST)
      .flatMap((row) => [
        h('span', { class: 'key', title: row.name }, row.name),
        h('span', { class: 'before', title: row.before ?? 'not set' }, row.before ?? '–'),
        h('span', { class: 'after', title: row.after ?? 'not set' }, row.after ?? '–'),
      ]);
    const left = difference.rows.length - MOST;
    fill(this.body, ...rows, left > 0 ? h('span', { class: 'dim' }, `and ${left} more`) : null);
  }
}
