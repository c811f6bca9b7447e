/**
 * notes.md (contract section 1): what people write of a run, in Markdown. Its tags stand in the front matter, as other programs
 * that keep Markdown have them: `tags: [keep, baseline]`, or one a line. Everything else in it is read, and never written.
 */
import { decodeText, EncodingError } from '../textEncoding';
import { FileContentError } from '../jsonText';
import type { RunNotes } from './model';

/** Of what a row or a tooltip shows; the file has the rest. */
const LONGEST_SUMMARY = 300;

/** Where the tags of a text stand, in its lines. */
export interface TagLines {
  readonly lines: readonly string[];
  /** How many lines the front matter has, its two marks with it; 0 where there is none. */
  readonly head: number;
  /** The lines from `from` to before `to` say what the tags are; both 0 where no line does. */
  readonly from: number;
  readonly to: number;
  /** Null where they are written in a way that is not understood. */
  readonly tags: readonly string[] | null;
}

const MARK = /^---[ \t]*$/;
/** What a line between the marks looks like: a key, what belongs to one, a comment, or nothing. */
const OF_HEAD = /^([\w-]+[ \t]*:(\s|$)|[ \t]|-[ \t]|#|$)/;
const KEY = /^tags[ \t]*:[ \t]*(.*?)[ \t]*$/;
const ITEM = /^[ \t]*-[ \t]+(.*?)[ \t]*$/;

export function tagLines(text: string): TagLines {
  const lines = text.split('\n');
  const plain = lines.map((line) => line.replace(/\r$/, ''));
  const none = { lines, head: 0, from: 0, to: 0, tags: [] };
  if (!MARK.test(plain[0] ?? '')) return none;
  const end = plain.findIndex((line, at) => at > 0 && /^(---|\.\.\.)[ \t]*$/.test(line));
  // A rule at the top of a text, and another one later: what is between them is the text.
  if (end === -1 || !plain.slice(1, end).every((line) => OF_HEAD.test(line))) return none;
  const head = end + 1;
  const from = plain.findIndex((line, at) => at < end && KEY.test(line));
  if (from === -1) return { ...none, head };
  const value = KEY.exec(plain[from] ?? '')?.[1] ?? '';
  let to = from + 1;
  while (to < end && /^([ \t]|-[ \t]|-$)/.test(plain[to] ?? '')) to += 1;
  return { lines, head, from, to, tags: tagsOf(value, plain.slice(from + 1, to)) };
}

/** @param below the lines that belong to the key */
function tagsOf(value: string, below: readonly string[]): readonly string[] | null {
  const said = value.replace(/(^|[ \t])#.*$/, '').trim();
  if (said === '') {
    const items = below.filter((line) => line.trim() !== '').map((line) => ITEM.exec(line)?.[1]);
    return items.every((item) => item !== undefined) ? clean(items) : null;
  }
  if (below.some((line) => line.trim() !== '')) return null;
  if (said.startsWith('[')) return said.endsWith(']') ? clean(said.slice(1, -1).split(',')) : null;
  return /^[{|>&*!]/.test(said) ? null : clean(said.split(','));
}

function clean(words: readonly string[]): string[] {
  const tags = words.map((word) =>
    word
      .trim()
      .replace(/^(["'])(.*)\1$/, '$2')
      .replace(/^#/, '')
      .trim(),
  );
  return [...new Set(tags.filter((tag) => tag !== ''))];
}

/** The first line that says something, without the marks of a heading or a list. */
function summaryOf(lines: readonly string[]): string {
  const texts = lines.map((line) => line.trim().replace(/^(#+|[-*+>])[ \t]+/, ''));
  return (texts.find((text) => /[\p{L}\p{N}]/u.test(text)) ?? '').slice(0, LONGEST_SUMMARY);
}

/** @throws FileContentError where it is no text */
export function readNotes(content: Uint8Array): RunNotes {
  try {
    const { lines, head, tags } = tagLines(decodeText(content));
    return { tags: tags ?? [], summary: summaryOf(lines.slice(head)) };
  } catch (error) {
    if (error instanceof EncodingError) throw new FileContentError(error.clause);
    throw error;
  }
}
