/** The page of an opened torch file: header, values as a tree, tensors as a table, the chosen tensor in detail. */
import './style.css';
import type { SummaryResult, TorchHostMessage, TorchOutline } from '../../src/protocol/torchFile';
import { formatCount } from '../../src/core/format';
import { fill, h, setText } from '../ui/dom';
import { pageRoot } from '../page';
import { Details } from './details';
import { Header } from './header';
import { onHostMessage, savedState, saveState, send, type PageState } from './host';
import { Tensors } from './tensors';
import { Toolbar } from './toolbar';
import { Tree } from './tree';

function unpacked(json: ArrayBuffer): unknown {
  return JSON.parse(new TextDecoder().decode(json));
}

class Page {
  private state: PageState = savedState();
  private outline: TorchOutline | null = null;
  private generation = 0;
  /** Tensors whose statistics are on their way. */
  private readonly asked = new Set<number>();
  private checksums: readonly string[] | null = null;
  private checking = false;
  private readonly problem = h('p', { class: 'problem', role: 'alert' });

  private readonly header = new Header(() => {
    this.checking = true;
    this.showHeader();
    send({ type: 'verify' });
  });
  private readonly toolbar = new Toolbar(this.state.search, {
    searched: (text) => {
      this.keep({ search: text });
      this.search();
    },
    all: () => {
      this.ask(this.tensors.shown.filter((tensor) => this.tensors.result(tensor) === null));
    },
    cancelled: (task) => {
      send({ type: 'cancel', task });
    },
  });
  private readonly tree = new Tree(this.state.toggled, {
    tensor: (index) => {
      this.choose(index);
      this.tensors.show(index);
      this.ask([index]);
    },
    toggled: (toggled) => {
      this.keep({ toggled });
    },
  });
  private readonly tensors = new Tensors(this.state.sort, this.state.descending, {
    chosen: (tensor) => {
      this.choose(tensor);
    },
    asked: (tensor) => {
      this.choose(tensor);
      this.ask([tensor]);
    },
    sorted: (sort, descending) => {
      this.keep({ sort, descending });
    },
  });
  private chosen: number | null = null;
  private readonly details = new Details(() => {
    if (this.chosen !== null) this.ask([this.chosen]);
  });
  private readonly panes = h(
    'main',
    { class: 'panes' },
    h('section', { class: 'pane values', 'aria-label': 'Values' }, this.tree.rows.element),
    h('section', { class: 'pane tensors', 'aria-label': 'Tensors' }, this.tensors.rows.element, this.details.element),
  );
  /** Other programs use the ending .pt too. */
  private readonly elsewhere = h(
    'p',
    { class: 'reading dim' },
    'To see it in another editor, choose Reopen Editor With… from the tab’s menu.',
  );
  private readonly reading = h('p', { class: 'reading dim', role: 'status' }, 'Reading the file…');

  start(root: HTMLElement): void {
    this.problem.hidden = true;
    this.elsewhere.hidden = true;
    this.toolbar.element.hidden = true;
    this.panes.hidden = true;
    this.header.element.hidden = true;
    fill(root, this.header.element, this.elsewhere, this.reading, this.toolbar.element, this.problem, this.panes);
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'f' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.toolbar.input.select();
      this.toolbar.input.focus();
    });
    onHostMessage((message) => {
      this.receive(message);
    });
    send({ type: 'ready' });
  }

  private receive(message: TorchHostMessage): void {
    switch (message.type) {
      case 'outline':
        this.setOutline(message.generation, unpacked(message.json) as TorchOutline);
        break;
      case 'summaries':
        if (message.generation === this.generation) this.addResults(unpacked(message.json) as SummaryResult[]);
        break;
      case 'progress':
        this.toolbar.setProgress(message.task, message);
        break;
      case 'idle':
        this.toolbar.setProgress(message.task, null);
        if (message.task === 'statistics') this.asked.clear();
        else this.checking = false;
        this.problem.hidden = message.problem === null;
        setText(this.problem, message.problem ?? '');
        this.showHeader();
        this.showDetails();
        this.showWanted();
        break;
      case 'checksums':
        if (message.generation !== this.generation) return;
        this.checksums = message.problems;
        this.showHeader();
        break;
      case 'disk':
        this.header.setDisk(message);
        this.header.element.hidden = false;
        if (message.state === 'failed') this.reading.hidden = true;
        break;
    }
  }

  private addResults(results: readonly SummaryResult[]): void {
    for (const result of results) this.asked.delete(result.tensor);
    this.tensors.add(results);
    this.showDetails();
    this.showWanted();
  }

  private setOutline(generation: number, outline: TorchOutline): void {
    const again = this.outline !== null || generation > 1;
    const before = this.chosen === null ? this.state.tensor : (this.outline?.tensors[this.chosen]?.name ?? null);
    this.outline = outline;
    this.generation = generation;
    this.asked.clear();
    this.checksums = null;
    this.problem.hidden = true;
    this.reading.hidden = true;
    this.header.element.hidden = false;
    this.showHeader();
    const empty = outline.nodes.length === 0;
    this.panes.hidden = empty;
    this.toolbar.element.hidden = empty;
    this.elsewhere.hidden = !empty || outline.verdict !== 'unverifiable';
    this.panes.classList.toggle('no-tensors', outline.tensors.length === 0);
    this.tree.setOutline(outline);
    this.tensors.setTensors(outline.tensors);
    const at = outline.tensors.findIndex((tensor) => tensor.name === before);
    this.chosen = at >= 0 ? at : (this.tensors.shown[0] ?? null);
    this.search();
    if (this.chosen !== null) this.tensors.show(this.chosen);
    this.showDetails();
    if (!again && !empty) this.tree.rows.element.focus({ preventScroll: true });
  }

  private showHeader(): void {
    if (this.outline) this.header.show(this.outline, { problems: this.checksums, running: this.checking });
  }

  private choose(tensor: number): void {
    if (tensor === this.chosen) return;
    this.chosen = tensor;
    this.keep({ tensor: this.outline?.tensors[tensor]?.name ?? null });
    this.showDetails();
  }

  private ask(tensors: readonly number[]): void {
    const wanted = tensors.filter((tensor) => this.tensors.result(tensor) === null);
    if (wanted.length === 0) return;
    for (const tensor of wanted) this.asked.add(tensor);
    send({ type: 'summarize', generation: this.generation, tensors: wanted });
    this.showDetails();
    this.showWanted();
  }

  private showDetails(): void {
    const tensor = this.chosen === null ? null : (this.outline?.tensors[this.chosen] ?? null);
    this.details.show(
      tensor,
      this.chosen === null ? null : this.tensors.result(this.chosen),
      this.chosen !== null && this.asked.has(this.chosen),
    );
  }

  private showWanted(): void {
    const unknown = this.tensors.shown.filter((tensor) => this.tensors.result(tensor) === null);
    this.toolbar.setWanted(unknown.length, this.asked.size > 1);
  }

  private search(): void {
    const text = this.state.search;
    const values = this.tree.search(text);
    const tensors = this.tensors.search(text);
    const total = this.outline?.tensorCount ?? 0;
    const listed = this.outline?.tensors.length ?? 0;
    if (values !== null)
      this.toolbar.setFound(
        values === 0 && tensors === 0
          ? 'nothing found'
          : `${formatCount(values)} value${values === 1 ? '' : 's'}, ${formatCount(tensors)} tensor${tensors === 1 ? '' : 's'}`,
      );
    else this.toolbar.setFound(total > listed ? `the first ${formatCount(listed)} tensors` : '');
    this.showWanted();
  }

  private keep(change: Partial<PageState>): void {
    this.state = { ...this.state, ...change };
    saveState(this.state);
  }
}

new Page().start(pageRoot());
