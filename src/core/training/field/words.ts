/** A value for another trainer's option, in the words that its parser takes. */
import type { TrainerArgument } from '../../arguments/arguments';
import { isNothing, ValueRefused } from '../../arguments/argumentValues';
import { valueText } from '../../format';
import type { ScriptHelp, ScriptOption } from './help';
import { theirNames } from './names';

/** The option for an argument of ours; undefined where the script has none. */
export function optionFor(help: ScriptHelp, ours: string): ScriptOption | undefined {
  for (const name of theirNames(ours)) {
    const found = optionNamed(help, name);
    // A switch of that name is another thing: --resume alone says nothing of where from.
    if (found !== undefined && (ours !== 'resume_from' || found.takes !== 'nothing')) return found;
  }
  return undefined;
}

/** The option of a name, dashes or underscores alike. */
export function optionNamed(help: ScriptHelp, name: string): ScriptOption | undefined {
  return help.options.find((option) => option.spellings.some((spelling) => bare(spelling) === name));
}

/** `--train-layers` → `train_layers`. */
export function bare(spelling: string): string {
  return spelling.replace(/^-+/, '').replaceAll('-', '_');
}

/** The name that a value for it is given under: its longest, which is no abbreviation. */
export function nameOf(option: ScriptOption): string {
  return bare(longest(option));
}

function longest({ spellings }: ScriptOption): string {
  return spellings.reduce((best, each) => (each.length > best.length ? each : best), '');
}

/** The option for an argument of ours, as it is typed. */
export function spellingFor(option: ScriptOption, ours: string): string {
  const spelled = theirNames(ours).map((name) => option.spellings.find((each) => bare(each) === name));
  return spelled.find((each) => each !== undefined) ?? longest(option);
}

/** As it was typed or stored, and as it was read. */
export interface GivenValue {
  readonly value: unknown;
  readonly raw: unknown;
}

/**
 * The words that give an option the value of our argument.
 *
 * @throws ValueRefused where it cannot be given that; the message is a clause to put behind the option's name
 */
export function wordsFor(option: ScriptOption, argument: TrainerArgument, { value, raw }: GivenValue): string[] {
  const spelling = spellingFor(option, argument.name);
  if (isNothing(value)) return [];
  if (argument.kind.type === 'flag') return switchWords(option, spelling, argument, { value, raw });
  if (option.takes === 'nothing') throw new ValueRefused('takes no value');
  const items = Array.isArray(value) ? (value as unknown[]).map(valueText) : null;
  if (option.takes === 'several') return several(spelling, checked(option, items ?? [valueText(value)]));
  if (argument.kind.type === 'list' && items !== null) {
    if (!argument.kind.repeat && items.length > 1) throw new ValueRefused(`takes one word, not ${items.length}`);
    return checked(option, items).flatMap((item) => one(spelling, item));
  }
  const text = typeof raw === 'string' && option.choices?.includes(raw) === true ? raw : valueText(value);
  return one(spelling, checked(option, [text])[0] ?? '');
}

/** The words that give an option of the script's own what somebody typed. @throws ValueRefused likewise */
export function ownWords(option: ScriptOption, typed: string): string[] {
  const spelling = longest(option);
  if (option.takes === 'nothing') {
    if (/^(true|on|yes|1)$/i.test(typed)) return [spelling];
    if (!/^(false|off|no|0)$/i.test(typed)) throw new ValueRefused('is on or off: write true or false');
    return option.negation === null ? [] : [option.negation];
  }
  if (option.takes === 'one') return one(spelling, checked(option, [typed])[0] ?? '');
  return several(
    spelling,
    checked(
      option,
      typed.split(/[\s,]+/).filter((word) => word !== ''),
    ),
  );
}

function switchWords(
  option: ScriptOption,
  spelling: string,
  argument: TrainerArgument,
  { value, raw }: GivenValue,
): string[] {
  if (option.takes === 'nothing') {
    if (value === true) return [spelling];
    return option.negation === null ? [] : [option.negation];
  }
  const word = typeof raw === 'string' ? raw : null;
  if (option.choices === null) {
    // What its parser makes of the text "false" nobody can know; off is what a switch is that is not given.
    if (word !== null && argument.kind.type === 'flag' && Object.hasOwn(argument.kind.words, word.toLowerCase()))
      return one(spelling, word);
    return value === true ? one(spelling, 'true') : [];
  }
  if (word !== null && option.choices.includes(word)) return one(spelling, word);
  const fitting = option.choices.filter(
    (choice) => argument.validate(choice) === null && argument.read(choice) === value,
  );
  const [only, ...others] = fitting;
  if (only !== undefined && others.length === 0) return one(spelling, only);
  const which = fitting.length === 0 ? option.choices : fitting;
  throw new ValueRefused(`takes ${which.join(' or ')}, and which it was is not known`);
}

function checked({ choices }: ScriptOption, words: readonly string[]): readonly string[] {
  const wrong = choices === null ? undefined : words.find((word) => !choices.includes(word));
  if (wrong !== undefined) throw new ValueRefused(`takes ${choices?.join(', ') ?? ''}, not ${wrong}`);
  return words;
}

function several(spelling: string, words: readonly string[]): string[] {
  const dashed = words.find((word) => word.startsWith('-'));
  if (dashed !== undefined) throw new ValueRefused(`cannot be given ${dashed} among several words`);
  return [spelling, ...words];
}

/** argparse takes a word that begins with a dash for another option unless it is joined on. */
function one(spelling: string, text: string): string[] {
  return text.startsWith('-') ? [`${spelling}=${text}`] : [spelling, text];
}
