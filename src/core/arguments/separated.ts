/**
 * Several texts in one, between separators. A backslash makes a separator part of a text. Backslashes that stand right before
 * a separator come in pairs then; all others are themselves, so that paths stay readable.
 */

import { valueText } from '../format';

/** A value as one types it: the entries of a list between commas. */
export function typedText(value: unknown): string {
  return Array.isArray(value) ? joinSeparated((value as unknown[]).map(valueText), ',') : valueText(value);
}

/**
 * `a | b\|c` → `a`, `b|c`, each without blanks around it.
 *
 * @param separators single characters
 */
export function splitSeparated(text: string, separators: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (const [token] of text.matchAll(/\\*[^\\]|\\+$/gs)) {
    const character = token.replace(/^\\+(?=[^\\])/, '');
    const backslashes = token.length - character.length;
    if (!separators.includes(character) || /^\\/.test(character)) part += token;
    else {
      part += '\\'.repeat(Math.floor(backslashes / 2));
      if (backslashes % 2 === 1) part += character;
      else {
        parts.push(part.trim());
        part = '';
      }
    }
  }
  return [...parts, part.trim()];
}

/**
 * What `splitSeparated` reads back as these texts.
 *
 * @param between stands between two texts: a separator, perhaps with blanks
 */
export function joinSeparated(texts: readonly string[], between: string, separators = between.trim()): string {
  const escaped = texts.map((text) =>
    text.replace(/(\\*)([^\\])/gs, (token, backslashes: string, character: string) =>
      separators.includes(character) ? `${backslashes}${backslashes}\\${character}` : token,
    ),
  );
  // Where the separator follows at once.
  const last = escaped.length - 1;
  return escaped
    .map((text, at) => (at < last && between.trimStart() === between ? text.replace(/\\+$/, '$&$&') : text))
    .join(between);
}
