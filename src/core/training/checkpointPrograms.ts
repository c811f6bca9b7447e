/** The trainer's programs that work on checkpoints: exporting, generating, evaluating; how they are asked for and called. */
import path from 'node:path';
import { environmentWords } from './launchers/environment';
import type { LaunchEnvironment } from './launchers/launcher';

/** What `kind` a task of tasks.json may have besides those that train. */
export const PROGRAM_KINDS = ['export', 'generate', 'evaluate'] as const;
export type ProgramKind = (typeof PROGRAM_KINDS)[number];

/** Absolute paths, but for the prompt. */
export interface ProgramRequest {
  readonly kind: ProgramKind;
  /** One, but for an evaluation; a run stands for its newest valid one. */
  readonly checkpoints: readonly string[];
  /** Where an export, or an evaluation's figures, go; nothing may be there. */
  readonly output?: string | undefined;
  readonly prompt?: string | undefined;
  /** The text to evaluate on; without it, what the run held out. */
  readonly file?: string | undefined;
}

const SCRIPTS: Readonly<Record<ProgramKind, string>> = {
  export: 'export_model.py',
  generate: 'generate.py',
  evaluate: 'evaluate.py',
};

/** Which of them a task asks for; undefined where it asks for none. */
export function programKindOf(definition: Readonly<Record<string, unknown>>): ProgramKind | undefined {
  return PROGRAM_KINDS.find((kind) => kind === definition.kind);
}

/**
 * A task of tasks.json as a request.
 *
 * @param root absolute path of the workspace folder
 * @returns in one line what is wrong with it, where it is none
 */
export function programRequestOf(
  definition: Readonly<Record<string, unknown>>,
  kind: ProgramKind,
  root: string,
): ProgramRequest | string {
  const { checkpoint, output, prompt, file } = definition;
  if (!isText(checkpoint)) return `"checkpoint" is ${shown(checkpoint)}: write the path of a checkpoint or of a run.`;
  if (kind === 'export' && !isText(output)) return `"output" is ${shown(output)}: write the path of the new folder.`;
  if (kind === 'generate' && !isText(prompt)) return `"prompt" is ${shown(prompt)}: write the text to continue.`;
  for (const [name, value] of Object.entries({ output, file })) {
    if (value !== undefined && !isText(value)) return `"${name}" is ${shown(value)}: write a path.`;
  }
  const place = (value: unknown): string | undefined => (isText(value) ? path.resolve(root, value) : undefined);
  return {
    kind,
    checkpoints: [path.resolve(root, checkpoint)],
    output: kind === 'generate' ? undefined : place(output),
    prompt: isText(prompt) && kind === 'generate' ? prompt : undefined,
    file: kind === 'evaluate' ? place(file) : undefined,
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}

/** The places of a program, best first: beside the training script, and with the trainer that ships. */
export function programPlaces(kind: ProgramKind, trainScript: string, bundledTrainer: string): readonly string[] {
  return [path.join(path.dirname(trainScript), SCRIPTS[kind]), path.join(bundledTrainer, 'scripts', SCRIPTS[kind])];
}

/** The program's own words. */
export function programWords({ kind, checkpoints, output, prompt, file }: ProgramRequest): readonly string[] {
  switch (kind) {
    case 'export':
      return [...checkpoints, '--output', output ?? ''];
    case 'generate':
      // A prompt may begin with a dash.
      return ['--', ...checkpoints, prompt ?? ''];
    case 'evaluate':
      return [
        ...['--teacher', ...(file === undefined ? [] : ['--file', file])],
        ...(output === undefined ? [] : ['--output', output]),
        ...['--', ...checkpoints],
      ];
  }
}

/** What follows the interpreter and the supervisor, which gives a program the environment that training has. */
export function programCommand(
  request: ProgramRequest,
  { interpreter, script, environment }: { interpreter: string; script: string; environment: LaunchEnvironment },
): readonly string[] {
  return ['exec', ...environmentWords(environment), '--', interpreter, script, ...programWords(request)];
}
