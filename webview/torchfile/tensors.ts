/** The tensors as a table that sorts by any column; statistics fill in as they come. */
import type { OutlineTensor, SummaryResult, TensorSummary } from '../../src/core/torchfile/outlineTypes';
import { formatBytes, formatCount, formatValue } from '../../src/core/format';
import { h } from '../ui/dom';
import { VirtualRows } from './virtualRows';

interface Column {
  readonly id: string;
  readonly title: string;
  /** Said in full, for a pointer and a screen reader. */
  readonly long?: string;
  readonly numeric: boolean;
  text(tensor: OutlineTensor, summary: TensorSummary | null): string;
  /** Null sorts last. */
  value(tensor: OutlineTensor, summary: TensorSummary | null): number | string | null;
}

function statistic(id: string, title: string, long: string, of: (summary: TensorSummary) => number | null): Column {
  const value = (_: OutlineTensor, summary: TensorSummary | null): number | null => (summary ? of(summary) : null);
  return {
    id,
    title,
    long,
    numeric: true,
    value,
    text: (tensor, summary) => {
      const number = value(tensor, summary);
      return number === null ? '' : formatValue(number);
    },
  };
}

export function shapeText(shape: readonly number[]): string {
  return `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
}

const COLUMNS: readonly Column[] = [
  { id: 'name', title: 'Name', numeric: false, text: (tensor) => tensor.name, value: (tensor) => tensor.name },
  { id: 'dtype', title: 'Type', numeric: false, text: (tensor) => tensor.dtype, value: (tensor) => tensor.dtype },
  {
    id: 'shape',
    title: 'Shape',
    numeric: false,
    text: (tensor) =>
      tensor.stride === null
        ? shapeText(tensor.shape)
        : `${shapeText(tensor.shape)} stride ${shapeText(tensor.stride)}`,
    value: (tensor) => tensor.shape.map((size) => String(size).padStart(12, '0')).join(),
  },
  {
    id: 'elements',
    title: 'Elements',
    numeric: true,
    text: (tensor) => formatCount(tensor.elements),
    value: (tensor) => tensor.elements,
  },
  {
    id: 'bytes',
    title: 'Size',
    numeric: true,
    text: (tensor) => formatBytes(tensor.bytes),
    value: (tensor) => tensor.bytes,
  },
  {
    id: 'storage',
    title: 'Storage',
    numeric: false,
    text: (tensor) => `${tensor.storage}${tensor.sharing > 1 ? ` (×${tensor.sharing})` : ''}`,
    value: (tensor) => tensor.storage.replace(/\d+/g, (digits) => digits.padStart(12, '0')),
  },
  statistic('min', 'Min', 'Smallest finite value', (summary) => summary.min),
  statistic('max', 'Max', 'Largest finite value', (summary) => summary.max),
  statistic('mean', 'Mean', 'Mean of the finite values', (summary) => summary.mean),
  statistic('std', 'Std', 'Standard deviation of the finite values', (summary) => summary.std),
  statistic('nonfinite', 'NaN, ∞', 'Values that are not finite', (summary) => summary.nan + summary.infinite),
];

export interface TensorsListener {
  chosen(tensor: number): void;
  /** Its statistics are asked for. */
  asked(tensor: number): void;
  sorted(column: string, descending: boolean): void;
}

export class Tensors {
  readonly rows: VirtualRows;
  private tensors: readonly OutlineTensor[] = [];
  private readonly results = new Map<number, SummaryResult>();
  /** Indices in the order shown. */
  private order: number[] = [];
  private needle = '';
  private readonly headings: ReadonlyMap<string, HTMLElement>;

  constructor(
    private sort: string,
    private descending: boolean,
    private readonly listener: TensorsListener,
  ) {
    this.headings = new Map(COLUMNS.map((column) => [column.id, this.heading(column)]));
    this.rows = new VirtualRows({
      role: 'grid',
      label: 'Tensors',
      id: 'tensor',
      header: h('div', { class: 'row head', role: 'row', 'aria-rowindex': 1 }, ...this.headings.values()),
      render: (index) => this.render(index),
      activate: (index) => {
        const tensor = this.order[index];
        if (tensor !== undefined) listener.asked(tensor);
      },
      moved: (index) => {
        const tensor = this.order[index];
        if (tensor !== undefined) listener.chosen(tensor);
      },
    });
  }

  setTensors(tensors: readonly OutlineTensor[]): void {
    this.tensors = tensors;
    this.results.clear();
    this.relist();
  }

  /** Those that are shown, in their order. */
  get shown(): readonly number[] {
    return this.order;
  }

  get chosen(): number | null {
    return this.order[this.rows.active] ?? null;
  }

  result(tensor: number): SummaryResult | null {
    return this.results.get(tensor) ?? null;
  }

  add(results: readonly SummaryResult[]): void {
    for (const result of results) this.results.set(result.tensor, result);
    const byStatistic = !['', 'name', 'dtype', 'shape', 'elements', 'bytes', 'storage'].includes(this.sort);
    if (byStatistic) this.relist();
    else this.rows.reset(this.order.length);
  }

  /** How many names contain the text. */
  search(text: string): number {
    this.needle = text.toLowerCase();
    this.relist();
    return this.order.length;
  }

  show(tensor: number): void {
    const at = this.order.indexOf(tensor);
    if (at >= 0) this.rows.show(at);
  }

  private summary(tensor: number): TensorSummary | null {
    const result = this.results.get(tensor);
    return result && 'summary' in result ? result.summary : null;
  }

  private relist(): void {
    const before = this.chosen;
    const { needle } = this;
    const matches = (tensor: OutlineTensor): boolean =>
      needle === '' ||
      tensor.name.toLowerCase().includes(needle) ||
      tensor.dtype.includes(needle) ||
      shapeText(tensor.shape).includes(needle);
    const order: number[] = [];
    this.tensors.forEach((tensor, index) => {
      if (matches(tensor)) order.push(index);
    });
    const column = COLUMNS.find((each) => each.id === this.sort);
    if (column) {
      const sign = this.descending ? -1 : 1;
      const values = new Map(
        order.map((index) => [index, column.value(this.tensors[index] as OutlineTensor, this.summary(index))]),
      );
      // One collator: localeCompare makes one for every pair.
      const collator = new Intl.Collator(undefined, { numeric: true });
      order.sort((a, b) => {
        const [left, right] = [values.get(a) ?? null, values.get(b) ?? null];
        if (left === null || right === null) return Number(left === null) - Number(right === null) || a - b;
        const apart =
          typeof left === 'number' && typeof right === 'number'
            ? left - right
            : collator.compare(String(left), String(right));
        return sign * apart || a - b;
      });
    }
    this.order = order;
    for (const [id, heading] of this.headings) {
      const direction = id === this.sort ? (this.descending ? 'descending' : 'ascending') : 'none';
      heading.setAttribute('aria-sort', direction);
    }
    this.rows.reset(order.length, Math.max(0, before === null ? 0 : order.indexOf(before)));
  }

  private heading(column: Column): HTMLElement {
    const button = h(
      'button',
      { type: 'button', title: column.long ?? `Sort by ${column.title.toLowerCase()}` },
      column.title,
    );
    button.addEventListener('click', () => {
      this.descending = this.sort === column.id ? !this.descending : column.numeric;
      this.sort = column.id;
      this.listener.sorted(this.sort, this.descending);
      this.relist();
    });
    return h('span', { class: `cell ${column.id} ${column.numeric ? 'number' : ''}`, role: 'columnheader' }, button);
  }

  private render(index: number): HTMLElement {
    const at = this.order[index] ?? -1;
    const tensor = this.tensors[at];
    if (!tensor) return h('div', { class: 'row' });
    const summary = this.summary(at);
    const bad = summary !== null && summary.nan + summary.infinite > 0;
    return h(
      'div',
      { class: `row ${bad ? 'not-finite' : ''}`, role: 'row', 'aria-rowindex': index + 2 },
      ...COLUMNS.map((column) => {
        const text = column.text(tensor, summary);
        return h(
          'span',
          { class: `cell ${column.id} ${column.numeric ? 'number' : ''}`, role: 'gridcell', title: text },
          text,
        );
      }),
    );
  }
}
