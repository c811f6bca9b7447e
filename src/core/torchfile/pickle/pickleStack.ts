/** The pickle machine's memory: its stack, the stacks that marks have set aside, and the memo. All of it has bounds. */
import { PickleFormatError, type PickleLimits } from './pickleTypes';
import type { PyValue } from './values';

export class PickleStack {
  /** Since the last mark. */
  private items: PyValue[] = [];
  /** Stacks set aside by MARK. */
  private readonly marks: PyValue[][] = [];
  private readonly memo = new Map<number, PyValue>();
  /** Values on all stacks together. */
  private total = 0;

  constructor(private readonly limits: PickleLimits) {}

  get empty(): boolean {
    return this.items.length === 0;
  }

  get memoSize(): number {
    return this.memo.size;
  }

  mark(): void {
    if (this.marks.length >= this.limits.depth)
      throw new PickleFormatError(`more than ${this.limits.depth} nested marks`, 'limit');
    this.marks.push(this.items);
    this.items = [];
  }

  push(value: PyValue): void {
    if (++this.total > this.limits.stack)
      throw new PickleFormatError(`more than ${this.limits.stack} values on the stack`, 'limit');
    this.items.push(value);
  }

  pop(): PyValue {
    const value = this.items.pop();
    if (value === undefined) throw new PickleFormatError('it takes from an empty stack');
    this.total--;
    return value;
  }

  top(): PyValue {
    const value = this.items[this.items.length - 1];
    if (value === undefined) throw new PickleFormatError('it takes from an empty stack');
    return value;
  }

  /** In the order in which they were pushed. */
  popMany(count: number): PyValue[] {
    if (this.items.length < count) throw new PickleFormatError('it takes from an empty stack');
    this.total -= count;
    return this.items.splice(this.items.length - count, count);
  }

  /** Everything since the last mark. */
  popMark(): PyValue[] {
    const below = this.marks.pop();
    if (!below) throw new PickleFormatError('a mark that was never set');
    const { items } = this;
    this.items = below;
    this.total -= items.length;
    return items;
  }

  /** Like popMark, for items that will be spread into arguments: JavaScript's own call stack bounds those. */
  popMarkChecked(): PyValue[] {
    const items = this.popMark();
    if (items.length > 50_000) throw new PickleFormatError('a call or set of absurd length', 'limit');
    return items;
  }

  /** Stores the top of the stack in the memo. */
  remember(index: number): void {
    if (this.memo.size >= this.limits.memo && !this.memo.has(index)) {
      throw new PickleFormatError(`more than ${this.limits.memo} memo entries`, 'limit');
    }
    this.memo.set(index, this.top());
  }

  recall(index: number): PyValue {
    const value = this.memo.get(index);
    if (value === undefined) throw new PickleFormatError(`memo entry ${index} was never stored`);
    return value;
  }
}
