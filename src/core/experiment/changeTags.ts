/** Gives runs tags and takes them away, in the front matter of notes.md; every other line of it stays as it is. */
import * as path from 'node:path';
import { changeFile } from '../changeFile';
import { isAbsent, isFileError, readFailure } from '../files';
import { readDocument } from '../jsonFile';
import { FileContentError } from '../jsonText';
import { decodeText, EncodingError } from '../textEncoding';
import { tagLines } from './notes';
import { NOTES } from './runLayout';
import { NoteError } from './runNotes';

const LONGEST_TAG = 40;

/** What is wrong with a tag as it was typed, in one line; undefined where it will do. */
export function tagProblem(tag: string): string | undefined {
  if (tag.length > LONGEST_TAG) return `A tag has at most ${LONGEST_TAG} characters.`;
  if (!/^[\p{L}\p{N}]/u.test(tag)) return 'A tag begins with a letter or a digit.';
  const wrong = /[^\p{L}\p{M}\p{N} ._/+-]/u.exec(tag)?.[0];
  return wrong === undefined
    ? undefined
    : `A tag cannot have “${wrong}” in it: letters, digits, spaces and . _ / + - can be.`;
}

/** Whether YAML reads the word as nothing but a text. */
function isPlainWord(tag: string): boolean {
  return /^\p{L}[\p{L}\p{M}\p{N}_-]*$/u.test(tag) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(tag);
}

/**
 * A text with other tags.
 *
 * @returns null where it has just these already
 * @throws NoteError where its tags are written in a way that is not understood
 */
export function withTags(text: string, change: (tags: readonly string[]) => readonly string[]): string | null {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : '';
  const { lines, head, from, to, tags } = tagLines(text.slice(mark.length));
  if (tags === null) throw new NoteError(`its tags (line ${from + 1}) are not a list: edit them there`);
  const next = change(tags);
  if (next.length === tags.length && next.every((tag) => tags.includes(tag))) return null;
  const end = /\r\n/.test(text) ? '\r' : '';
  const said = `tags: [${next.map((tag) => (isPlainWord(tag) ? tag : JSON.stringify(tag))).join(', ')}]${end}`;
  const line = next.length === 0 ? [] : [said];
  if (head === 0) return `${mark}${[`---${end}`, ...line, `---${end}`, ...lines].join('\n')}`;
  // Before the mark that ends it, where no line says any yet.
  const at = to === 0 ? head - 1 : from;
  const body = [...lines.slice(0, at), ...line, ...lines.slice(to === 0 ? at : to)];
  const isBare = body.slice(1, body.length - (lines.length - head) - 1).every((each) => each.trim() === '');
  return `${mark}${(isBare ? lines.slice(head) : body).join('\n')}`;
}

/**
 * @param runPath the run's folder
 * @throws NoteError, and Node's own errors for what cannot be written; notes.md is as it was then
 */
export async function changeTags(
  runPath: string,
  { add = [], remove = [] }: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
): Promise<void> {
  const file = path.join(runPath, NOTES);
  await changeFile(file, async () => {
    const text = await notesIn(file);
    const changed = changedText(file, text, (tags) => {
      const kept = tags.filter((tag) => !remove.includes(tag));
      return [...kept, ...add.filter((tag) => !kept.includes(tag))];
    });
    return changed === null ? null : { text: changed };
  });
}

function changedText(file: string, text: string, change: Parameters<typeof withTags>[1]): string | null {
  try {
    return withTags(text, change);
  } catch (error) {
    throw error instanceof NoteError ? new NoteError(`${file}: ${error.message}.`) : error;
  }
}

async function notesIn(file: string): Promise<string> {
  try {
    const bytes = await readDocument(file);
    const text = decodeText(bytes);
    // Written back as UTF-8, with the mark that it had: what was something else would be changed in every line.
    const whole = [text, `\ufeff${text}`].find((each) => Buffer.from(bytes).equals(Buffer.from(each)));
    if (whole === undefined) throw new NoteError(`${file} is not UTF-8 text: save it as UTF-8.`);
    return whole;
  } catch (error) {
    if (isFileError(error) && isAbsent(error)) return '';
    if (error instanceof EncodingError) throw new NoteError(`${file} ${error.clause}; nothing was changed.`);
    if (error instanceof FileContentError) throw new NoteError(`${file} ${error.message}; nothing was changed.`);
    if (isFileError(error)) throw new NoteError(`${file} ${readFailure(error)}; nothing was changed.`);
    throw error;
  }
}
