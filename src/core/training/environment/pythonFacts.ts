/** What an interpreter has for training, asked of itself (supervisor/npt_environment.py). */
import { askPython, NoAnswer } from '../../askPython';

export interface PythonFacts {
  readonly version: string;
  readonly executable: string;
  /** An environment of its own: what is installed there touches nothing else. */
  readonly virtual: boolean;
  readonly pip: boolean;
  /** Whether it can make a virtual environment. */
  readonly venv: boolean;
  /** Versions; null where a package is not there. */
  readonly packages: Readonly<Record<string, string | null>>;
  /** Null where there is no torch; `error`: it is there and cannot be imported. */
  readonly torch: TorchFacts | { readonly error: string } | null;
  readonly wandb: { readonly login: boolean; readonly offline: boolean };
}

export interface TorchFacts {
  readonly error: null;
  readonly version: string;
  /** The CUDA that it was built for; null for a build without. */
  readonly cuda: string | null;
  readonly hip: string | null;
  /** How many GPUs it can use. */
  readonly devices: number;
  readonly mps: boolean;
  readonly gloo: boolean;
}

/** Importing torch the first time, from a network disk. */
const ANSWERS_WITHIN_MS = 120_000;

/**
 * @param script path of npt_environment.py
 * @param folder where the trainer would run
 * @throws NoAnswer
 */
export async function pythonFacts(
  python: string,
  script: string,
  packages: readonly string[],
  folder: string,
): Promise<PythonFacts> {
  const answer = await askPython(python, {
    expression: "__import__('runpy').run_path(words[0])['facts'](words[1:])",
    words: [script, ...packages],
    folder,
    limitMs: ANSWERS_WITHIN_MS,
  });
  if (typeof answer !== 'object' || answer === null || !('packages' in answer) || !('torch' in answer)) {
    throw new NoAnswer('its answer is not what was asked for');
  }
  return answer as PythonFacts;
}
