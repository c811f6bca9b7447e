/** What is typed behind a column's name in the filter, read as that column's values are: `1e-5`, `40k`, `2h30m`, `1.5GB`, `2026-11-26`. */
import type { Column } from './columns';

export type Operator = ':' | '=' | '<' | '<=' | '>' | '>=';

/** The values that it stands for: from `low`, up to `high`. One number has itself as both. */
export interface TypedRange {
  readonly low: number;
  readonly high: number;
  /** `high` is the first that does not belong to it, as of a day. */
  readonly open: boolean;
}

export class ValueProblem extends Error {}

const COUNTED: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, g: 1e9 };
const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
};
const SECONDS: Readonly<Record<string, number>> = { d: 86400, h: 3600, m: 60, s: 1 };

const NUMBER = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z%]*)$/i;

function one(value: number): TypedRange {
  return { low: value, high: value, open: false };
}

/** A number, with thousands and millions as people write them; undefined where it is none. */
export function typedNumber(text: string): number | undefined {
  const [, digits, unit = ''] = NUMBER.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const factor = unit === '' ? 1 : COUNTED[unit.toLowerCase()];
  return factor === undefined ? undefined : Number(digits) * factor;
}

/** As many digits as were typed are compared where it is to be equal: 2.1 is every loss that would be written so. */
function typedFigure(text: string, operator: Operator): TypedRange | undefined {
  const value = typedNumber(text);
  const decimals = /^[+-]?\d*\.?(\d*)$/.exec(text)?.[1]?.length;
  if (value === undefined) return undefined;
  if (decimals === undefined || (operator !== ':' && operator !== '=')) return one(value);
  const half = 0.5 * 10 ** -decimals;
  return { low: value - half, high: value + half, open: true };
}

function typedShare(text: string): TypedRange | undefined {
  const value = Number(text.replace(/%$/, ''));
  // As it is shown: 40% until 41%.
  return text === '' || Number.isNaN(value) ? undefined : { low: value / 100, high: (value + 1) / 100, open: true };
}

function typedDuration(text: string): TypedRange | undefined {
  if (!/^(\d+\.?\d*[dhms])+$/i.test(text)) return undefined;
  let seconds = 0;
  for (const [, digits, unit = ''] of text.matchAll(/(\d+\.?\d*)([dhms])/gi)) {
    seconds += Number(digits) * (SECONDS[unit.toLowerCase()] ?? 0);
  }
  return one(seconds);
}

function typedBytes(text: string): TypedRange | undefined {
  const [, digits, unit = ''] = NUMBER.exec(text) ?? [];
  const factor = BYTES[unit.toLowerCase()];
  return digits === undefined || factor === undefined ? undefined : one(Number(digits) * factor);
}

function day(date: Date): TypedRange {
  const [year, month, of] = [date.getFullYear(), date.getMonth(), date.getDate()];
  const from = new Date(year, month, of).getTime();
  return { low: from / 1000, high: new Date(year, month, of + 1).getTime() / 1000, open: true };
}

/** A day of this machine's time zone. @param now Unix seconds */
function typedTime(text: string, now: number): TypedRange | undefined {
  const today = new Date(now * 1000);
  if (text.toLowerCase() === 'today') return day(today);
  if (text.toLowerCase() === 'yesterday') {
    return day(new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1));
  }
  const [, year, month, of] = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text) ?? [];
  const date = new Date(Number(year), Number(month) - 1, Number(of));
  return date.getMonth() === Number(month) - 1 && date.getDate() === Number(of) ? day(date) : undefined;
}

const WANTED: Readonly<Record<Exclude<Column['kind'], 'text' | 'words' | 'value'>, string>> = {
  count: 'a number, such as 24000 or 24k',
  loss: 'a number, such as 2.1',
  figure: 'a number, such as 0.5 or 1e-5',
  rate: 'a number, such as 40000 or 40k',
  share: 'a share, such as 50%',
  duration: 'a time with its unit, such as 2h or 1h30m',
  bytes: 'an amount, such as 500MB or 1.5GB',
  time: 'a day, such as 2026-11-26, today or yesterday',
};

/**
 * @param now Unix seconds
 * @throws ValueProblem with what was expected instead
 */
export function typedRange({ title, kind }: Column, operator: Operator, text: string, now: number): TypedRange {
  const range = ((): TypedRange | undefined => {
    switch (kind) {
      case 'count':
      case 'value':
      case 'words':
      case 'text': {
        const value = typedNumber(text);
        return value === undefined ? undefined : one(value);
      }
      case 'loss':
      case 'figure':
      case 'rate':
        return typedFigure(text, operator);
      case 'share':
        return typedShare(text);
      case 'duration':
        return typedDuration(text);
      case 'bytes':
        return typedBytes(text);
      case 'time':
        return typedTime(text, now);
    }
  })();
  if (range !== undefined) return range;
  const wanted =
    kind === 'value' || kind === 'text' || kind === 'words' ? 'a number, such as 0.1 or 1e-5' : WANTED[kind];
  throw new ValueProblem(text === '' ? `After ${title} goes ${wanted}.` : `“${text}” is not ${wanted} (${title}).`);
}

/** Equal but for what arithmetic loses: 0.00001 and 1e-5. */
function same(a: number, b: number): boolean {
  return a === b || Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

/** Whether a number stands so to what was typed. */
export function stands(number: number, operator: Operator, { low, high, open }: TypedRange): boolean {
  if (!open) {
    const equal = same(number, low);
    switch (operator) {
      case ':':
      case '=':
        return equal;
      case '<':
        return number < low && !equal;
      case '<=':
        return number < low || equal;
      case '>':
        return number > low && !equal;
      case '>=':
        return number > low || equal;
    }
  }
  switch (operator) {
    case ':':
    case '=':
      return number >= low && number < high;
    case '<':
      return number < low;
    case '<=':
      return number < high;
    case '>':
      return number >= high;
    case '>=':
      return number >= low;
  }
}
