/** Above the table: what it holds, the filter and what is wrong with it, groups, and which columns there are. */
import { GROUPINGS, type Grouping, type TableLook } from '../../src/core/table/look';
import type { TableView } from '../../src/core/table/view';
import { button, checkbox, dropdown } from '../ui/controls';
import { h, setText, setTitle } from '../ui/dom';
import { FilterBox } from '../ui/filterBox';

const GROUPED: Readonly<Record<Grouping, string>> = {
  parent: 'By parent',
  tag: 'By tag',
  day: 'By day',
  state: 'By state',
};

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
  private readonly box: FilterBox;
  private readonly about = h('span', { class: 'dim about' });
  private readonly found = h('span', { class: 'dim found', role: 'status' });
  private readonly group;
  private readonly equal;
  private readonly all;

  constructor(actions: ToolbarActions) {
    this.box = new FilterBox(actions);
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
        this.box.input,
        this.group.element,
        this.equal.element,
        this.all.element,
        // At the end, so that nothing moves while a filter is typed.
        this.found,
        this.box.problem,
      ),
    );
  }

  get input(): HTMLInputElement {
    return this.box.input;
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
    this.box.tell(view.problem);
  }
}
