/** Lines for places that show one line each and cut what is longer. */

/**
 * Breaks at blanks; a word that is longer than a line is broken behind its last comma there, or else where the line ends.
 *
 * @param columns the longest line, in UTF-16 units
 */
export function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((each) => each !== '')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (joined.length <= columns) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (line.length > columns) {
      const comma = line.lastIndexOf(',', columns - 1);
      // Not within a surrogate pair.
      const whole = /[\ud800-\udbff]/.test(line.charAt(columns - 1)) ? columns - 1 : columns;
      const end = comma < 0 ? whole : comma + 1;
      lines.push(line.slice(0, end));
      line = line.slice(end);
    }
  }
  return line === '' ? lines : [...lines, line];
}
