/**
 * Text from disk as text: names of runs, checkpoints, records and tensors, lines of logs and whatever messages are made of
 * them. Each function is for one kind of place that would render or run more than text; the wrappers of platform/, the
 * reports, the pages and the command line put everything they show through them, and a lint rule (tools/lint/textDoor.mjs)
 * keeps the rest of the extension from showing anything past them.
 */

/**
 * Characters that are not seen, or that reorder what is: control characters, line and paragraph separators, halves of
 * surrogate pairs, marks of direction (bidi), fillers, tags. The joiners of emoji and of Persian stay, and so does the
 * zero-width space that `plainText` itself puts between two marks.
 */
const UNSEEN =
  /(?:(?<![\]$])\u200b|\u200b(?![({]))|\u034f|\u17b4|\u17b5|[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u180e\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return (
    NAMED[character] ??
    (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`)
  );
}

export interface TextLimit {
  /** What is longer, in UTF-16 units, is cut in the middle. */
  readonly longest: number;
}

const LIMIT: TextLimit = { longest: 1000 };
const CUT = '…';

/** Cuts in the middle: names differ at their ends, and sentences begin and end with our own words. */
export function cutInTheMiddle(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const room = longest - CUT.length;
  const head = text.slice(0, Math.ceil(room / 2));
  const tail = text.slice(text.length - Math.floor(room / 2));
  // Not within a surrogate pair.
  return `${head.replace(/[\ud800-\udbff]$/, '')}${CUT}${tail.replace(/^[\udc00-\udfff]/, '')}`;
}

/**
 * Text for places that show characters and nothing else: a page's elements, a log, a terminal, a table of the command line.
 * What cannot be seen is written out (`\x1b`, `\u202e`, `\n`). May be applied again without effect.
 */
export function visibleText(text: string, { longest }: TextLimit = LIMIT): string {
  // Cut first: a name may have megabytes. And again, since an escape is longer than what it stands for.
  return cutInTheMiddle(cutInTheMiddle(text, longest).replace(UNSEEN, escaped), longest);
}

/** As `visibleText`, for text of our own that has lines: only its breaks and tabs stay what they are. */
export function visibleLines(text: string, { longest }: TextLimit = LIMIT): string {
  return cutInTheMiddle(
    text.replace(UNSEEN, (character) => (/[\n\t]/.test(character) ? character : escaped(character))),
    longest,
  );
}

/**
 * Text for every string in which VS Code looks for more: links `[x](command:…)` in notifications, prompts and messages of a
 * view, icons `$(x)` in quick picks and the status bar, variables `${x}`. A zero-width space parts the two marks that begin
 * each, so it reads as it was. May be applied again without effect.
 */
export function plainText(text: string, limit: TextLimit = LIMIT): string {
  return visibleText(text, limit).replace(/\](?=\()|\$(?=[({])/g, '$&\u200b');
}

/** A label that may have an icon of ours before it. @param icon a codicon's name, such as `sync~spin` */
export function labelText(text: string, icon?: string, limit: TextLimit = LIMIT): string {
  return icon === undefined ? plainText(text, limit) : `$(${icon}) ${plainText(text, limit)}`;
}

/**
 * Text in Markdown: no markup, HTML, link, image or entity in it is one. Bare addresses are parted by a zero-width space,
 * since VS Code's preview looks for them in what the escapes have already become.
 */
export function markdownText(text: string, limit: TextLimit = LIMIT): string {
  return (
    visibleText(text, limit)
      .replace(/[\\`*_{}[\]<>#|~!$&()]/g, (mark) =>
        mark === '<' ? '&lt;' : mark === '>' ? '&gt;' : mark === '&' ? '&amp;' : `\\${mark}`,
      )
      .replace(/\/(?=\/)/g, '/\u200b')
      .replace(/@/g, '\u200b@')
      .replace(/www\./gi, (www) => `${www.slice(0, 3)}\u200b.`)
      .replace(/^([-+=])/, '\\$1')
      // A backslash before a digit would stay one (CommonMark 2.4), and 0.5 begins no list.
      .replace(/^(\d+)\.(?=\s|$)/, '$1\\.')
      .replace(/^ +| +$/g, (spaces) => '\u00a0'.repeat(spaces.length))
  );
}
