/** CSV as RFC 4180 has it. */

/** A text as a cell: in quotes where it has to be. */
export function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
