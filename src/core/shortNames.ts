/** Long names that differ in a word or two, told apart in little room. */
import { cutInTheMiddle } from './plainText';

const GAP = '…';
/** What people put between the words of a run's name. */
const BETWEEN = /[-_.,=+/\s]/;

interface Word {
  /** With what stands between it and the word before. */
  readonly text: string;
  readonly differs: boolean;
}

/**
 * Shortens what is longer than there is room for, so that it can still be told from the others: words that names with the
 * same beginning have in common give way first, those in which they differ stay.
 *
 * @param names of things that stand together
 * @param longest UTF-16 units; a name that would then look like another one is left as it is
 * @returns for each name a text that no other name has
 */
export function shortNames(names: readonly string[], longest: number): string[] {
  const families = new Map<string, string[]>();
  for (const name of names) {
    const beginning = wordsOf(name)[0] ?? '';
    const family = families.get(beginning);
    if (family === undefined) families.set(beginning, [name]);
    else family.push(name);
  }
  const short = new Map<string, string>();
  for (const family of families.values()) {
    const long = family.filter((name) => name.length > longest);
    const fitting = family.length > 1 ? fitted(family, long, longest) : long;
    for (const [at, name] of long.entries()) short.set(name, cutInTheMiddle(fitting[at] ?? name, longest));
  }
  const texts = names.map((name) => short.get(name) ?? name);
  const taken = new Map<string, number>();
  for (const text of texts) taken.set(text, (taken.get(text) ?? 0) + 1);
  return texts.map((text, at) => (taken.get(text) === 1 ? text : (names[at] ?? text)));
}

/**
 * What is left of a name where another one stands above it that it begins with: `demo-lr0.1` under `demo` is `…lr0.1`.
 * @returns the whole name where it does not begin with the other and something that separates words
 */
export function nameBelow(name: string, above: string): string {
  const rest = name.startsWith(above) ? name.slice(above.length) : '';
  return rest.length > 1 && BETWEEN.test(rest.charAt(0)) ? `${GAP}${rest.slice(1)}` : name;
}

/** Each word but the first begins with what separates it from the one before. */
function wordsOf(name: string): string[] {
  return name.split(/(?=[-_.,=+/\s])/);
}

/** For each word of a name whether names of its family differ there. */
function comparer(family: readonly string[]): (name: string) => Word[] {
  const split = family.map(wordsOf);
  const first = split[0] ?? [];
  const shortest = Math.min(...split.map((words) => words.length));
  if (split.every((words) => words.length === shortest)) {
    const differs = first.map((word, at) => split.some((words) => words[at] !== word));
    return (name) => wordsOf(name).map((text, at) => ({ text, differs: differs[at] === true }));
  }
  // Of unequal lengths: what all begin with, and what all end with, is common.
  let head = 0;
  while (head < shortest && split.every((words) => words[head] === first[head])) head++;
  let tail = 0;
  while (tail < shortest - head && split.every((words) => words.at(-1 - tail) === first.at(-1 - tail))) tail++;
  return (name) => wordsOf(name).map((text, at, words) => ({ text, differs: at >= head && at < words.length - tail }));
}

/** The names with as many of the words that all have in common, from the left, as there is room for in all of them. */
function fitted(family: readonly string[], names: readonly string[], longest: number): string[] {
  const compare = comparer(family);
  const compared = names.map(compare);
  const common = Math.max(0, ...compared.map((words) => words.filter((word) => !word.differs).length));
  let texts = compared.map((words) => textOf(words, 0));
  for (let kept = 1; kept <= common; kept++) {
    const fuller = compared.map((words) => textOf(words, kept));
    if (fuller.some((text) => text.length > longest)) break;
    texts = fuller;
  }
  return texts;
}

/**
 * With so many of the common words; what is left out is one gap, which stands for what separates words, too. Nothing stands for
 * what all begin with: there is little room.
 */
function textOf(words: readonly Word[], common: number): string {
  let text = '';
  let left = common;
  for (const word of words) {
    const kept = word.differs || left-- > 0;
    if (kept) text += text === '' || text.endsWith(GAP) ? word.text.replace(BETWEEN, '') : word.text;
    else if (text !== '' && !text.endsWith(GAP)) text += GAP;
  }
  return text;
}
