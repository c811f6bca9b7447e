/** The page with the table of runs: takes rows from the host, and puts together how they are looked at. */
import '../ui/page.css';
import '../ui/allRuns.css';
import './style.css';
import { type Column, Columns } from '../../src/core/table/columns';
import { copied, type CopyFormat } from '../../src/core/table/copy';
import {
  moved,
  NARROWEST,
  sortedBy,
  START_LOOK,
  type TableLook,
  WIDEST,
  withPinned,
  withShown,
  withWidth,
} from '../../src/core/table/look';
import type { RunRow } from '../../src/core/table/row';
import { readFilter } from '../../src/core/table/filter';
import { inBaseOrder, telling, type TableView, viewOf } from '../../src/core/table/view';
import type { RowsMessage, RunsHostMessage } from '../../src/protocol/runsTable';
import { pageRoot } from '../page';
import { button, startControls } from '../ui/controls';
import { fill, h, icon } from '../ui/dom';
import { onceAFrame } from '../ui/frame';
import { showMenu } from '../ui/menu';
import { ColumnsPanel } from './columnsPanel';
import { Grid } from './grid';
import { keep, kept, type Kept, onHostMessage, send } from './host';
import { SelectionBar } from './selectionBar';
import { Toolbar } from './toolbar';

/** A scroll is kept when it has come to rest. */
const KEEP_MS = 200;

class RunsPage {
  private readonly before: Kept = kept();
  private look: TableLook = this.before.look ?? START_LOOK;
  private filter = this.before.filter;
  /** The last filter that could be read. */
  private readable = '';
  private folded: ReadonlySet<string> = new Set(this.before.folded);
  private selected: ReadonlySet<string> = new Set(this.before.selected);
  private only: ReadonlySet<string> | null = this.before.only === null ? null : new Set(this.before.only);

  private columns = new Columns([]);
  private readonly byPath = new Map<string, RunRow>();
  private rows: readonly RunRow[] = [];
  private tells: ReadonlySet<string> = new Set();
  private view: TableView | undefined;
  /** Not all rows have come yet. */
  private coming = true;
  private scanning = true;
  private canTrain = false;
  private hasFolder = true;

  private readonly plan = onceAFrame(() => {
    this.drawNow();
  });
  /** What the next drawing has to make anew: the rows, the view; and whether the rows in sight stay where they are. */
  private changed = { rows: false, view: false, stays: true };
  private keeping: number | undefined;
  private restored = false;

  private readonly grid: Grid;
  private readonly toolbar: Toolbar;
  private readonly panel: ColumnsPanel;
  private readonly bar: SelectionBar;
  private readonly nothing = h('div', { class: 'notice nothing', hidden: true });
  private readonly page: HTMLElement;

  constructor(private readonly root: HTMLElement) {
    this.bar = new SelectionBar({
      act: (command, rows) => {
        send({ type: 'act', command, paths: rows.map(({ path }) => path) });
      },
      only: (rows) => {
        this.compare(new Set(rows.map(({ path }) => path)));
      },
    });
    this.grid = new Grid({
      open: ({ path }) => {
        send({ type: 'act', command: 'dashboard', paths: [path] });
      },
      fold: ({ id }, folded) => {
        const ids = new Set(this.folded);
        if (folded) ids.add(id);
        else ids.delete(id);
        this.folded = ids;
        this.draw('view');
      },
      select: (paths) => {
        this.selected = paths;
        this.draw('selection');
      },
      sort: (column, more) => {
        this.change(sortedBy(this.look, column, more), false);
      },
      resize: (column, width) => {
        this.change(withWidth(this.look, column.id, width === null ? null : this.within(width)));
      },
      move: (column, beside, after) => {
        this.change(moved(this.look, this.view?.standing ?? [], column.id, beside.id, after));
      },
      menu: (column, at) => {
        this.columnMenu(column, at);
      },
      rowMenu: (row, at) => {
        this.rowMenu(row, at);
      },
      copy: () => {
        this.copy('markdown');
      },
      moved: () => {
        this.keepSoon();
      },
    });
    this.toolbar = new Toolbar({
      filter: (text) => {
        this.setFilter(text);
      },
      group: (group) => {
        this.change({ ...this.look, group }, false);
      },
      equal: (equal) => {
        this.change({ ...this.look, equal });
      },
      columns: (under) => {
        if (this.panel.isOpen) this.panel.close();
        else this.panel.open(under);
        this.draw('view');
      },
      copy: (under) => {
        this.copyMenu(under);
      },
      all: () => {
        this.compare(null);
      },
      enter: () => {
        this.grid.focus();
      },
    });
    this.toolbar.input.value = this.filter;
    this.panel = new ColumnsPanel({
      show: (column, shown) => {
        this.change(withShown(this.look, column.id, shown));
      },
      reset: () => {
        this.change({ ...START_LOOK, sort: this.look.sort, group: this.look.group });
      },
    });
    this.page = h(
      'div',
      { class: 'page runs-table', 'data-vscode-context': '{"preventDefaultContextMenuItems": true}' },
      this.toolbar.element,
      h('main', {}, this.grid.element, this.nothing),
      this.bar.element,
      this.panel.element,
    );
  }

  start(): void {
    onHostMessage((message) => {
      this.take(message);
    });
    this.draw('rows');
    send({ type: 'ready' });
  }

  private take(message: RunsHostMessage): void {
    switch (message.type) {
      case 'rows':
        this.takeRows(message);
        break;
      case 'status':
        this.scanning = message.scanning;
        this.canTrain = message.canTrain;
        this.hasFolder = message.hasFolder;
        this.draw('view');
        break;
      case 'look':
        // What this page has kept itself is newer.
        if (this.before.look === null) this.look = message.look;
        this.draw('view');
        break;
    }
  }

  private takeRows(message: RowsMessage): void {
    if (message.first) this.byPath.clear();
    for (const path of message.gone) this.byPath.delete(path);
    for (const row of message.rows) this.byPath.set(row.path, row);
    if (message.arguments !== null || message.first) this.columns = new Columns(message.arguments ?? []);
    this.coming = !message.last;
    this.draw('rows');
  }

  /** Draws once a frame, however much changed. @param stays the rows in sight stay where they are */
  private draw(what: 'rows' | 'view' | 'selection', stays = true): void {
    const { changed } = this;
    changed.rows ||= what === 'rows';
    changed.view ||= what !== 'selection';
    changed.stays &&= stays;
    this.plan();
  }

  private drawNow(): void {
    const { changed } = this;
    this.changed = { rows: false, view: false, stays: true };
    if (changed.rows) {
      this.rows = inBaseOrder([...this.byPath.values()], this.columns);
      this.tells = telling(this.rows, this.columns);
      if (!this.coming) this.forgetGone();
    }
    if (this.byPath.size === 0) {
      fill(this.root, this.empty());
      return;
    }
    if (this.page.parentElement !== this.root) fill(this.root, this.page);
    const { look } = this;
    const view = changed.view || this.view === undefined ? this.makeView() : this.view;
    this.grid.update({ view, columns: this.columns, look, selected: this.selected }, changed.stays);
    this.toolbar.update(view, look, this.counts(), this.filter.trim() !== '', this.only !== null);
    this.bar.update(this.grid.chosen, this.canTrain);
    this.panel.update(this.columns.all, new Set(view.columns.map(({ id }) => id)));
    this.tellNothing(view);
    if (!this.restored && !this.coming) {
      this.restored = true;
      this.grid.restore(this.before);
    }
    this.keepSoon();
  }

  private makeView(): TableView {
    const { look, filter, readable: fallback, only, folded } = this;
    const now = Date.now() / 1000;
    const view = viewOf(this.rows, this.columns, this.tells, { look, filter, fallback, only, folded, now });
    this.view = view;
    if (view.problem === null) this.readable = filter;
    return view;
  }

  private counts(): { total: number; training: number; coming: boolean } {
    const state = this.columns.placeOf('state');
    const training = this.rows.filter(({ cells }) => cells[state] === 'training').length;
    return { total: this.rows.length, training, coming: this.coming || this.scanning };
  }

  /** Runs that were deleted are not chosen any more. */
  private forgetGone(): void {
    const there = (paths: ReadonlySet<string>): ReadonlySet<string> =>
      new Set([...paths].filter((path) => this.byPath.has(path)));
    this.selected = there(this.selected);
    if (this.only === null) return;
    this.only = there(this.only);
    if (this.only.size === 0) this.only = null;
  }

  private change(look: TableLook, stays = true): void {
    this.look = look;
    this.draw('view', stays);
    send({ type: 'look', look });
  }

  private within(width: number): number {
    return Math.max(NARROWEST, Math.min(WIDEST, width));
  }

  private setFilter(text: string): void {
    this.filter = text;
    const read = readFilter(text, this.columns, Date.now() / 1000);
    this.draw('view', read.filter === null);
  }

  private compare(only: ReadonlySet<string> | null): void {
    this.only = only;
    this.draw('view', false);
    this.grid.focus();
  }

  private tellNothing(view: TableView): void {
    const isEmpty = view.rows.length === 0;
    if (isEmpty !== this.nothing.hidden) return;
    this.nothing.hidden = !isEmpty;
    if (!isEmpty) return;
    const clear = button('Clear Filter', () => {
      this.toolbar.input.value = '';
      this.setFilter('');
      this.toolbar.input.focus();
    });
    fill(this.nothing, icon('filter'), h('h1', {}, 'No run passes the filter'), clear.element);
  }

  private empty(): HTMLElement {
    const [name, title, detail] =
      this.scanning || this.coming
        ? ['loading codicon-modifier-spin', 'Looking for runs…', '']
        : this.hasFolder
          ? [
              'table',
              'There are no runs yet',
              'They appear here as soon as training writes them to the experiments folder.',
            ]
          : ['folder', 'No folder is open', 'Open the folder that holds your training runs.'];
    return h(
      'div',
      { class: 'notice', role: 'status' },
      icon(name),
      h('h1', {}, title),
      detail !== '' && h('p', { class: 'dim' }, detail),
    );
  }

  /** Of the chosen runs, or of all that are shown where none is. */
  private copy(format: CopyFormat): void {
    const { view } = this;
    if (view === undefined) return;
    const { chosen } = this.grid;
    const rows = chosen.length > 0 ? chosen : view.rows;
    send({ type: 'copy', content: copied(format, rows, view.columns, this.columns) });
    const count = rows.length === 1 ? '1 run' : `${rows.length.toLocaleString('en-US')} runs`;
    this.bar.say(`Copied ${count} as ${format === 'csv' ? 'CSV' : 'Markdown'}`);
  }

  private copyMenu(under: HTMLElement): void {
    const { left, bottom } = under.getBoundingClientRect();
    showMenu({ x: left, y: bottom + 2 }, 'Copy', this.copyEntries(), under);
  }

  private copyEntries(): { label: string; icon: string; run: () => void }[] {
    return [
      {
        label: 'Copy as Markdown',
        icon: 'markdown',
        run: () => {
          this.copy('markdown');
        },
      },
      {
        label: 'Copy as CSV',
        icon: 'copy',
        run: () => {
          this.copy('csv');
        },
      },
    ];
  }

  private rowMenu(row: RunRow, at: { x: number; y: number }): void {
    // What was just chosen is drawn with the next frame.
    const rows = this.rows.filter(({ path }) => this.selected.has(path));
    this.bar.update(rows.length > 0 ? rows : [row], this.canTrain);
    const act = (command: 'notes' | 'log' | 'path'): void => {
      send({ type: 'act', command, paths: rows.map(({ path }) => path) });
    };
    const more = [
      {
        label: 'Edit Notes',
        icon: 'note',
        run: () => {
          act('notes');
        },
      },
      {
        label: 'Open Training Log',
        icon: 'output',
        run: () => {
          act('log');
        },
      },
      {
        label: 'Copy Path',
        icon: 'files',
        run: () => {
          act('path');
        },
      },
    ];
    showMenu(at, 'Chosen runs', [...this.bar.entries(), null, ...more, null, ...this.copyEntries()], this.grid.element);
  }

  private columnMenu(column: Column, at: { x: number; y: number }): void {
    const { look } = this;
    const sort = (descending: boolean) => (): void => {
      this.change({ ...look, sort: [{ column: column.id, descending }] }, false);
    };
    const now = look.sort.find((each) => each.column === column.id);
    const pinned = look.pinned.includes(column.id);
    const shown = this.view?.columns ?? [];
    const place = shown.findIndex(({ id }) => id === column.id);
    const beside = (way: 1 | -1) => {
      const other = shown[place + way];
      return {
        label: way === 1 ? 'Move Right' : 'Move Left',
        icon: way === 1 ? 'arrow-right' : 'arrow-left',
        enabled: other !== undefined,
        run: (): void => {
          if (other !== undefined) this.change(moved(look, this.view?.standing ?? [], column.id, other.id, way === 1));
        },
      };
    };
    showMenu(
      at,
      column.title,
      [
        { label: 'Sort Ascending', checked: now?.descending === false, run: sort(false) },
        { label: 'Sort Descending', checked: now?.descending === true, run: sort(true) },
        null,
        {
          label: 'Keep at the Left',
          checked: pinned,
          run: () => {
            this.change(withPinned(look, column.id, !pinned));
          },
        },
        beside(-1),
        beside(1),
        {
          label: 'Hide Column',
          icon: 'eye-closed',
          enabled: shown.length > 1,
          run: () => {
            this.change(withShown(look, column.id, false));
          },
        },
      ],
      this.grid.element,
    );
  }

  private keepSoon(): void {
    window.clearTimeout(this.keeping);
    this.keeping = window.setTimeout(() => {
      const { look, filter } = this;
      // Before its rows are there the table has no place to keep.
      const place = this.restored ? this.grid.place : this.before;
      keep({
        look,
        filter,
        folded: [...this.folded],
        selected: [...this.selected],
        only: this.only === null ? null : [...this.only],
        active: place.active,
        top: place.top,
        left: place.left,
      });
    }, KEEP_MS);
  }
}

startControls();
new RunsPage(pageRoot()).start();
