/**
 * The filter above the table: `stage:student loss<2.1 lr:1e-5 state:failed,killed -seed:3 llama`. Each word must hold; a word
 * by itself is looked for in a run's name, state, stage, parent, tags and notes. What cannot be read is told in one line.
 */
import { type Cell, listed, NONE, numberIn } from './cell';
import { ARGUMENT, type Column, type Columns, isArgument } from './columns';
import type { RunRow } from './row';
import { type Operator, stands, type TypedRange, typedNumber, typedRange, ValueProblem } from './typedValue';

export interface Filter {
  matches(row: RunRow): boolean;
  /** Ids of the columns that it asks, besides those in which words are looked for. */
  readonly columns: readonly string[];
}

export type ReadFilter =
  | { readonly filter: Filter; readonly problem: null }
  /** One line: what is wrong, and what to type. */
  | { readonly filter: null; readonly problem: string };

class FilterProblem extends Error {}

/** A word as it was typed, with which of its characters stood in quotes. */
interface Word {
  readonly text: string;
  readonly quoted: readonly boolean[];
}

/** @throws FilterProblem */
function wordsOf(typed: string): Word[] {
  const words: Word[] = [];
  let text = '';
  let quoted: boolean[] = [];
  let inQuotes = false;
  let begun = false;
  const end = (): void => {
    if (begun) words.push({ text, quoted });
    text = '';
    quoted = [];
    begun = false;
  };
  for (const character of typed) {
    if (character === '"') {
      inQuotes = !inQuotes;
      begun = true;
    } else if (!inQuotes && /\s/.test(character)) end();
    else {
      text += character;
      for (let index = 0; index < character.length; index += 1) quoted.push(inQuotes);
      begun = true;
    }
  }
  if (inQuotes) throw new FilterProblem('A quote is open: close it with ".');
  end();
  return words;
}

interface Term {
  readonly negated: boolean;
  /** Null where the word stands by itself. */
  readonly column: string | null;
  readonly operator: Operator | '!=';
  /** More than one where they are parted by commas: any of them will do. */
  readonly values: readonly string[];
}

const OPERATOR = /^(!=|<=|>=|[:<>=])/;

function termOf(word: Word): Term {
  const isPlain = (index: number): boolean => word.quoted[index] === false;
  // `--seed:1` is the column `--seed`; `-seed:1` is all runs but those.
  const negated = isPlain(0) && (/^-(?!-)./.test(word.text) || /^![^=]/.test(word.text));
  const from = negated ? 1 : 0;
  for (let index = from; index < word.text.length; index += 1) {
    const [operator] = isPlain(index) ? (OPERATOR.exec(word.text.slice(index)) ?? []) : [];
    if (operator === undefined) continue;
    const column = word.text.slice(from, index);
    const values: string[] = [];
    let start = index + operator.length;
    for (let at = start; at <= word.text.length; at += 1) {
      if (at < word.text.length && !(word.text[at] === ',' && isPlain(at))) continue;
      values.push(word.text.slice(start, at));
      start = at + 1;
    }
    return { negated, column, operator: operator as Term['operator'], values };
  }
  return { negated, column: null, operator: ':', values: [word.text.slice(from)] };
}

/** `learning_rate` is also `lr`. */
function initials(name: string): string {
  return name
    .split('_')
    .map((part) => part.charAt(0))
    .join('');
}

function namesOf({ id, title, words }: Column): string[] {
  return [id, title.replaceAll(' ', ''), title.replaceAll(' ', '_'), ...words].map((name) => name.toLowerCase());
}

/** How many letters two words differ by, up to 2. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** The columns by what may be typed for them. @throws FilterProblem */
function columnNamed(typed: string, columns: Columns): Column {
  const wanted = typed.toLowerCase();
  const exact = columns.all.find((column) => namesOf(column).includes(wanted));
  if (exact !== undefined) return exact;
  const short = columns.all.filter((column) => isArgument(column) && initials(column.title.toLowerCase()) === wanted);
  const [only] = short;
  if (short.length === 1 && only !== undefined) return only;
  const names = short.map(({ title }) => title);
  if (names.length > 1) {
    throw new FilterProblem(
      `“${typed}” may be ${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}: write it out.`,
    );
  }
  const near = columns.all
    .flatMap((column) => namesOf(column))
    .filter((name) => !name.startsWith(ARGUMENT))
    .map((name) => ({ name, far: name.startsWith(wanted) ? 0.5 : distance(name, wanted) }))
    .filter(({ far }) => far <= 2)
    .sort((a, b) => a.far - b.far)[0];
  const advice = near === undefined ? 'Put it in quotes to look for it as text' : `Did you mean ${near.name}`;
  throw new FilterProblem(`There is no column “${typed}”. ${advice}${near === undefined ? '.' : '?'}`);
}

function isUnknown(cell: Cell): boolean {
  return cell === null || cell === NONE;
}

type Test = (cell: Cell) => boolean;

function textTest(column: Column, operator: Operator, value: string): Test {
  if (operator !== ':' && operator !== '=') {
    throw new FilterProblem(`${column.title} is a text: ${column.id}:${value === '' ? '…' : value} looks for it.`);
  }
  if (value === '') throw new FilterProblem(`After ${column.title} goes what it contains, or “${NONE}”.`);
  const wanted = value.toLowerCase();
  return (cell) => {
    const text = String(cell ?? '').toLowerCase();
    return operator === '=' ? text === wanted : text.includes(wanted);
  };
}

/** Each of the words by itself: `tag=keep` is a run that has just this one among others. */
function wordsTest(column: Column, operator: Operator, value: string): Test {
  const isIt = textTest(column, operator, value);
  return (cell) => listed(cell).some(isIt);
}

function numberTest(operator: Operator, range: TypedRange): Test {
  return (cell) => {
    const number = numberIn(cell);
    return number !== undefined && stands(number, operator, range);
  };
}

/** An argument's values may be numbers in one run and words in another. */
function valueTest(column: Column, operator: Operator, value: string, now: number): Test {
  if (operator !== ':' && operator !== '=') return numberTest(operator, typedRange(column, operator, value, now));
  if (value === '') throw new FilterProblem(`After ${column.title} goes its value, or “${NONE}”.`);
  const asText = textTest(column, operator, value);
  if (typedNumber(value) === undefined) return asText;
  const asNumber = numberTest(operator, typedRange(column, operator, value, now));
  return (cell) => (typeof cell === 'number' ? asNumber(cell) : asText(cell));
}

function testOf(column: Column, operator: Operator, value: string, now: number): Test {
  const isEqual = operator === ':' || operator === '=';
  if (isEqual && value.toLowerCase() === NONE) return isUnknown;
  if (column.kind === 'value') return valueTest(column, operator, value, now);
  if (column.kind === 'text') return textTest(column, operator, value);
  if (column.kind === 'words') return wordsTest(column, operator, value);
  if (isEqual && value.toLowerCase() === 'nan') return (cell) => Number.isNaN(numberIn(cell));
  return numberTest(operator, typedRange(column, operator, value, now));
}

/** What a word by itself is looked for in. */
const SEARCHED = ['run', 'state', 'stage', 'parent', 'tags', 'notes'];

const searched = new WeakMap<RunRow, string>();

function searchedText(row: RunRow, places: readonly number[]): string {
  let text = searched.get(row);
  if (text === undefined) {
    // A break between them: what is looked for has none.
    text = places
      .map((place) => String(row.cells[place] ?? ''))
      .join('\n')
      .toLowerCase();
    searched.set(row, text);
  }
  return text;
}

interface Predicate {
  readonly holds: (row: RunRow) => boolean;
  readonly column: string | null;
}

function predicateOf(term: Term, columns: Columns, now: number): Predicate {
  if (term.column === null) {
    const places = SEARCHED.map((id) => columns.placeOf(id));
    const wanted = (term.values[0] ?? '').toLowerCase();
    return { holds: (row) => searchedText(row, places).includes(wanted), column: null };
  }
  if (term.column === '') {
    throw new FilterProblem(`Before ${term.operator} goes a column’s name, as in loss${term.operator}2.1.`);
  }
  const column = columnNamed(term.column, columns);
  const place = columns.placeOf(column.id);
  const operator = term.operator === '!=' ? '=' : term.operator;
  const tests = term.values.map((value) => testOf(column, operator, value, now));
  const isAny = (row: RunRow): boolean => tests.some((test) => test(row.cells[place] ?? null));
  return { holds: term.operator === '!=' ? (row) => !isAny(row) : isAny, column: column.id };
}

/**
 * Reads a filter; an empty one matches every run.
 *
 * @param now Unix seconds, for `started:today`
 */
export function readFilter(typed: string, columns: Columns, now: number): ReadFilter {
  try {
    const predicates = wordsOf(typed).map((word) => {
      const term = termOf(word);
      const { holds, column } = predicateOf(term, columns, now);
      return { holds: term.negated ? (row: RunRow) => !holds(row) : holds, column };
    });
    const asked = predicates.flatMap(({ column }) => column ?? []);
    return { filter: { matches: (row) => predicates.every(({ holds }) => holds(row)), columns: asked }, problem: null };
  } catch (error) {
    if (!(error instanceof FilterProblem || error instanceof ValueProblem)) throw error;
    return { filter: null, problem: error.message };
  }
}
