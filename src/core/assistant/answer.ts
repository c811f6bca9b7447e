/**
 * What all answers keep to. They are JSON, since names, notes and errors from disk are data there and nothing else, and short,
 * since all of an answer is read each time the conversation goes on: what is left out is said, with how to ask for it.
 */
import { type Cell, cellOf } from '../table/cell';
import { visibleText } from '../plainText';

/** Characters that an answer's list may have; some 5,000 tokens. */
export const ROOM = 16_000;

/** A figure: a number that is not finite is its name, as in the logs. */
export type Figure = Cell;

export function figure(value: number | null | undefined): Figure {
  return cellOf(value);
}

/** The longest text from disk; an error's line may be anything. */
const LONGEST = 300;

/** A text from disk, with what cannot be seen written out: a model reads that, too. */
export function textFrom(disk: string, longest = LONGEST): string {
  return visibleText(disk, { longest });
}

/** An answer as the assistant gets it. Fields that are undefined are left out. */
export function answerText(answer: object): string {
  return JSON.stringify(answer);
}

/** As many of the first items as there is room for, one at least. @param room characters */
export function fitting<T>(items: readonly T[], room = ROOM): readonly T[] {
  let used = 0;
  const end = items.findIndex((item) => {
    used += JSON.stringify(item).length + 1;
    return used > room;
  });
  return end < 0 ? items : items.slice(0, Math.max(1, end));
}
