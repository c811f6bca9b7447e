/** Below the table: what can be done with the runs that are chosen. It keeps its place, so that a click never moves the table. */
import { isStarred } from '../../src/core/table/columns';
import type { RunRow } from '../../src/core/table/row';
import type { RunsCommand } from '../../src/protocol/runsTable';
import { button, type ButtonControl } from '../ui/controls';
import { h, setText } from '../ui/dom';
import type { MenuEntry } from '../ui/menu';

export interface SelectionActions {
  readonly act: (command: RunsCommand, rows: readonly RunRow[]) => void;
  /** Shows these runs alone, and what differs between them. */
  readonly only: (rows: readonly RunRow[]) => void;
}

interface Action {
  readonly label: string;
  /** In the bar, where there is little room. */
  readonly short: string;
  readonly icon: string;
  readonly about: string;
  /** In the menu alone. */
  readonly rare?: boolean;
  readonly run: (rows: readonly RunRow[]) => void;
  readonly enabled: (rows: readonly RunRow[], canTrain: boolean) => boolean;
}

const checkpoints = (rows: readonly RunRow[]): number => rows.filter(({ checkpoint }) => checkpoint !== null).length;

function actionsOf({ act, only }: SelectionActions): readonly Action[] {
  const command = (name: RunsCommand) => (rows: readonly RunRow[]) => {
    act(name, rows);
  };
  return [
    {
      label: 'Open Dashboard',
      short: 'Dashboard',
      icon: 'graph-line',
      about: 'A dashboard for each chosen run (Enter)',
      run: command('dashboard'),
      enabled: (rows) => rows.length > 0,
    },
    {
      label: 'Overlay in One Dashboard',
      short: 'Overlay',
      icon: 'layers',
      about: 'The curves of the chosen runs in one dashboard',
      run: command('overlay'),
      enabled: (rows) => rows.length > 1,
    },
    {
      label: 'Show What Differs',
      short: 'Differences',
      icon: 'list-selection',
      about: 'The chosen runs alone, with the arguments that differ between them beside their results',
      run: only,
      enabled: (rows) => rows.length > 1,
    },
    {
      label: 'Compare Checkpoints',
      short: 'Compare',
      icon: 'diff',
      about: 'Tensors, arguments, curriculum and optimizer of two runs’ newest complete checkpoints',
      run: command('compare'),
      enabled: (rows) => rows.length === 2 && checkpoints(rows) === 2,
    },
    {
      label: 'Branch with New Hyperparameters…',
      short: 'Branch…',
      icon: 'git-branch',
      about: 'A new run from the chosen run’s newest complete checkpoint',
      run: command('branch'),
      enabled: (rows, canTrain) => canTrain && rows.length === 1 && checkpoints(rows) === 1,
    },
    {
      label: 'Tag…',
      short: 'Tag…',
      icon: 'tag',
      about: 'Gives the chosen runs tags, or takes them away',
      run: command('tag'),
      enabled: (rows) => rows.length > 0,
    },
    {
      label: 'Star',
      short: 'Star',
      icon: 'star-full',
      about: 'Marks the chosen runs with a star; takes it from them where each has one',
      run: (rows) => {
        act(rows.every(({ cells }) => isStarred(cells)) ? 'unstar' : 'star', rows);
      },
      enabled: (rows) => rows.length > 0,
    },
    {
      label: 'Delete Runs…',
      short: 'Delete…',
      icon: 'trash',
      about: 'The chosen runs with all that is in their folders; asks first, and says what would be lost',
      run: command('deleteRuns'),
      enabled: (rows) => rows.length > 0,
    },
    {
      label: 'Delete Checkpoints…',
      short: 'Delete Checkpoints…',
      rare: true,
      icon: 'trash',
      about: 'All checkpoints of the chosen runs; asks first, and says what would be lost',
      run: command('delete'),
      enabled: (rows) => rows.length > 0 && checkpoints(rows) > 0,
    },
  ];
}

export class SelectionBar {
  readonly element: HTMLElement;
  private readonly chosen = h('span', { class: 'dim chosen', role: 'status' });
  private readonly actions: readonly (Action & { readonly button: ButtonControl })[];
  private rows: readonly RunRow[] = [];
  private canTrain = false;
  private told: number | undefined;

  constructor(actions: SelectionActions) {
    this.actions = actionsOf(actions).map((action) => ({
      ...action,
      button: button(
        action.short,
        () => {
          action.run(this.rows);
        },
        { title: `${action.label}: ${action.about}` },
      ),
    }));
    this.element = h(
      'footer',
      { role: 'toolbar', 'aria-label': 'Chosen runs' },
      this.chosen,
      h(
        'div',
        { class: 'actions' },
        ...this.actions.flatMap(({ rare, button: { element } }) => (rare === true ? [] : [element])),
      ),
    );
  }

  update(rows: readonly RunRow[], canTrain: boolean): void {
    this.rows = rows;
    this.canTrain = canTrain;
    for (const { button: control, enabled } of this.actions) control.set({ enabled: enabled(rows, canTrain) });
    if (this.told !== undefined) return;
    setText(
      this.chosen,
      rows.length === 0
        ? 'No run is chosen'
        : `${rows.length.toLocaleString('en-US')} ${rows.length === 1 ? 'run' : 'runs'} chosen`,
    );
  }

  /** Says for a moment what was done. */
  say(text: string): void {
    window.clearTimeout(this.told);
    setText(this.chosen, text);
    this.told = window.setTimeout(() => {
      this.told = undefined;
      this.update(this.rows, this.canTrain);
    }, 4000);
  }

  /** The same as a menu. */
  entries(): MenuEntry[] {
    return this.actions.map(({ label, icon, run, enabled }) => ({
      label,
      icon,
      enabled: enabled(this.rows, this.canTrain),
      run: () => {
        run(this.rows);
      },
    }));
  }
}
