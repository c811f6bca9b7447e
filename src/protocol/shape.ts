/**
 * What a message looks like, as a check that both sides use: what passes is copied field by field, so that nothing else travels
 * along; anything else is refused as a whole.
 */

/** Stands for what is no such value; `undefined` may be one. */
export const REFUSED = Symbol('refused');

export type Shape<T> = (raw: unknown) => T | typeof REFUSED;

type Fields = Readonly<Record<string, unknown>>;

function isFields(raw: unknown): raw is Fields {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function where<T>(is: (raw: unknown) => boolean): Shape<T> {
  return (raw) => (is(raw) ? (raw as T) : REFUSED);
}

/** Longer than any path; a metric may be called anything. */
const LONGEST_TEXT = 1 << 16;
const MOST_ITEMS = 1_000_000;

/** A text of at most so many characters; `least` of 1 refuses an empty one. */
export function text(longest = LONGEST_TEXT, least = 0): Shape<string> {
  return where((raw) => typeof raw === 'string' && raw.length >= least && raw.length <= longest);
}

/** A name or a path: a text that says something. */
export const name = text(LONGEST_TEXT, 1);

export const flag: Shape<boolean> = where((raw) => typeof raw === 'boolean');

/** A finite number within these bounds. */
export function number(low = -Infinity, high = Infinity): Shape<number> {
  return where((raw) => typeof raw === 'number' && Number.isFinite(raw) && raw >= low && raw <= high);
}

/** A whole number that counts something. */
export const count: Shape<number> = where((raw) => Number.isSafeInteger(raw) && (raw as number) >= 0);

export const bytes: Shape<ArrayBuffer> = where((raw) => raw instanceof ArrayBuffer);

/** One of these values, and nothing that only looks like it. */
export function word<const T extends string>(...words: readonly T[]): Shape<T> {
  return where((raw) => typeof raw === 'string' && words.some((each) => each === raw));
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (raw) => (raw === null ? null : shape(raw));
}

/** A field that may be left out. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (raw) => (raw === undefined ? undefined : shape(raw));
}

/** The first of these shapes that it has. */
export function either<A, B>(first: Shape<A>, second: Shape<B>): Shape<A | B> {
  return (raw) => {
    const found = first(raw);
    return found === REFUSED ? second(raw) : found;
  };
}

export function list<T>(shape: Shape<T>, most = MOST_ITEMS): Shape<T[]> {
  return (raw) => {
    if (!Array.isArray(raw) || raw.length > most) return REFUSED;
    const items: T[] = [];
    for (const each of raw as unknown[]) {
      const item = shape(each);
      if (item === REFUSED) return REFUSED;
      items.push(item);
    }
    return items;
  };
}

/** Two numbers, the first below the second. */
export const range: Shape<[number, number]> = (raw) => {
  const pair = list(number(), 2)(raw);
  if (pair === REFUSED) return REFUSED;
  const [low, high] = pair;
  return low !== undefined && high !== undefined && low < high ? [low, high] : REFUSED;
};

/** An object with these fields and no others; every field of the type is named, which the compiler sees to. */
export function object<T extends object>(fields: { readonly [K in keyof Required<T>]: Shape<T[K]> }): Shape<T> {
  const shapes = Object.entries<Shape<unknown>>(fields);
  return (raw) => {
    if (!isFields(raw)) return REFUSED;
    const copy: Record<string, unknown> = {};
    for (const [key, shape] of shapes) {
      const value = shape(raw[key]);
      if (value === REFUSED) return REFUSED;
      if (value !== undefined) copy[key] = value;
    }
    return copy as T;
  };
}

/** One of several messages, told apart by the word in their field `type`. */
export function message<T extends { readonly type: string }>(shapes: {
  readonly [K in T['type']]: Shape<Extract<T, { readonly type: K }>>;
}): Shape<T> {
  const byType = new Map(Object.entries<Shape<T>>(shapes));
  return (raw) => (isFields(raw) ? (byType.get(String(raw['type']))?.(raw) ?? REFUSED) : REFUSED);
}

/** The checked copy of what has the shape; undefined for what was refused. */
export function parser<T>(shape: Shape<T>): (raw: unknown) => T | undefined {
  return (raw) => {
    const found = shape(raw);
    return found === REFUSED ? undefined : found;
  };
}
