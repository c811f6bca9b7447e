/** The page with the table of runs: takes rows from the host, and puts together how they are looked at. */
import '../ui/page.css';
import '../ui/allRuns.css';
import './style.css';
import { type ArgumentColumn, type Column, Columns } from '../../src/core/table/columns';
import { copied, copiedSideBySide, type CopyFormat } from '../../src/core/table/copy';
import {
  isShown,
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
import { inMetricOrder, metricOf, USUAL_METRICS } from '../../src/core/table/metricColumns';
import { inBaseOrder, telling, type TableView, viewOf } from '../../src/core/table/view';
import {
  type FiguresMessage,
  MOST_FIGURES,
  type RowsMessage,
  type RunsHostMessage,
} from '../../src/protocol/runsTable';
import { pageRoot } from '../page';
import { startControls } from '../ui/controls';
import { fill, h } from '../ui/dom';
import { onceAFrame } from '../ui/frame';
import { showMenu } from '../ui/menu';
import { noRunsYet, tellNonePasses } from '../ui/noRuns';
import { ColumnsPanel } from './columnsPanel';
import { Grid } from './grid';
import { keep, kept, type Kept, onHostMessage, questions, send } from './host';
import { RunFigures } from './runFigures';
import { SelectionBar } from './selectionBar';
import { linesOf, MOST_SIDE_BY_SIDE, SideBySide } from './sideBySide';
import { type Counts, Toolbar } from './toolbar';

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

  private named: readonly ArgumentColumn[] = [];
  /** Metrics that have columns, whether shown or not. */
  private metrics: readonly string[] = [];
  private columns = new Columns([]);
  private readonly byPath = new Map<string, RunRow>();
  private readonly figures = new RunFigures();
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
  private readonly sideBySide = new SideBySide({
    open: ({ path }) => {
      send({ type: 'act', command: 'dashboard', paths: [path] });
    },
    back: () => {
      this.compare(null);
    },
  });
  private askedMetrics = false;
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
        this.askMetrics();
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
      typing: () => {
        this.askMetrics();
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
      h('main', {}, this.grid.element, this.sideBySide.element, this.nothing),
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
        this.makeColumns();
        this.draw('rows');
        break;
      case 'metrics':
        this.metrics = message.names;
        this.makeColumns();
        this.draw('rows');
        break;
      case 'figures':
        this.takeFigures(message);
        break;
    }
  }

  private takeFigures({ request, rows, left }: FiguresMessage): void {
    if (!questions.awaits('figures', request)) return;
    this.figures.take(rows, left);
    this.draw('rows');
  }

  /** What may be a column. Those that are looked at are, before anybody said that runs log them. */
  private makeColumns(): void {
    const { look } = this;
    const looked = [...look.shown, ...look.sort.map(({ column }) => column)].flatMap(
      (id) => metricOf(id)?.metric ?? [],
    );
    this.columns = new Columns(this.named, inMetricOrder([...USUAL_METRICS, ...this.metrics, ...looked]));
  }

  /** Which metrics there are: asked when somebody may want one. */
  private askMetrics(): void {
    if (this.askedMetrics) return;
    this.askedMetrics = true;
    send({ type: 'metrics' });
  }

  /** Asks for the figures of those columns of metrics that are looked at, and of no others: each costs a look at every run. */
  private askFigures(): void {
    const { look } = this;
    // While another one is typed, that of before counts.
    const filter = readFilter(this.filter, this.columns, 0).filter ?? readFilter(this.readable, this.columns, 0).filter;
    const asked = filter?.columns ?? [];
    const ids = this.columns.all.flatMap((column) => {
      const { id } = column;
      if (metricOf(id) === undefined) return [];
      const isLooked = asked.includes(id) || look.sort.some((each) => each.column === id);
      return isLooked || isShown(column, look, true) ? [id] : [];
    });
    const columns = ids.slice(0, MOST_FIGURES);
    if (!this.figures.want(columns)) return;
    send({ type: 'figures', request: questions.ask('figures'), columns });
  }

  private takeRows(message: RowsMessage): void {
    if (message.first) {
      this.byPath.clear();
      this.named = [];
    }
    for (const path of message.gone) this.byPath.delete(path);
    if (message.moved.length > 0) this.follow(new Map(message.moved.map(({ from, to }) => [from, to])));
    for (const row of message.rows) this.byPath.set(row.path, row);
    if (message.arguments !== null) this.named = message.arguments;
    if (message.arguments !== null || message.first) this.makeColumns();
    if (message.first) this.figures.forget();
    this.coming = !message.last;
    this.draw('rows');
  }

  /** Whatever a run was chosen for, it still is under its new path. */
  private follow(renamed: ReadonlyMap<string, string>): void {
    const now = (paths: ReadonlySet<string>): Set<string> =>
      new Set([...paths].map((path) => renamed.get(path) ?? path));
    this.selected = now(this.selected);
    if (this.only !== null) this.only = now(this.only);
    this.grid.follow(renamed);
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
      const rows = [...this.byPath.values()].map((row) => this.figures.complete(row, this.columns));
      this.rows = inBaseOrder(rows, this.columns);
      this.tells = telling(this.rows, this.columns);
      if (!this.coming) this.forgetGone();
    }
    if (this.byPath.size === 0) {
      fill(this.root, this.empty());
      return;
    }
    if (this.page.parentElement !== this.root) fill(this.root, this.page);
    const { look } = this;
    if (changed.view || changed.rows) this.askFigures();
    const view = changed.view || this.view === undefined ? this.makeView() : this.view;
    this.grid.update({ view, columns: this.columns, look, selected: this.selected }, changed.stays);
    this.showSideBySide(view);
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

  private get besideEachOther(): boolean {
    return this.only !== null && this.only.size > 1 && this.only.size <= MOST_SIDE_BY_SIDE;
  }

  private showSideBySide(view: TableView): void {
    const beside = this.besideEachOther && view.rows.length > 0;
    this.grid.element.hidden = beside;
    if (beside) this.sideBySide.show(view, this.columns);
    else this.sideBySide.hide();
  }

  private makeView(): TableView {
    const { look, filter, readable: fallback, only, folded } = this;
    const now = Date.now() / 1000;
    const view = viewOf(this.rows, this.columns, this.tells, { look, filter, fallback, only, folded, now });
    this.view = view;
    if (view.problem === null) this.readable = filter;
    return view;
  }

  private counts(): Counts {
    const state = this.columns.placeOf('state');
    const training = this.rows.filter(({ cells }) => cells[state] === 'training').length;
    return { total: this.rows.length, training, coming: this.coming || this.scanning, unread: this.figures.left };
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
    if (this.besideEachOther) {
      this.drawNow();
      this.sideBySide.element.focus({ preventScroll: true });
    } else this.grid.focus();
  }

  private tellNothing(view: TableView): void {
    const isEmpty = view.rows.length === 0;
    if (isEmpty !== this.nothing.hidden) return;
    this.nothing.hidden = !isEmpty;
    if (!isEmpty) return;
    tellNonePasses(this.nothing, () => {
      this.toolbar.input.value = '';
      this.setFilter('');
      this.toolbar.input.focus();
    });
  }

  private empty(): HTMLElement {
    return noRunsYet({
      looking: this.scanning || this.coming,
      hasFolder: this.hasFolder,
      icon: 'table',
      detail: 'They appear here as soon as training writes them to the experiments folder.',
    });
  }

  /** Of the chosen runs, or of all that are shown where none is. */
  private copy(format: CopyFormat): void {
    const { view } = this;
    if (view === undefined) return;
    const { chosen } = this.grid;
    const beside = this.sideBySide.isShown;
    const rows = chosen.length > 0 && !beside ? chosen : view.rows;
    const content = beside
      ? copiedSideBySide(format, rows, linesOf(view), this.columns, view.best)
      : copied(format, rows, view.columns, this.columns);
    send({ type: 'copy', content });
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
