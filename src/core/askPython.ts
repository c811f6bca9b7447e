/**
 * Asking an interpreter something. Whatever starts with it (a module system, sitecustomize, a wrapper script) may print, hang
 * or leave processes behind: the answer is told apart from all of that, and every wait has a limit.
 */
import { randomUUID } from 'node:crypto';
import { lastLine, runProgram } from './runProgram';

/** The interpreter gave no answer; the message is what it did instead, to follow its name. */
export class NoAnswer extends Error {}

export interface Question {
  /** An expression of Python's whose value JSON can say. `words` is the list of strings below; `json` and `sys` are there. */
  readonly expression: string;
  readonly words?: readonly string[];
  /** Where it runs, as the trainer would: PYTHONPATH may be relative. */
  readonly folder: string;
  readonly limitMs: number;
}

/**
 * @returns what the expression is, as JSON said it: the caller checks that it is what was asked for
 * @throws NoAnswer
 */
export async function askPython(python: string, question: Question): Promise<unknown> {
  // Nothing else prints this, so a line that begins with it is the answer, whatever stands before and after.
  const mark = `npt-answer-${randomUUID()} `;
  const script = [
    'import json, sys',
    // -c puts the current folder on the path, where the trainer's script does not.
    "sys.path = [folder for folder in sys.path if folder != '']",
    'mark, *words = sys.argv[1:]',
    `answer = ${question.expression}`,
    // ASCII whatever the console's encoding is, in a line of its own whatever was printed last.
    "sys.stdout.write('\\n' + mark + json.dumps(answer) + '\\n')",
    'sys.stdout.flush()',
  ].join('\n');
  const { output, errors, ended } = await runProgram(python, ['-c', script, mark, ...(question.words ?? [])], question);
  const line = output
    .split(/\r?\n/)
    .reverse()
    .find((each) => each.startsWith(mark));
  if (line === undefined) throw new NoAnswer(ended ?? lastLine(errors) ?? 'it ended without an answer');
  try {
    return JSON.parse(line.slice(mark.length)) as unknown;
  } catch {
    throw new NoAnswer('its answer is not JSON');
  }
}

/**
 * The modules that an interpreter lacks, of those asked for and in their order. It looks for them without importing (0.1 s, not
 * 2 s).
 *
 * @throws NoAnswer
 */
export async function missingModules(
  python: string,
  modules: readonly string[],
  where: Pick<Question, 'folder' | 'limitMs'>,
): Promise<string[]> {
  const answer = await askPython(python, {
    ...where,
    expression: "[m for m in words if __import__('importlib.util').util.find_spec(m) is None]",
    words: modules,
  });
  if (!Array.isArray(answer)) throw new NoAnswer('its answer is not a list');
  // Only names that were asked for: what is missing is installed by name.
  return modules.filter((module) => answer.includes(module));
}
