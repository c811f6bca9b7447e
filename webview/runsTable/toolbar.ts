/** Above the table: what it holds, the filter and what is wrong with it, groups, and which columns there are. */
import { GROUPINGS, type Grouping, type TableLook } from '../../src/core/table/look';
import type { TableView } from '../../src/core/table/view';
import { button, checkbox, dropdown } from '../ui/controls';
import { h, setText, setTitle } from '../ui/dom';

const GROUPED: Readonly<Record<Grouping, string>> = {
  parent: 'By parent',
  tag: 'By tag',
  day: 'By day',
  state: 'By state',
};

const HELP = [
  'Words are looked for in name, state, stage, parent, tags and notes.',
  'stage:student   state:failed,killed   lr:1e-5',
  'loss<2.1   step>=24k   duration>2h   started:today   gradnorm<1',
  'tag:keep   -seed:3 leaves out · parent:none · "quotes" for spaces',
].join('\n');

export interface ToolbarActions {
  readonly filter: (text: string) => void;
  readonly group: (grouping: Grouping | null) => void;
  readonly equal: (shown: boolean) => void;
  readonly columns: (under: HTMLElement) => void;
  readonly copy: (under: HTMLElement) => void;
  /** Back from the runs that are compared to all of them. */
  readonly all: () => void;
  /** Down from the filter into the table. */
  readonly enter: () => void;
  /** Somebody is about to type into the filter. */
  readonly typing: () => void;
}

export interface Counts {
  readonly total: number;
  readonly training: number;
  /** Not all of them have come yet. */
  readonly coming: boolean;
  /** Runs of which a column of a metric is still to be read. */
  readonly unread: number;
}

function runs(count: number): string {
  return count === 1 ? '1 run' : `${count.toLocaleString('en-US')} runs`;
}

export class Toolbar {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
  private readonly about = h('span', { class: 'dim about' });
  private readonly found = h('span', { class: 'dim found', role: 'status' });
  private readonly problem = h('span', { class: 'problem', role: 'alert', id: 'filter-problem', hidden: true });
  private readonly group;
  private readonly equal;
  private readonly all;

  constructor(actions: ToolbarActions) {
    this.input = h('input', {
      type: 'search',
      'aria-label': 'Filter runs',
      placeholder: 'Filter, e.g. stage:student loss<2.1',
      title: HELP,
      spellcheck: 'false',
      autocomplete: 'off',
    });
    this.input.addEventListener('input', () => {
      actions.filter(this.input.value);
    });
    this.input.addEventListener('focus', actions.typing);
    this.input.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown' && event.key !== 'Enter') return;
      event.preventDefault();
      actions.enter();
    });
    this.group = dropdown('Group runs', (value) => {
      actions.group(GROUPINGS.find((grouping) => grouping === value) ?? null);
    });
    this.equal = checkbox('Equal arguments', actions.equal);
    this.all = button('Show All Runs', actions.all);
    const columns = button('Columns…', () => {
      actions.columns(columns.element);
    });
    const copy = button('Copy…', () => {
      actions.copy(copy.element);
    });
    this.element = h(
      'header',
      {},
      h(
        'div',
        { class: 'headline' },
        h('h1', {}, 'Runs'),
        this.about,
        h('div', { class: 'actions' }, columns.element, copy.element),
      ),
      h(
        'div',
        { class: 'tools', role: 'toolbar', 'aria-label': 'Which runs and columns' },
        this.input,
        this.group.element,
        this.equal.element,
        this.all.element,
        // At the end, so that nothing moves while a filter is typed.
        this.found,
        this.problem,
      ),
    );
  }

  update(view: TableView, look: TableLook, counts: Counts, filtered: boolean, comparing: boolean): void {
    const about = [
      runs(counts.total),
      counts.training > 0 && `${counts.training} training`,
      counts.coming && 'more to come…',
      counts.unread > 0 && `metrics of ${counts.unread.toLocaleString('en-US')} to read…`,
    ];
    setText(this.about, about.filter((part) => part !== false).join(' · '));
    const shown = view.rows.length;
    setText(
      this.found,
      view.problem === null && (filtered || comparing) ? `${shown.toLocaleString('en-US')} shown` : '',
    );
    this.all.set({ shown: comparing });
    this.group.set(
      [{ value: '', label: 'No groups' }, ...GROUPINGS.map((value) => ({ value, label: GROUPED[value] }))],
      look.group ?? '',
    );
    this.equal.set(look.equal);
    const hidden = view.equalHidden;
    setTitle(
      this.equal.element,
      look.equal || hidden === 0
        ? 'Also arguments that are the same in all runs'
        : `Also ${hidden === 1 ? 'the argument that is' : `the ${hidden} arguments that are`} the same in all runs`,
    );
    this.problem.hidden = view.problem === null;
    setText(this.problem, view.problem ?? '');
    this.input.setAttribute('aria-invalid', String(view.problem !== null));
    this.input.toggleAttribute('aria-describedby', false);
    if (view.problem !== null) this.input.setAttribute('aria-describedby', 'filter-problem');
  }
}
