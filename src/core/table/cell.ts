/** What stands in one cell of the table of runs, and how two of them are put in order. */

/** Null: not known. A number that is not finite is its name, since JSON has no other way to carry it. */
export type Cell = number | string | null;

/** What a configuration says in so many words: nothing. A configuration that does not say is null. */
export const NONE = 'none';

const NOT_FINITE: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, '-Infinity': -Infinity };

/** A number as a cell carries it. */
export function cellOf(value: number | null | undefined): Cell {
  return value === null || value === undefined || Number.isFinite(value) ? (value ?? null) : String(value);
}

/** The number in a cell, NaN and infinities too; undefined where it is a text, or not known. */
export function numberIn(cell: Cell): number | undefined {
  if (typeof cell === 'number') return cell;
  return cell === null || !Object.hasOwn(NOT_FINITE, cell) ? undefined : NOT_FINITE[cell];
}

/** What parts the words of a cell that holds several: none of them has a comma in it. */
const BETWEEN = ', ';

/** Several words as one cell; null where there are none. */
export function listCell(words: readonly string[]): Cell {
  return words.length === 0 ? null : words.join(BETWEEN);
}

/** The words of such a cell. */
export function listed(cell: Cell): readonly string[] {
  return cell === null ? [] : String(cell).split(BETWEEN);
}

/** As people order names: `seed9` before `seed10`, `B` beside `b`. */
const names = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** What a column sorts by, of all rows at once: numbers by value, then texts, then NaN, and what is not known at the end. */
export interface SortKeys {
  compare(a: number, b: number, descending: boolean): number;
}

const NUMBER = 0;
const TEXT = 1;
const NAN = 2;
const UNKNOWN = 3;

/**
 * Prepares the comparison of rows by one of their cells; `a` and `b` are places in `cells`.
 *
 * @param rank puts a text in a place of its own, as `training` before `failed`; undefined leaves it to the alphabet
 */
export function sortKeys(cells: readonly Cell[], rank: (text: string) => number | undefined): SortKeys {
  const kinds = new Uint8Array(cells.length);
  const numbers = new Float64Array(cells.length);
  cells.forEach((cell, index) => {
    const number = numberIn(cell) ?? (typeof cell === 'string' ? rank(cell) : undefined);
    if (number !== undefined) {
      kinds[index] = Number.isNaN(number) ? NAN : NUMBER;
      numbers[index] = number;
    } else kinds[index] = typeof cell === 'string' ? TEXT : UNKNOWN;
  });
  return {
    compare: (a, b, descending) => {
      const [kind, other] = [kinds[a] as number, kinds[b] as number];
      if (kind !== other) {
        // Whichever way it is sorted, what cannot be compared comes last.
        const isEither = kind >= NAN || other >= NAN;
        return isEither || !descending ? kind - other : other - kind;
      }
      if (kind >= NAN) return 0;
      const [one, two] = [numbers[a] as number, numbers[b] as number];
      const order =
        kind === TEXT
          ? names.compare(cells[a] as string, cells[b] as string)
          : // Infinities are equal to themselves, which their difference is not.
            one === two
            ? 0
            : one < two
              ? -1
              : 1;
      return descending ? -order : order;
    },
  };
}

/** By name, as `sortKeys` does. */
export function compareNames(a: string, b: string): number {
  return names.compare(a, b);
}
