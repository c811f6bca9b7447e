/** Several values for one argument, as a person types them: each makes a branch of its own. */
import type { TrainerArgument } from './arguments';
import { ValueRefused, isNumeric } from './argumentValues';
import { holdsRange, rangeValues } from './ranges';
import { joinSeparated, splitSeparated, typedText } from './separated';

/** More branches than this at once are a slip of the hand. */
export const MOST_BRANCHES = 100;

/**
 * `5e-5 | 1e-5` and `log 1e-6..1e-4 x4` → the values, each as one types it and each once. A comma separates numbers, too;
 * elsewhere it belongs to the value (a curriculum and a list of layers have them). `\|` is a bar in a value.
 *
 * @throws ValueRefused
 */
export function readAlternatives(argument: TrainerArgument, typed: string): string[] {
  const numeric = isNumeric(argument.kind);
  const parts = splitSeparated(typed, numeric ? '|,' : '|').filter((part) => part !== '');
  if (parts.length === 0) throw new ValueRefused('Type a value.');
  const values = new Map<string, string>();
  for (const [at, part] of parts.entries()) {
    const made = numeric && holdsRange(part) ? rangeValues(argument.kind, part) : [part];
    for (const value of made) {
      const wrong = argument.validate(value);
      if (wrong !== null) throw new ValueRefused(parts.length === 1 ? wrong : `Value ${at + 1}: ${wrong}`);
      // 5e-5 and 0.00005 would make the same branch twice.
      const meaning = typedText(argument.read(value));
      if (!values.has(meaning)) values.set(meaning, value);
    }
  }
  if (values.size > MOST_BRANCHES) {
    throw new ValueRefused(`These are ${values.size} values; ${MOST_BRANCHES} are the most at once.`);
  }
  return [...values.values()];
}

/** What `readAlternatives` reads back as these values. */
export function writeAlternatives(argument: TrainerArgument, values: readonly string[]): string {
  return joinSeparated(values, ' | ', isNumeric(argument.kind) ? '|,' : '|');
}

/** How many branches these values make together. */
export function branchCount(values: Readonly<Record<string, readonly string[]>>): number {
  return Object.values(values).reduce((product, { length }) => product * length, 1);
}

/** Every combination of one value for each name, the last name varying fastest. */
export function combinations(values: Readonly<Record<string, readonly string[]>>): Record<string, string>[] {
  return Object.entries(values).reduce<Record<string, string>[]>(
    (made, [name, options]) => made.flatMap((base) => options.map((value) => ({ ...base, [name]: value }))),
    [{}],
  );
}
