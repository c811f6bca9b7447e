/** The options of a script as its `--help` lists them: argparse's form, and what is like it. */

export interface ScriptOption {
  /** With their dashes, as the help lists them. */
  readonly spellings: readonly string[];
  /** What turns a switch off, as `--no-bos`; null where nothing does. */
  readonly negation: string | null;
  readonly takes: 'nothing' | 'one' | 'several';
  /** Null where any word will do. */
  readonly choices: readonly string[] | null;
  /** What it is when it is not given, as far as its help says; null where it does not. */
  readonly default: string | null;
  readonly required: boolean;
}

export interface ScriptHelp {
  readonly options: readonly ScriptOption[];
  /** Words without a dash that it cannot do without. */
  readonly words: readonly string[];
}

/** An option's name; a switch's `--x / --no-x` and its value are told apart from it. */
const SPELLING = /^(-{1,2}[A-Za-z0-9][\w.-]*)(?:[ =](.+))?$/;
const OPTION_LINE = /^ {1,6}(-{1,2}[A-Za-z0-9].*)$/;
const WORD_LINE = /^ {2}([\w{][^ ]*)/;
// eslint-disable-next-line no-control-regex -- colours are what is taken out
const COLOURS = /\u001b\[[0-9;]*m/g;

/**
 * Reads what a script printed when it was asked for help, in lines that are not wrapped.
 *
 * @param text whatever else it printed before may stand in it
 * @returns null where it lists no options
 */
export function readHelp(text: string): ScriptHelp | null {
  const lines = text.replace(COLOURS, '').split(/\r?\n/);
  const from = lines.findLastIndex((line) => /^usage:/i.test(line));
  const help = from < 0 ? lines : lines.slice(from);
  const usage = from < 0 ? '' : help.slice(0, 1 + help.slice(1).findIndex((line) => line.trim() === '')).join(' ');
  const entries = entriesOf(help);
  const named = new Set(usage.match(/(?<![\w-])-{1,2}[A-Za-z0-9][\w.-]*/g) ?? []);
  const needed = outsideOfBrackets(usage);
  const options = entries
    .map(({ names, about }) => optionOf(names, about, needed))
    .filter((option) => option !== null)
    // A usage that names options names them all: what looks like one further down is an example.
    .filter(({ spellings }) => named.size < 2 || spellings.some((spelling) => named.has(spelling)));
  if (options.length === 0) return null;
  return { options, words: wordsOf(help).filter((word) => needed.has(word)) };
}

/** The options' lines, each with what is said about it. */
function entriesOf(help: readonly string[]): { names: string; about: string }[] {
  const entries: { names: string; about: string }[] = [];
  for (const line of help.slice(1)) {
    const [, option] = OPTION_LINE.exec(line) ?? [];
    const last = entries.at(-1);
    if (option !== undefined) {
      const [names = '', ...about] = option.split(/ {2,}/);
      entries.push({ names, about: about.join(' ') });
    } else if (last !== undefined && /^ {7,}\S/.test(line)) last.about += ` ${line.trim()}`;
  }
  return entries;
}

function optionOf(names: string, about: string, needed: ReadonlySet<string>): ScriptOption | null {
  const spellings: string[] = [];
  let value: string | undefined;
  for (const part of names.split(/, (?=-)| \/ (?=-)/)) {
    const [, spelling, rest] = SPELLING.exec(part.trim()) ?? [];
    if (spelling === undefined) continue;
    spellings.push(spelling);
    value = rest ?? value;
  }
  if (spellings.length === 0) return null;
  const negation = spellings.find(
    (spelling) => /^--no-/.test(spelling) && spellings.includes(`--${spelling.slice('--no-'.length)}`),
  );
  const choices = value === undefined ? undefined : /^\[?\{([^}]*)\}/.exec(value)?.[1];
  return {
    spellings: spellings.filter((spelling) => spelling !== negation),
    negation: negation ?? null,
    takes: value === undefined ? 'nothing' : isSeveral(value) ? 'several' : 'one',
    choices: choices === undefined ? null : choices.split(',').map((choice) => choice.trim()),
    default: /[([]default: ?(.*?)[)\]](?:[^)\]]*)$/i.exec(about)?.[1]?.trim() ?? null,
    required: spellings.some((spelling) => needed.has(spelling)),
  };
}

/** `LAYER [LAYER ...]`, `[TAG ...]`, and the `X X` of a fixed number. */
function isSeveral(value: string): boolean {
  const [first, ...others] = value.split(' ');
  return value.includes('...') || (others.length > 0 && others.every((word) => word === first));
}

/** The words of a usage that stand in no brackets: what has to be given. */
function outsideOfBrackets(usage: string): Set<string> {
  let text = usage;
  for (let before = ''; before !== text;) {
    before = text;
    text = text.replace(/\[[^[\]]*\]|\([^()]*\)/g, ' ');
  }
  return new Set(text.split(/[\s,]+/));
}

/** What is listed under "positional arguments". */
function wordsOf(help: readonly string[]): string[] {
  const from = help.findIndex((line) => /^positional arguments:/i.test(line));
  if (from < 0) return [];
  const end = help.findIndex((line, at) => at > from && line.trim() === '');
  return help
    .slice(from + 1, end < 0 ? undefined : end)
    .map((line) => WORD_LINE.exec(line)?.[1])
    .filter((word) => word !== undefined);
}
