/** The page with the workspace's lineage: takes runs from the host, lays them out, and puts together how they are looked at. */
import '../ui/page.css';
import '../ui/allRuns.css';
import './style.css';
import type { LaneRun } from '../../src/core/lanes/laneRun';
import { type Lane, type Layout, layoutOf } from '../../src/core/lanes/layout';
import type { LaneCommand, LaneRunsMessage, LineageHostMessage } from '../../src/protocol/lineage';
import { pageRoot } from '../page';
import { iconButton, startControls } from '../ui/controls';
import { fill, h, setText } from '../ui/dom';
import { FilterBox } from '../ui/filterBox';
import { onceAFrame } from '../ui/frame';
import { showMenu } from '../ui/menu';
import { noRunsYet, tellNonePasses } from '../ui/noRuns';
import { keep, kept, onHostMessage, questions, send } from './host';
import { LanesView } from './lanesView';
import { Legend } from './legend';

/** What moves is kept when it has come to rest. */
const KEEP_MS = 200;

class LineagePage {
  private readonly before = kept();
  private readonly byKey = new Map<number, LaneRun>();
  private layout: Layout = layoutOf([], null);
  private passing: ReadonlySet<number> | null = null;
  private isFiltered = false;
  private coming = true;
  private scanning = true;
  private hasFolder = true;
  private keeping: number | undefined;

  private readonly plan = onceAFrame(() => {
    this.drawNow();
  });
  private readonly lanes = new LanesView({
    open: (lane) => {
      this.act(lane, 'dashboard');
    },
    menu: (lane, at) => {
      this.menu(lane, at);
    },
    moved: () => {
      this.keepSoon();
    },
  });
  private readonly box = new FilterBox({
    filter: (typed) => {
      this.ask(typed);
    },
    enter: () => {
      this.lanes.focus();
    },
  });
  private readonly about = h('span', { class: 'dim about' });
  private readonly found = h('span', { class: 'dim found', role: 'status' });
  private readonly nothing = h('div', { class: 'notice nothing', hidden: true });
  private readonly page: HTMLElement;

  constructor(private readonly root: HTMLElement) {
    const zooms = [
      iconButton('zoom-out', 'Zoom Out (−)', () => {
        this.lanes.zoom(false);
      }),
      iconButton('zoom-in', 'Zoom In (+)', () => {
        this.lanes.zoom(true);
      }),
      iconButton('screen-full', 'Fit (0)', () => {
        this.lanes.fit();
      }),
    ];
    this.page = h(
      'div',
      { class: 'page lineage', 'data-vscode-context': '{"preventDefaultContextMenuItems": true}' },
      h(
        'header',
        {},
        h('div', { class: 'headline' }, h('h1', {}, 'Lineage'), this.about, h('div', { class: 'actions' }, ...zooms)),
        h('div', { class: 'tools', role: 'search' }, this.box.input, this.found, this.box.problem),
      ),
      h('main', {}, this.lanes.element, this.nothing),
      new Legend().element,
    );
    tellNonePasses(this.nothing, () => {
      this.box.input.value = '';
      this.ask('');
      this.box.input.focus();
    });
  }

  start(): void {
    onHostMessage((message) => {
      this.take(message);
    });
    this.lanes.restore(this.before);
    this.plan();
    send({ type: 'ready' });
    this.box.input.value = this.before.filter;
    if (this.before.filter !== '') this.ask(this.before.filter);
  }

  private take(message: LineageHostMessage): void {
    switch (message.type) {
      case 'runs':
        this.takeRuns(message);
        break;
      case 'status':
        this.scanning = message.scanning;
        this.hasFolder = message.hasFolder;
        break;
      case 'passing':
        if (!questions.awaits('filter', message.request)) return;
        this.box.tell(message.problem);
        // While a word is half typed the last filter that could be read stays.
        if (message.problem === null) this.passing = message.keys === null ? null : new Set(message.keys);
        this.isFiltered = this.passing !== null;
        break;
    }
    this.plan();
  }

  private takeRuns(message: LaneRunsMessage): void {
    if (message.first) this.byKey.clear();
    for (const key of message.gone) this.byKey.delete(key);
    for (const run of message.runs) this.byKey.set(run.key, run);
    this.coming = !message.last;
  }

  private drawNow(): void {
    if (this.byKey.size === 0) {
      fill(this.root, this.empty());
      return;
    }
    if (this.page.parentElement !== this.root) fill(this.root, this.page);
    this.layout = layoutOf(this.byKey.values(), this.passing);
    this.lanes.show(this.layout);
    if (!this.coming) this.lanes.settle();
    this.nothing.hidden = this.layout.lanes.length > 0;
    this.tellCounts();
    this.keepSoon();
  }

  private tellCounts(): void {
    const all = [...this.byKey.values()];
    const count = (number: number, one: string, many: string): string =>
      number === 1 ? `1 ${one}` : `${number.toLocaleString('en-US')} ${many}`;
    const training = all.filter(({ state }) => state === 'training').length;
    const branches = all.filter(({ parent }) => parent !== null && (parent.key !== null || parent.ghost !== '')).length;
    const about = [
      count(all.length, 'run', 'runs'),
      branches > 0 && count(branches, 'branch', 'branches'),
      training > 0 && `${training} training`,
      (this.coming || this.scanning) && 'more to come…',
    ];
    setText(this.about, about.filter((part) => part !== false).join(' · '));
    setText(this.found, this.isFiltered ? `${this.layout.passing.toLocaleString('en-US')} shown` : '');
  }

  private ask(typed: string): void {
    send({ type: 'filter', request: questions.ask('filter'), typed });
    this.keepSoon();
  }

  private act({ run }: Lane, command: LaneCommand): void {
    if (run !== null) send({ type: 'act', command, path: run.path });
  }

  private menu(lane: Lane, at: { x: number; y: number }): void {
    const entry = (label: string, name: string, command: LaneCommand) => ({
      label,
      icon: name,
      enabled: lane.run !== null,
      run: (): void => {
        this.act(lane, command);
      },
    });
    showMenu(
      at,
      lane.name,
      [
        entry('Open Dashboard', 'graph-line', 'dashboard'),
        entry('Reveal in Experiments View', 'list-tree', 'reveal'),
        entry('Open Training Log', 'output', 'log'),
        entry('Copy Path', 'files', 'path'),
        null,
        {
          label: 'Go to Parent',
          icon: 'arrow-up',
          enabled: lane.parent >= 0,
          run: () => {
            this.lanes.goTo(lane.parent);
          },
        },
      ],
      this.lanes.element.querySelector<HTMLElement>('.lanes') ?? this.lanes.element,
    );
  }

  private empty(): HTMLElement {
    return noRunsYet({
      looking: this.scanning || this.coming,
      hasFolder: this.hasFolder,
      icon: 'git-branch',
      detail:
        'They appear here as soon as training writes them to the experiments folder, each branch below the run that it left.',
    });
  }

  private keepSoon(): void {
    window.clearTimeout(this.keeping);
    this.keeping = window.setTimeout(() => {
      keep({ filter: this.box.input.value, ...this.lanes.place });
    }, KEEP_MS);
  }
}

startControls();
new LineagePage(pageRoot()).start();
