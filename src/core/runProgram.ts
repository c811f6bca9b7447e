/** Running a program for what it prints. It may hang, or leave processes behind: every wait has a limit. */
import { spawn } from 'node:child_process';

/** Enough to find an answer in, and the last line of what went wrong. */
const KEPT_CHARACTERS = 256 * 1024;
/** How long the pipes of an ended program are read when something else keeps them open. */
const AFTER_EXIT_MS = 500;

export interface ProgramEnded {
  /** The end of what it printed, and of what it said on the error output. */
  readonly output: string;
  readonly errors: string;
  /** Its exit code; null where a signal, the limit or a failed start ended it. */
  readonly code: number | null;
  /** What ended it other than itself, to follow its name: "it cannot be started (ENOENT)". */
  readonly ended: string | undefined;
}

/**
 * Runs a program to its end, or to the limit, where it is killed with what it started. How that went is its answer: it
 * never rejects for it.
 *
 * @param program found on the PATH where it is no path
 */
export function runProgram(
  program: string,
  words: readonly string[],
  {
    folder,
    limitMs,
    environment,
  }: { readonly folder?: string; readonly limitMs: number; readonly environment?: NodeJS.ProcessEnv },
): Promise<ProgramEnded> {
  return new Promise((resolve) => {
    let output = '';
    let errors = '';
    // A group of its own: a wrapper's children are ended with it.
    const detached = process.platform !== 'win32';
    const child = spawn(program, words, { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached });
    let code: number | null = null;
    const finish = (ended?: string): void => {
      clearTimeout(timer);
      // What it left running may hold its pipes open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      resolve({ output, errors, code, ended });
    };
    const timer = setTimeout(() => {
      try {
        if (detached && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
        else child.kill('SIGKILL');
      } catch {
        // It ended in this very moment.
      }
      finish(`it did not answer within ${Math.round(limitMs / 1000)} s`);
    }, limitMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT_CHARACTERS);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-KEPT_CHARACTERS);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      finish(`it cannot be started (${error.code ?? error.message})`);
    });
    child.once('close', () => {
      finish();
    });
    child.once('exit', (ended) => {
      code = ended;
      // Its own output is read in a moment; that of a process it left behind is not waited for.
      setTimeout(finish, AFTER_EXIT_MS);
    });
  });
}

/** The last line that says something. */
export function lastLine(text: string): string | undefined {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .at(-1);
}
