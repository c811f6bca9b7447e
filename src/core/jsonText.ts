/**
 * JSON as Python writes it, out of files that may hold anything: bare NaN and Infinity, whole numbers of any size, and a bound
 * on nesting.
 */
import { decodeText, EncodingError } from './textEncoding';

/**
 * Whatever walks through a value later (copying, comparing, writing, sending it to a worker) does so by recursion, and
 * overflows the stack some thousand levels deep; files of a run are a few levels deep.
 */
export const MAX_JSON_DEPTH = 64;

/** Nested deeper than MAX_JSON_DEPTH. */
export class JsonDepthError extends Error {
  constructor() {
    super(`is nested more than ${MAX_JSON_DEPTH} levels deep`);
    this.name = 'JsonDepthError';
  }
}

/**
 * The value of a JSON text, where bare NaN, Infinity and -Infinity become the strings that the contract uses for them, and
 * whole numbers whose digits a double does not keep become bigints.
 * @throws JsonDepthError where it is nested too deep, SyntaxError where it is not JSON
 */
export function parseJsonText(text: string): unknown {
  if (isTooDeep(text)) throw new JsonDepthError();
  return MAYBE_LARGE.test(text) ? parseExactly(text) : parseJsonOfAnyDepth(text);
}

/**
 * The same without the look at its depth, which would nearly double the time where a million lines are read: for who takes
 * named values out and walks no further. @throws SyntaxError
 */
export function parseJsonOfAnyDepth(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const quoted = quoteNonFinite(text);
    if (quoted === text) throw error;
    return JSON.parse(quoted) as unknown;
  }
}

/**
 * Strings are matched first so that words in them stay as they are, and to the text's end where they do not end: trying
 * again behind each escaped quote of a torn file would take seconds for 80 kB.
 */
const NON_FINITE_OR_STRING = /"(?:[^"\\]|\\[^])*\\?(?:"|$)|-?\b(?:NaN|Infinity)\b/g;

/** Python's json module writes bare NaN and Infinity, which JSON does not have (contract section 7). */
function quoteNonFinite(text: string): string {
  return text.replace(NON_FINITE_OR_STRING, (token) => (token.startsWith('"') ? token : `"${token}"`));
}

/** Whole numbers from 2^53 on have 16 digits or more; JSON writes none behind a sign, a point or an exponent. */
const MAYBE_LARGE = /\d{16}/;
const LARGE_OR_STRING = /"(?:[^"\\]|\\[^])*\\?(?:"|$)|-?\d[\d.eE+-]*/g;
/** Marks a whole number that travels through JSON as a string; drawn anew by each process, so that no file can know it. */
const MARK = `whole:${Math.random()}:`;
const MARKED = new RegExp(`"${MARK.replaceAll('.', '\\.')}(-?\\d+)"`, 'g');

function parseExactly(text: string): unknown {
  const quoted = text.replace(LARGE_OR_STRING, (token) => {
    if (token.startsWith('"') || !/^-?[1-9]\d{15,}$/.test(token) || String(Number(token)) === token) return token;
    return `"${MARK}${token}"`;
  });
  const value = parseJsonOfAnyDepth(quoted);
  return quoted === text ? value : unmark(value);
}

function unmark(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value;
  if (Array.isArray(value)) return value.map(unmark);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unmark(item)]));
}

/** A value as JSON text; bigints as the whole numbers they are, which JSON.stringify refuses to write. */
export function stringifyJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(
    value,
    (_, item: unknown) => (typeof item === 'bigint' ? `${MARK}${item}` : item),
    indent,
  );
  return text.replace(MARKED, '$1');
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Counted in the text, before anything is built from it. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > MAX_JSON_DEPTH) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}

/** The closing quote of the string that begins at `from`, or the text's end. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  return text.length;
}

/** The newest schema that this version reads and writes (contract, beginning). */
export const SCHEMA = 1;
/**
 * No document of a run or a checkpoint is as long; the longest is a trainer_state.json, with a row for each step that was logged.
 * Other metrics files are read another way. The trainer has the same limit (npt/storage/reading.py).
 */
export const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

/** A document that cannot be used; the message is one clause, to be put behind the file's path. */
export class FileContentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FileContentError';
  }
}

/** A document that a newer version wrote: not damaged, and not ours to change. */
export class NewerSchemaError extends FileContentError {}

/**
 * The object that a JSON file holds, in any encoding of textEncoding.ts.
 *
 * @param content the file's bytes, or its text
 * @throws FileContentError
 */
export function parseObject(content: Uint8Array | string): JsonObject {
  let text: string;
  try {
    text = typeof content === 'string' ? content : decodeText(content);
  } catch (error) {
    if (error instanceof EncodingError) throw new FileContentError(error.clause);
    throw error;
  }
  if (text.trim() === '') throw new FileContentError('is empty');
  let value: unknown;
  try {
    value = parseJsonText(text);
  } catch (error) {
    if (error instanceof JsonDepthError) throw new FileContentError(error.message);
    throw new FileContentError(`is not JSON${placeOfError(text)}`);
  }
  if (!isObject(value)) throw new FileContentError('is not a JSON object');
  return value;
}

/** The same for a document with a schema number. @throws FileContentError for a newer one, too */
export function parseDocument(content: Uint8Array | string): JsonObject {
  const value = parseObject(content);
  const schema = numberIn(value, 'schema');
  if (schema !== null && schema > SCHEMA) {
    throw new NewerSchemaError(
      `has schema ${schema}; this version of NPT Checkpoints reads schema ${SCHEMA}: update it to read this`,
    );
  }
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number, or one of the contract's three strings for numbers that are not finite; null for anything else. */
export function asNumber(value: unknown): number | null {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
  return null;
}

export function numberIn(object: JsonObject, key: string): number | null {
  return asNumber(object[key]);
}

export function stringIn(object: JsonObject, key: string): string | null {
  const value = object[key];
  return typeof value === 'string' ? value : null;
}

/** A step, a segment, a size: a whole number that is not negative; null for anything else. */
export function countIn(object: JsonObject, key: string): number | null {
  const value = object[key];
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** Configurations are a few kilobytes long; looking for the line of a mistake in millions of them takes seconds. */
const LONGEST_SEARCHED = 256 * 1024;

/** " (line 3)" where a text of several lines stops being JSON; nothing to add where it is a single line. */
function placeOfError(text: string): string {
  if (text.length > LONGEST_SEARCHED || !text.trimEnd().includes('\n')) return '';
  const line = text.slice(0, jsonEnd(text)).split('\n').length;
  return ` (line ${line})`;
}

const TOKEN =
  /[\s\uFEFF]*(?:([{}[\],:])|("(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity)(?![\w.]))/uy;

/** How far a text is JSON: the place of the first token that cannot stand where it does. */
function jsonEnd(text: string): number {
  const open: string[] = [];
  // What may come next: a value, a key, a colon, or a comma or closing bracket.
  let next: 'value' | 'first' | 'key' | 'firstKey' | 'colon' | 'more' | 'nothing' = 'value';
  let end = 0;
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    const [whole, mark, string] = token;
    const at = TOKEN.lastIndex - whole.trimStart().length;
    const closes = (mark === ']' && open.at(-1) === '[') || (mark === '}' && open.at(-1) === '{');
    const after = (): typeof next => (open.length === 0 ? 'nothing' : 'more');
    if (closes && (next === 'more' || next === (mark === ']' ? 'first' : 'firstKey'))) {
      open.pop();
      next = after();
    } else if (next === 'value' || next === 'first') {
      if (mark === '{' || mark === '[') {
        open.push(mark);
        next = mark === '[' ? 'first' : 'firstKey';
      } else if (mark === undefined) next = after();
      else return at;
    } else if ((next === 'key' || next === 'firstKey') && string !== undefined) next = 'colon';
    else if (next === 'colon' && mark === ':') next = 'value';
    else if (next === 'more' && mark === ',') next = open.at(-1) === '[' ? 'value' : 'key';
    else return at;
    end = TOKEN.lastIndex;
  }
  // The first thing that is no token at all; blank lines before it are not where the trouble is.
  const rest = text.slice(end);
  return rest.trim() === '' ? text.trimEnd().length : end + (rest.length - rest.trimStart().length);
}
