/** What another trainer's script is given of a plan's arguments, and what it cannot be given. */
import { findArgument } from '../../arguments/arguments';
import { isNothing, ValueRefused } from '../../arguments/argumentValues';
import type { PlannedArgument } from '../plan/plan';
import type { StoredArgument } from '../plan/storedArguments';
import type { ScriptHelp, ScriptOption } from './help';
import { bare, nameOf, optionFor, optionNamed, ownWords, wordsFor } from './words';

export interface FieldCommand {
  /** What is known of arguments, in its words. */
  readonly args: readonly string[];
  /** Arguments with a value that it has no option for. */
  readonly lacking: readonly PlannedArgument[];
  /** Those that its option does not take, each with why, a clause. */
  readonly refused: readonly { readonly argument: PlannedArgument; readonly why: string }[];
  /** Names of options that it needs and that are given nothing. */
  readonly missing: readonly string[];
  /** What a checkpoint and a new run's folder are named with; undefined where it has none. */
  readonly resume: ScriptOption | undefined;
  readonly output: ScriptOption | undefined;
}

/** What is off, and one rank, are what a trainer does that knows nothing of either. */
function isPlain({ name, value }: PlannedArgument): boolean {
  return value === false || (name === 'num_ranks' && value === 1);
}

/**
 * @param planned what was found on disk and what was typed are given; what is our trainer's default is not
 * @param stored as they were found, by name
 * @param typed as they were typed, by name
 * @param places whether it is given a checkpoint, and a folder
 */
export function fieldCommand(
  help: ScriptHelp,
  planned: readonly PlannedArgument[],
  stored: ReadonlyMap<string, StoredArgument>,
  typed: Readonly<Record<string, string>>,
  places: { readonly checkpoint: boolean; readonly folder: boolean },
): FieldCommand {
  const [resume, output] = ['resume_from', 'output_dir'].map((name) => optionFor(help, name));
  const args: string[] = [];
  const lacking: PlannedArgument[] = [];
  const refused: FieldCommand['refused'][number][] = [];
  const used = new Set([...(places.checkpoint ? [resume] : []), ...(places.folder ? [output] : [])]);
  for (const argument of planned) {
    const { name, value, source } = argument;
    if (source === 'default' || isNothing(value) || (source !== 'changed' && stored.get(name)?.refused !== undefined))
      continue;
    const ours = findArgument(name);
    const option = ours === undefined ? optionNamed(help, name) : optionFor(help, name);
    if (option === undefined) {
      if (!isPlain(argument)) lacking.push(argument);
      continue;
    }
    used.add(option);
    try {
      const raw = Object.hasOwn(typed, name) ? typed[name] : stored.get(name)?.raw;
      args.push(...(ours === undefined ? ownWords(option, String(value)) : wordsFor(option, ours, { value, raw })));
    } catch (error) {
      if (!(error instanceof ValueRefused)) throw error;
      refused.push({ argument, why: error.message });
    }
  }
  const missing = help.options.filter((option) => option.required && !used.has(option)).map(ourNameOf);
  return { args, lacking, refused, missing, resume, output };
}

/** Our name for an option where it is an argument of ours, its own otherwise. */
function ourNameOf(option: ScriptOption): string {
  const own = option.spellings.map(bare).find((name) => findArgument(name) !== undefined);
  return own ?? nameOf(option);
}
