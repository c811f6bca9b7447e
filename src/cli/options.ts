/** Commands, their options, and reading them from the command line. */
import { parseArgs } from 'node:util';

/** The command line cannot be used; the message is one line. Exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly multiple?: boolean;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly description: string;
}

export interface Invocation {
  readonly positionals: readonly string[];
  readonly json: boolean;
  /** The last value given. */
  readonly option: (name: string) => string | undefined;
  /** Whether an option without a value is given. */
  readonly is: (name: string) => boolean;
  /** Every value given. */
  readonly all: (name: string) => readonly string[];
}

export interface Result {
  /** What --json prints. */
  readonly document: unknown;
  /** What is printed without --json. */
  readonly text: string;
  /** Exit code 0 or 1. */
  readonly yes: boolean;
}

export interface Command {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly details?: readonly string[];
  readonly positionals: { readonly least: number; readonly most: number };
  readonly options: Readonly<Record<string, OptionSpec>>;
  run(invocation: Invocation): Promise<Result>;
}

const JSON_OPTION: OptionSpec = { type: 'boolean', description: 'Print one JSON document.' };

/** @throws UsageError naming what cannot be used */
export function parseCommandLine(command: Command, words: readonly string[]): Invocation {
  const specs = { ...command.options, json: JSON_OPTION };
  let parsed;
  try {
    parsed = parseArgs({
      args: [...words],
      options: Object.fromEntries(
        Object.entries(specs).map(([name, { type, multiple }]) => [name, { type, multiple: multiple ?? false }]),
      ),
      allowPositionals: true,
    });
  } catch (error) {
    const message = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error);
    throw new UsageError(`${command.name}: ${message} (--help tells more).`);
  }
  const { values, positionals } = parsed;
  if (positionals.length < command.positionals.least || positionals.length > command.positionals.most) {
    throw new UsageError(`Usage: ${command.usage}`);
  }
  const all = (name: string): string[] => {
    const value = values[name];
    const list = Array.isArray(value) ? value : [value];
    return list.filter((item): item is string => typeof item === 'string');
  };
  const is = (name: string): boolean => values[name] === true;
  return { positionals, json: is('json'), option: (name) => all(name).at(-1), is, all };
}

export function helpOf(program: string, command: Command): string {
  const rows = Object.entries({ ...command.options, json: JSON_OPTION }).map(([name, spec]) => {
    const left = spec.type === 'string' ? `--${name} ${spec.value ?? 'VALUE'}` : `--${name}`;
    return `  ${left.padEnd(28)} ${spec.description}`;
  });
  return [`Usage: ${program} ${command.usage}`, '', command.summary, ...(command.details ?? []), '', ...rows].join(
    '\n',
  );
}

/** One of the words that an option takes. */
export function oneOf<T extends string>(what: string, value: string, known: readonly T[]): T {
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw new UsageError(`${what} "${value}" is not one of ${known.join(', ')}.`);
  return found;
}
