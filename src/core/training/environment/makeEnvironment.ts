/** A Python environment for a training workspace: `.venv`, and in it what requirements.lock lists. */
import { spawn } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { exists, isExecutable } from '../../files';
import { lastLine } from '../../runProgram';
import { ENVIRONMENT, environmentPython } from './environmentPlace';

export const REQUIREMENTS = 'requirements.lock';
/** Ends with it what it started, so it is not asked twice. */
const ENDS_WITHIN_MS = 5000;

/** The environment could not be made; the message is one line, `log` a file with everything that was printed. */
export class EnvironmentError extends Error {
  constructor(
    message: string,
    readonly log: string,
  ) {
    super(message);
  }
}

export interface Step {
  /** As a person would type it, for the progress. */
  readonly shown: string;
  readonly program: string;
  readonly words: readonly string[];
}

export interface Making {
  /** The training workspace. */
  readonly root: string;
  readonly signal: AbortSignal;
  /** Told of every step, and of every line that is printed meanwhile. */
  readonly says: (step: Step, line: string | null) => void;
}

/** Where what the steps print is kept. */
export function environmentLog(root: string): string {
  return path.join(root, '.npt', 'environment.log');
}

/**
 * Makes the environment where there is none yet, and installs what the workspace lists. What is there already is used, never
 * replaced; one that was begun and given up is taken away again.
 *
 * @param python an interpreter that can make environments
 * @returns the environment's interpreter; undefined where the signal ended it
 * @throws EnvironmentError
 */
export async function makeEnvironment(python: string, making: Making): Promise<string | undefined> {
  const { root } = making;
  const made = environmentPython(root);
  const folder = path.join(root, ENVIRONMENT);
  const log = environmentLog(root);
  await startLog(log);
  if (!(await isExecutable(made))) {
    if (await exists(folder)) {
      throw new EnvironmentError(`${folder} has no interpreter: remove it, or choose an interpreter yourself.`, log);
    }
    let whole = false;
    try {
      const words = ['-m', 'venv', ENVIRONMENT];
      whole = await runStep({ shown: `python -m venv ${ENVIRONMENT}`, program: python, words }, making);
    } finally {
      if (!whole) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    }
    if (!whole) return undefined;
  }
  return (await installRequirements(made, making)) ? made : undefined;
}

/**
 * Installs what the workspace lists into an interpreter.
 *
 * @param names of packages, where not all of them
 * @returns false where the signal ended it
 * @throws EnvironmentError
 */
export async function installRequirements(python: string, making: Making, names?: readonly string[]): Promise<boolean> {
  const { root } = making;
  const listed = names === undefined && (await exists(path.join(root, REQUIREMENTS)));
  const wanted = names ?? (listed ? ['-r', REQUIREMENTS] : ['torch', 'transformers']);
  const words = ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', ...wanted];
  return runStep({ shown: `pip install ${wanted.join(' ')}`, program: python, words }, making);
}

async function startLog(log: string): Promise<void> {
  await mkdir(path.dirname(log), { recursive: true });
  await rm(log, { force: true });
}

/** @returns false where the signal ended it. @throws EnvironmentError */
async function runStep(step: Step, { root, signal, says }: Making): Promise<boolean> {
  if (signal.aborted) return false;
  says(step, null);
  const log = environmentLog(root);
  await mkdir(path.dirname(log), { recursive: true });
  const file = await open(log, 'a');
  try {
    await file.write(`$ ${step.program} ${step.words.join(' ')}\n`);
    let printed = '';
    const ended = await follow(step, root, signal, (text) => {
      printed = (printed + text).slice(-64 * 1024);
      void file.write(text);
      const line = lastLine(text);
      if (line !== undefined) says(step, line);
    });
    if (ended === 'aborted') return false;
    if (ended !== null) throw new EnvironmentError(`${step.shown} ${reasonOf(ended, printed)}`, log);
    return true;
  } finally {
    await file.close();
  }
}

/** What went wrong, from what a program printed: its own words where it has some. */
function reasonOf(ended: string, printed: string): string {
  if (printed.includes('ensurepip is not available')) {
    return 'failed: this Python has no venv module (on Debian and Ubuntu: apt install python3-venv).';
  }
  const errors = printed.split(/\r?\n/).filter((line) => /^\s*(error|\w*Error|fatal)\b/i.test(line));
  const line = (errors.at(-1) ?? lastLine(printed) ?? '').trim();
  return line === '' ? `failed: it ${ended}.` : `failed: ${line}`;
}

/** Runs a step to its end. @returns `aborted`, or how it failed, to follow "it"; null where it did not */
function follow(
  { program, words }: Step,
  folder: string,
  signal: AbortSignal,
  take: (text: string) => void,
): Promise<string | null> {
  return new Promise((resolve) => {
    // A group of its own: pip's children end with it.
    const detached = process.platform !== 'win32';
    const child = spawn(program, words, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached,
      env: { ...process.env, PYTHONUNBUFFERED: '1', PIP_PROGRESS_BAR: 'off' },
    });
    const kill = (how: NodeJS.Signals): void => {
      try {
        if (detached && child.pid !== undefined) process.kill(-child.pid, how);
        else child.kill(how);
      } catch {
        // It ended in this very moment.
      }
    };
    let harder: NodeJS.Timeout | undefined;
    const abort = (): void => {
      kill('SIGTERM');
      harder = setTimeout(() => {
        kill('SIGKILL');
      }, ENDS_WITHIN_MS);
    };
    signal.addEventListener('abort', abort, { once: true });
    const finish = (how: string | null): void => {
      signal.removeEventListener('abort', abort);
      clearTimeout(harder);
      resolve(signal.aborted ? 'aborted' : how);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.once('error', (error: NodeJS.ErrnoException) => {
      finish(`cannot be started (${error.code ?? error.message})`);
    });
    child.once('close', (code, by) => {
      finish(code === 0 ? null : `ended with ${code === null ? (by ?? 'a signal') : `exit code ${code}`}`);
    });
  });
}
