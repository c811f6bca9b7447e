/** Aligned columns, and text that cannot move a terminal's cursor. */
import { stringifyJson } from '../core/jsonText';
import { visibleText } from '../core/plainText';

export function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of clean) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return clean
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Names come from the disk, and a name may hold an escape sequence. Nothing is cut: what reads this may be a script. */
export function printable(text: string): string {
  return visibleText(text, { longest: Infinity });
}

/** A JSON document whose strings cannot move a terminal's cursor or turn its text round; JSON's own escapes do that. */
export function printableJson(document: unknown, indent: number | undefined): string {
  return stringifyJson(document, indent).replace(
    /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
