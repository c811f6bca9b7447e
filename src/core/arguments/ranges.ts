/** Ranges of numbers: `log 1e-6..1e-4 x4` in equal ratios, `lin 1..4 x4` in equal steps, both ends included. */
import { valueText } from '../format';
import { type ValueKind, ValueRefused, numberOf } from './argumentValues';

const MOST_VALUES = 100;

/** Whether a text means a range, perhaps one that is written wrong. */
export function holdsRange(text: string): boolean {
  return text.includes('..') || /^(log|lin)/i.test(text);
}

/**
 * A range's values as one types them. Between the ends they are rounded as far as nobody can tell (three digits or more);
 * where the argument is a whole number, to one.
 *
 * @throws ValueRefused
 */
export function rangeValues(kind: ValueKind, text: string): string[] {
  const { spacing, from, until, count } = parse(text);
  const exact = Array.from({ length: count }, (_, at) => between(spacing, from, until, at / (count - 1)));
  const values = exact.map((value, at) => {
    if (kind.type === 'integer') return Math.round(value);
    if (at === 0) return from;
    if (at === count - 1) return until;
    const gap = Math.min(Math.abs(value - (exact[at - 1] ?? value)), Math.abs((exact[at + 1] ?? value) - value));
    return rounded(value, gap / 100);
  });
  if (new Set(values).size < count) {
    throw new ValueRefused(
      `"${text}" asks for ${count} values, and only ${new Set(values).size} of them differ as whole numbers.`,
    );
  }
  return values.map(valueText);
}

interface Range {
  readonly spacing: 'log' | 'lin';
  readonly from: number;
  readonly until: number;
  readonly count: number;
}

function parse(text: string): Range {
  const [, spacing = '', rest = ''] = /^(log|lin)?(.*)$/is.exec(text) ?? [];
  const [, from = '', until = '', count] =
    /^(.*?)(?<!\.)\.\.(?!\.)(.*?)(?:[x×](.*))?$/is.exec(rest)?.map(trimmed) ?? [];
  if (from === '' || until === '') {
    throw new ValueRefused(`"${text}" is not a range: write log 1e-6..1e-4 x4 or lin 1..4 x4.`);
  }
  const ends = [from, until].map((end) => {
    const number = numberOf(end);
    if (number === null) throw new ValueRefused(`"${text}": "${end}" is not a number (5e-5 and 0.00005 are).`);
    return Number(number);
  }) as [number, number];
  if (spacing === '') {
    throw new ValueRefused(`"${text}": write log before it for equal ratios, or lin for equal steps.`);
  }
  if (count === undefined)
    throw new ValueRefused(`"${text}" does not say how many values: write ${spacing} ${from}..${until} x4.`);
  const many = /^\d+$/.test(count) ? Number(count) : 0;
  if (many < 2 || many > MOST_VALUES) {
    throw new ValueRefused(`"${text}": "x${count}" has to be a whole number of values from x2 to x${MOST_VALUES}.`);
  }
  if (ends[0] === ends[1]) throw new ValueRefused(`"${text}": both ends are the same; write ${from} alone.`);
  const logarithmic = spacing.toLowerCase() === 'log';
  if (logarithmic && Math.min(...ends) <= 0) {
    throw new ValueRefused(`"${text}": both ends of a log range have to be above 0; lin can begin at 0.`);
  }
  return { spacing: logarithmic ? 'log' : 'lin', from: ends[0], until: ends[1], count: many };
}

function trimmed(part: string | undefined): string | undefined {
  return part?.trim();
}

/** @param share 0 at `from`, 1 at `until` */
function between(spacing: Range['spacing'], from: number, until: number, share: number): number {
  if (spacing === 'lin') return from * (1 - share) + until * share;
  return Math.exp(Math.log(from) * (1 - share) + Math.log(until) * share);
}

/** With as few digits as keep within a tolerance, and three where there are as many. */
function rounded(value: number, tolerance: number): number {
  // What the arithmetic leaves of a zero between its ends.
  if (Math.abs(value) < tolerance / 1000) return 0;
  for (let digits = 3; digits < 17; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.abs(short - value) <= tolerance) return short;
  }
  return value;
}
