/** Several values for one argument, as the branch wizard takes them: each makes a branch of its own. */
import type { TrainerArgument } from './arguments';

/**
 * `5e-5 | 1e-5` → its values, without blanks and repetitions. A comma separates numbers, too; elsewhere it belongs to the
 * value (a curriculum and a list of layers have them).
 */
export function splitValues(argument: TrainerArgument, typed: string): string[] {
  const numeric = argument.kind.type === 'integer' || argument.kind.type === 'number';
  const values = typed.split(numeric ? /[|,]/ : '|').map((value) => value.trim());
  return [...new Set(values.filter((value) => value !== ''))];
}

/** Every combination of one value for each name, the last name varying fastest. */
export function combinations(values: Readonly<Record<string, readonly string[]>>): Record<string, string>[] {
  return Object.entries(values).reduce<Record<string, string>[]>(
    (made, [name, options]) => made.flatMap((base) => options.map((value) => ({ ...base, [name]: value }))),
    [{}],
  );
}
