/** JSON as Python writes it, out of files that may hold anything: bare NaN and Infinity, and a bound on nesting. */

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
 * The value of a JSON text, where bare NaN, Infinity and -Infinity become the strings that the contract uses for them.
 * @throws JsonDepthError where it is nested too deep, SyntaxError where it is not JSON
 */
export function parseJsonText(text: string): unknown {
  if (isTooDeep(text)) throw new JsonDepthError();
  return parseJsonOfAnyDepth(text);
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
