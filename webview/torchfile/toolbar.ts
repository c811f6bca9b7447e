/** Searching, reading the statistics of everything in sight, and how far what is being read has come. */
import type { ReadingTask } from '../../src/protocol/torchFile';
import { formatBytes } from '../../src/core/format';
import { fill, h, setText } from '../ui/dom';

/** Long enough that typing a word searches once. */
const TYPING_MS = 150;

export class Toolbar {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
  private readonly found = h('span', { class: 'dim', role: 'status' });
  private readonly all = h('button', { type: 'button', class: 'button' }, 'Statistics of all');
  private readonly progress = h('span', { class: 'progress' });
  private readonly bars = new Map<ReadingTask, { element: HTMLElement; bar: HTMLElement; text: HTMLElement }>();

  constructor(
    text: string,
    private readonly listener: {
      searched(text: string): void;
      all(): void;
      cancelled(task: ReadingTask): void;
    },
  ) {
    this.input = h('input', {
      type: 'search',
      'aria-label': 'Search keys, values and tensors',
      placeholder: 'Search',
      value: text,
      spellcheck: 'false',
    });
    let timer: number | undefined;
    this.input.addEventListener('input', () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => {
        listener.searched(this.input.value.trim());
      }, TYPING_MS);
    });
    this.all.addEventListener('click', () => {
      listener.all();
    });
    this.element = h(
      'div',
      { class: 'toolbar', role: 'toolbar', 'aria-label': 'File' },
      this.input,
      this.found,
      h('span', { class: 'grow' }),
      this.progress,
      this.all,
    );
  }

  setFound(text: string): void {
    setText(this.found, text);
  }

  /** How many statistics the button would read. */
  setWanted(count: number, reading: boolean): void {
    this.all.hidden = reading || count === 0;
    setText(
      this.all,
      count === 1 ? 'Statistics of 1 tensor' : `Statistics of ${count.toLocaleString('en-US')} tensors`,
    );
  }

  /** Null: the task has ended. */
  setProgress(task: ReadingTask, bytes: { done: number; total: number } | null): void {
    let own = this.bars.get(task);
    if (bytes === null) {
      own?.element.remove();
      this.bars.delete(task);
      return;
    }
    own ??= this.makeBar(task);
    const share = bytes.total === 0 ? 0 : Math.min(1, bytes.done / bytes.total);
    own.bar.style.width = `${100 * share}%`;
    own.bar.parentElement?.setAttribute('aria-valuenow', String(Math.round(100 * share)));
    setText(own.text, bytes.total === 0 ? '' : `${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}`);
  }

  private makeBar(task: ReadingTask): { element: HTMLElement; bar: HTMLElement; text: HTMLElement } {
    const bar = h('i');
    const text = h('span', { class: 'dim' });
    const cancel = h('button', { type: 'button', class: 'button small' }, 'Cancel');
    cancel.addEventListener('click', () => {
      this.listener.cancelled(task);
    });
    const label = task === 'statistics' ? 'Statistics' : 'Checksums';
    const element = h(
      'span',
      { class: 'task' },
      label,
      h(
        'span',
        { class: 'bar', role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 },
        bar,
      ),
      text,
      cancel,
    );
    const made = { element, bar, text };
    this.bars.set(task, made);
    fill(this.progress, ...[...this.bars.values()].map((each) => each.element));
    return made;
  }
}
