/** The words of a command that started the trainer, read as the trainer's own parser reads them (trainer/npt/arguments.py). */
import { type TrainerArgument, findArgument } from './arguments';
import { ValueRefused } from './argumentValues';

/** What a command gives. */
export interface CommandArguments {
  /** By argument, in the order of the words, as config.json would hold them; those that belong to one start included. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Words that are no argument of our trainer, or no value of one. */
  readonly unknown: readonly string[];
}

/** What separates a script's own settings from what its user typed behind them. */
const SEPARATOR = '--';

/**
 * What a command gives in the end: what was typed wins over a script's settings, which stand before a lone `--`, and so do
 * the demo's defaults.
 *
 * @param words those behind the script's name
 */
export function readCommand(words: readonly string[]): CommandArguments {
  const at = words.indexOf(SEPARATOR);
  const typed = readWords(words.slice(at + 1));
  if (at < 0) return typed;
  const script = readWords(words.slice(0, at));
  const demo = (typed.values.get('demo_mode') ?? script.values.get('demo_mode')) === true;
  const settings = [...script.values].filter(([name]) => !isSettled(name, demo, typed.values));
  return { values: new Map([...settings, ...typed.values]), unknown: [...script.unknown, ...typed.unknown] };
}

/** Whether a script's setting is without effect beside what was typed. */
function isSettled(name: string, demo: boolean, typed: ReadonlyMap<string, unknown>): boolean {
  // The demo brings its own, and so does a model's size alone.
  if (demo && (name === 'dataset_preset' || findArgument(name)?.demoDefault !== findArgument(name)?.default))
    return true;
  if (name === 'model_name') return typed.has('model_size');
  return name === 'dataset_preset' && typed.has('train_file');
}

function readWords(words: readonly string[]): CommandArguments {
  const values = new Map<string, unknown>();
  const unknown: string[] = [];
  for (let at = 0; at < words.length;) {
    const word = words[at] ?? '';
    const [, flag = '', joined] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const argument = findArgument(flag) ?? flagDenied(flag);
    at++;
    if (argument === undefined) {
      unknown.push(word);
      continue;
    }
    if (argument.kind.type === 'flag') {
      values.set(argument.name, !flag.startsWith('no-'));
      continue;
    }
    const several = argument.kind.type === 'list' && !argument.kind.repeat;
    const given = joined === undefined ? [] : [joined];
    while (joined === undefined && at < words.length && isValue(words[at] ?? '') && (several || given.length === 0)) {
      given.push(words[at] ?? '');
      at++;
    }
    try {
      take(values, argument, given);
    } catch (error) {
      if (!(error instanceof ValueRefused)) throw error;
      unknown.push(word, ...(joined === undefined ? given : []));
    }
  }
  return { values, unknown };
}

/** `--no-compile` */
function flagDenied(flag: string): TrainerArgument | undefined {
  const argument = flag.startsWith('no-') ? findArgument(flag.slice(3)) : undefined;
  return argument?.kind.type === 'flag' ? argument : undefined;
}

/** As argparse tells values from flags: a negative number is one, and so is what has a blank in it. */
function isValue(word: string): boolean {
  return (
    !word.startsWith('-') ||
    word === '-' ||
    /^-\d+$|^-\d*\.\d+$/.test(word) ||
    (word.includes(' ') && !/^--[a-z_-]+=/.test(word))
  );
}

/** @throws ValueRefused */
function take(values: Map<string, unknown>, argument: TrainerArgument, given: readonly string[]): void {
  if (argument.kind.type !== 'list') {
    if (given[0] === undefined) throw new ValueRefused('It is empty.');
    values.set(argument.name, argument.readStored(given[0]));
    return;
  }
  const items = given.length === 0 ? [] : (argument.readStored(given) as readonly unknown[]);
  const before = argument.kind.repeat ? ((values.get(argument.name) as readonly unknown[] | undefined) ?? []) : [];
  values.set(argument.name, [...before, ...items]);
}
