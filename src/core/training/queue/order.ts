/**
 * The order of a queue. Each entry has a string of digits, read as a decimal fraction, so that there is room between any two for
 * another: moving an entry renames that one alone.
 */

/** What is ordered: ids tell those apart whose order two windows chose at the same moment. */
export interface Ordered {
  readonly id: string;
  readonly order: string;
}

export function compareOrder(a: Ordered, b: Ordered): number {
  return a.order < b.order ? -1 : a.order > b.order ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Digits that the usual orders have before the fractions in between. */
const WIDTH = 9;
/** An order is a part of a file's name, which has bounds. Each move to the same place adds a digit. */
const LONGEST = 100;

/** For an entry behind all others. */
export function orderBehind(entries: readonly Ordered[]): string {
  const last = entries.map(({ order }) => order).reduce((most, order) => (order > most ? order : most), '');
  const whole = BigInt(last.slice(0, WIDTH).padEnd(WIDTH, '0')) + 1n;
  const next = whole.toString().padStart(WIDTH, '0');
  // Nobody queues a thousand million entries, but somebody may have renamed one.
  return next.length === WIDTH ? next : between(last, null);
}

/**
 * An order between two.
 *
 * @param before the one it comes behind; empty for none
 * @param after the one it comes before, which is greater; null for none
 */
export function between(before: string, after: string | null): string {
  const digits = Math.max(before.length, after?.length ?? 0) + 1;
  const low = BigInt(before.padEnd(digits, '0') || '0');
  const high = after === null ? 10n ** BigInt(digits) : BigInt(after.padEnd(digits, '0'));
  const middle = ((low + high) / 2n).toString().padStart(digits, '0');
  return middle.replace(/0+$/, '');
}

export interface Reordered {
  readonly id: string;
  readonly order: string;
}

/**
 * What to rename so that an entry has a place among the others: itself, and neighbours whose order is the same as another's.
 *
 * @param place counted from 0 among the entries after the move
 * @returns in the order in which to rename; empty where the entry is not there, or there already
 */
export function moved(entries: readonly Ordered[], id: string, place: number): Reordered[] {
  const sorted = [...entries].sort(compareOrder);
  const from = sorted.findIndex((entry) => entry.id === id);
  const entry = sorted[from];
  const to = Math.max(0, Math.min(place, sorted.length - 1));
  if (entry === undefined || from === to) return [];
  const wanted = sorted.filter((each) => each.id !== id);
  wanted.splice(to, 0, entry);
  const changes: Reordered[] = [];
  let previous = '';
  wanted.forEach((each, at) => {
    if (each.id !== id && each.order > previous) {
      previous = each.order;
      return;
    }
    const next = wanted.slice(at + 1).find((later) => later.id !== id && later.order > previous)?.order ?? null;
    previous = between(previous, next);
    changes.push({ id: each.id, order: previous });
  });
  if (changes.every(({ order }) => order.length <= LONGEST)) return changes;
  return wanted.map((each, at) => ({ id: each.id, order: (at + 1).toString().padStart(WIDTH, '0') }));
}
