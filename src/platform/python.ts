/** Which Python trains, and whether it can. */
import { realpath } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { messageOf } from '../core/errors';
import { isExecutable } from '../core/files';
import { executablesOnPath, firstOnPath } from '../core/onPath';
import { environmentPython } from '../core/training/environment/environmentPlace';
import { showError, showWarning } from './messages';
import { withStatus } from './progress';
import { openSetting, settings } from './settings';

const PYTHON_EXTENSION = 'ms-python.python';
/** The Python extension may have to start, and looks through every environment when it does. */
const EXTENSION_WAIT_MS = 15_000;

/** The part of the Python extension's API that we use (ms-python.python, `environments`). */
interface PythonExtension {
  readonly environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(environment: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
  };
}

/**
 * What the Python extension has chosen for a folder; undefined where there is none, or none of it is an interpreter.
 * @throws whatever the extension throws, and an Error when it takes too long
 */
async function fromPythonExtension(scope: vscode.Uri): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonExtension | undefined>(PYTHON_EXTENSION);
  if (extension === undefined) return undefined;
  const ask = async (): Promise<string | undefined> => {
    const api = extension.isActive ? extension.exports : await extension.activate();
    const environments = api?.environments;
    if (environments === undefined) return undefined;
    const resolved = await environments.resolveEnvironment(environments.getActiveEnvironmentPath(scope));
    const found: unknown = resolved?.executable.uri?.fsPath;
    return typeof found === 'string' && (await isExecutable(found)) ? found : undefined;
  };
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(vscode.l10n.t('no answer within {0} s', EXTENSION_WAIT_MS / 1000)));
    }, EXTENSION_WAIT_MS);
  });
  try {
    return await withStatus(
      vscode.l10n.t('Asking the Python extension which interpreter to use…'),
      Promise.race([ask(), limit]),
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Every interpreter on the PATH, each once: what would be found first, then those that are named for their version. */
export async function pythonsOnPath(): Promise<string[]> {
  const names =
    process.platform === 'win32'
      ? ['python.exe', 'python3.exe']
      : ['python3', 'python', ...[14, 13, 12, 11, 10].map((minor) => `python3.${minor}`)];
  const found: string[] = [];
  for (const name of names) for await (const candidate of executablesOnPath([name])) found.push(candidate);
  // Several names of one program are one interpreter.
  const programs = new Map<string, string>();
  for (const python of found) {
    const program = await realpath(python);
    if (!programs.has(program)) programs.set(program, python);
  }
  return [...programs.values()];
}

function fromPath(): Promise<string | undefined> {
  return firstOnPath(process.platform === 'win32' ? ['python.exe', 'python3.exe'] : ['python3', 'python']);
}

export class PythonNotFound extends Error {}

/**
 * The interpreter for a training workspace: what the user set explicitly (itself, or a conda environment), else the Python extension's choice, else the
 * workspace's `.venv`, else PATH.
 * @throws PythonNotFound, whose message says what to set.
 */
export async function findPython(workspaceRoot: string): Promise<string> {
  const scope = vscode.Uri.file(workspaceRoot);
  const chosen = settings.pythonPath(scope);
  if (chosen !== '') {
    const absolute = path.resolve(workspaceRoot, chosen);
    if (await isExecutable(absolute)) return absolute;
    throw new PythonNotFound(
      vscode.l10n.t('The setting npt.pythonPath names {0}, which cannot be executed.', absolute),
    );
  }
  const conda = settings.condaEnvironment(scope);
  if (conda !== undefined) {
    const inside = path.join(conda, ...(process.platform === 'win32' ? ['python.exe'] : ['bin', 'python']));
    if (await isExecutable(inside)) return inside;
    throw new PythonNotFound(vscode.l10n.t('The setting npt.environment.conda names {0}, which has no Python.', conda));
  }
  let reason: string | undefined;
  try {
    const found = await fromPythonExtension(scope);
    if (found !== undefined) return found;
  } catch (error) {
    reason = messageOf(error);
  }
  const venv = environmentPython(workspaceRoot);
  const found = (await isExecutable(venv)) ? venv : await fromPath();
  if (found === undefined)
    throw new PythonNotFound(
      vscode.l10n.t('No Python was found. Install Python 3.10 or newer, or set npt.pythonPath.'),
    );
  if (reason !== undefined) void tellAnother(found, reason);
  return found;
}

/** Another interpreter than the one somebody chose would be a surprise, were it not said. */
async function tellAnother(python: string, reason: string): Promise<void> {
  const open = vscode.l10n.t('Open Setting');
  const message = vscode.l10n.t(
    'The Python extension did not say which interpreter to use ({0}), so {1} is used. To choose one, set npt.pythonPath.',
    reason,
    python,
  );
  if ((await showWarning(message, open)) === open) await openPythonSetting();
}

/** Runs what needs an interpreter. Where none is found the user is told in one line, with the setting a click away. */
export async function needingPython<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof PythonNotFound)) throw error;
    const open = vscode.l10n.t('Open Setting');
    if ((await showError(error.message, open)) === open) await openPythonSetting();
    return undefined;
  }
}

/** Where the interpreter is set by hand. */
const openPythonSetting = (): Promise<void> => openSetting('npt.pythonPath');

/** Asks for another interpreter where the one in use comes from: in the Python extension, else in our setting. */
export async function chooseInterpreter(workspaceRoot: string): Promise<void> {
  const isSet = settings.pythonPath(vscode.Uri.file(workspaceRoot)) !== '';
  const commands = isSet ? [] : await vscode.commands.getCommands(true);
  if (commands.includes('python.setInterpreter')) await vscode.commands.executeCommand('python.setInterpreter');
  else await openPythonSetting();
}

/** Makes an interpreter the one that trains in a workspace folder. */
export async function usePython(workspaceRoot: string, python: string): Promise<void> {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(workspaceRoot));
  // A folder that is not open has .venv found in it, once it is.
  if (folder === undefined) return;
  const relative = path.relative(folder.uri.fsPath, python);
  const inside = !relative.startsWith('..') && !path.isAbsolute(relative);
  await settings.setPythonPath(folder, inside ? relative : python);
}
