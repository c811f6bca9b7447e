/** The values as a tree: unfolded line by line, or by what is searched for. */
import type { TorchOutline } from '../../src/protocol/torchFile';
import { h } from '../ui/dom';
import { VirtualRows } from './virtualRows';

/** Indentation ends here; a pickle may nest a thousand levels. */
const MAX_INDENT = 24;
/** A file's first level is unfolded with it when it is short. */
const SHORT = 60;

interface Line {
  readonly node: number;
  readonly level: number;
}

export class Tree {
  readonly rows: VirtualRows;
  private outline: TorchOutline | null = null;
  /** For each node, the index after its last descendant. */
  private ends: number[] = [];
  private lines: Line[] = [];
  private readonly toggled: Set<string>;
  private wanted: Uint8Array | null = null;

  constructor(
    toggled: readonly string[],
    private readonly listener: {
      /** A tensor's line was chosen. */
      tensor(index: number): void;
      toggled(paths: readonly string[]): void;
    },
  ) {
    this.toggled = new Set(toggled);
    this.rows = new VirtualRows({
      role: 'tree',
      label: 'Values',
      id: 'value',
      render: (index) => this.render(index),
      activate: (index) => {
        this.activate(index);
      },
      moved: () => undefined,
      key: (event, index) => this.key(event, index),
    });
    this.rows.element.addEventListener('click', (event) => {
      if (event.target instanceof Element && event.target.closest('.twistie') !== null) this.toggle(this.rows.active);
    });
  }

  setOutline(outline: TorchOutline): void {
    this.outline = outline;
    this.ends = outline.nodes.map((_, index) => index + 1);
    for (let index = outline.nodes.length - 1; index > 0; index--) {
      const parent = outline.nodes[index]?.parent ?? -1;
      if (parent >= 0) this.ends[parent] = Math.max(this.ends[parent] ?? 0, this.ends[index] ?? 0);
    }
    this.wanted = null;
    this.relist();
  }

  /** Shows the lines that contain `text` and what leads to them; how many they are, null without a text. */
  search(text: string): number | null {
    const { outline } = this;
    if (!outline || text === '') {
      this.wanted = null;
      this.relist();
      return null;
    }
    const needle = text.toLowerCase();
    const wanted = new Uint8Array(outline.nodes.length);
    let count = 0;
    outline.nodes.forEach((node, index) => {
      const name = node.tensor === undefined ? '' : (outline.tensors[node.tensor]?.name ?? '');
      if (![node.key, node.text, name].some((each) => each.toLowerCase().includes(needle))) return;
      count++;
      for (let at = index; at >= 0 && wanted[at] === 0; at = outline.nodes[at]?.parent ?? -1) wanted[at] = 1;
    });
    this.wanted = wanted;
    this.relist();
    return count;
  }

  private hasChildren(node: number): boolean {
    return (this.ends[node] ?? 0) > node + 1;
  }

  private path(node: number): string {
    const keys: string[] = [];
    for (let at = node; at >= 0; at = this.outline?.nodes[at]?.parent ?? -1)
      keys.unshift(this.outline?.nodes[at]?.key ?? '');
    return keys.join('\u0000');
  }

  private isOpen(node: number): boolean {
    if (this.wanted) return true;
    const short = this.outline !== null && this.outline.nodes.length <= SHORT;
    const byItself = node === 0 || short;
    return byItself !== (this.toggled.size > 0 && this.toggled.has(this.path(node)));
  }

  private relist(active = this.lines[this.rows.active]?.node ?? 0): void {
    const lines: Line[] = [];
    const total = this.outline?.nodes.length ?? 0;
    // Levels by the ends of what is open, so that no recursion follows the file's nesting.
    const open: number[] = [];
    for (let node = 0; node < total;) {
      while (open.length > 0 && node >= (open[open.length - 1] ?? 0)) open.pop();
      if (this.wanted && this.wanted[node] === 0) {
        node = this.ends[node] ?? total;
        continue;
      }
      lines.push({ node, level: open.length });
      if (this.hasChildren(node) && this.isOpen(node)) {
        open.push(this.ends[node] ?? total);
        node++;
      } else node = this.ends[node] ?? total;
    }
    this.lines = lines;
    const at = lines.findIndex((line) => line.node === active);
    this.rows.reset(lines.length, at < 0 ? 0 : at);
  }

  private toggle(index: number): void {
    const node = this.lines[index]?.node;
    if (node === undefined || !this.hasChildren(node) || this.wanted) return;
    const path = this.path(node);
    if (!this.toggled.delete(path)) this.toggled.add(path);
    this.listener.toggled([...this.toggled]);
    this.relist(node);
  }

  private activate(index: number): void {
    const node = this.outline?.nodes[this.lines[index]?.node ?? -1];
    if (node?.tensor !== undefined) this.listener.tensor(node.tensor);
    else this.toggle(index);
  }

  private key(event: KeyboardEvent, index: number): boolean {
    const line = this.lines[index];
    if (!line) return false;
    const { node } = line;
    const inner = this.hasChildren(node);
    const open = inner && this.isOpen(node);
    if (event.key === ' ') this.activate(index);
    else if (event.key === 'ArrowRight') {
      if (inner && !open) this.toggle(index);
      else if (inner) this.rows.show(index + 1);
    } else if (event.key === 'ArrowLeft') {
      if (open && !this.wanted) this.toggle(index);
      else {
        const parent = this.outline?.nodes[node]?.parent ?? -1;
        const at = this.lines.findIndex((each) => each.node === parent);
        if (at >= 0) this.rows.show(at);
      }
    } else return false;
    return true;
  }

  private render(index: number): HTMLElement {
    const line = this.lines[index];
    const node = this.outline?.nodes[line?.node ?? -1];
    if (!line || !node) return h('div', { class: 'row' });
    const inner = this.hasChildren(line.node);
    const open = inner && this.isOpen(line.node);
    const twistie = h('i', {
      class: `twistie codicon ${inner ? (open ? 'codicon-chevron-down' : 'codicon-chevron-right') : ''}`,
      'aria-hidden': 'true',
    });
    const row = h(
      'div',
      {
        class: `row ${node.risk ?? ''}`,
        role: 'treeitem',
        'aria-level': line.level + 1,
        'aria-expanded': inner ? String(open) : undefined,
        title: `${node.key === '' ? '' : `${node.key}: `}${node.kind === 'more' ? '' : `${node.kind} `}${node.text}`,
      },
      twistie,
      node.key === '' ? null : h('span', { class: 'key' }, node.key),
      h('span', { class: 'kind' }, node.kind === 'more' || node.kind === 'none' ? '' : node.kind),
      h('span', { class: `text ${node.kind}` }, node.text),
    );
    row.style.paddingInlineStart = `${4 + 14 * Math.min(line.level, MAX_INDENT)}px`;
    return row;
  }
}
