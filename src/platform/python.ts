/** Which Python trains, and whether it can. */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import { showError } from './messages';
import { settings } from './settings';

const run = promisify(execFile);

/** The part of the Python extension's API that we use (ms-python.python, `environments`). */
interface PythonExtension {
  readonly environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(environment: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
  };
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function fromPythonExtension(scope: vscode.Uri): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonExtension>('ms-python.python');
  if (extension === undefined) return undefined;
  const api = extension.isActive ? extension.exports : await extension.activate();
  const environments = api.environments;
  if (environments === undefined) return undefined;
  const resolved = await environments.resolveEnvironment(environments.getActiveEnvironmentPath(scope));
  return resolved?.executable.uri?.fsPath;
}

async function fromPath(): Promise<string | undefined> {
  const names = process.platform === 'win32' ? ['python.exe', 'python3.exe'] : ['python3', 'python'];
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    for (const name of names) {
      const candidate = path.join(folder, name);
      if (folder !== '' && (await isExecutable(candidate))) return candidate;
    }
  }
  return undefined;
}

export class PythonNotFound extends Error {}

/**
 * The interpreter for a training workspace: what the user set explicitly, else the Python extension's choice, else the
 * workspace's `.venv`, else PATH.
 * @throws PythonNotFound, whose message says what to set.
 */
export async function findPython(workspaceRoot: string): Promise<string> {
  const scope = vscode.Uri.file(workspaceRoot);
  const chosen = settings.pythonPath(scope).trim();
  if (chosen !== '') {
    const absolute = path.resolve(workspaceRoot, chosen);
    if (await isExecutable(absolute)) return absolute;
    throw new PythonNotFound(
      vscode.l10n.t('The setting npt.pythonPath names {0}, which cannot be executed.', absolute),
    );
  }
  const venv = path.join(
    workspaceRoot,
    '.venv',
    ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
  );
  const found =
    (await fromPythonExtension(scope)) ?? ((await isExecutable(venv)) ? venv : undefined) ?? (await fromPath());
  if (found !== undefined) return found;
  throw new PythonNotFound(vscode.l10n.t('No Python was found. Install Python 3.10 or newer, or set npt.pythonPath.'));
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

/** Where an interpreter is chosen by hand. */
export async function openPythonSetting(): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.openSettings', 'npt.pythonPath');
}

/** Modules the trainer needs that this interpreter lacks; asks the import system without importing (0.1 s, not 2 s). */
export async function missingModules(python: string, modules: readonly string[]): Promise<string[]> {
  const script = 'import importlib.util,sys;print(*[m for m in sys.argv[1:] if importlib.util.find_spec(m) is None])';
  const { stdout } = await run(python, ['-c', script, ...modules], { timeout: 20_000 });
  return stdout
    .trim()
    .split(/\s+/)
    .filter((name) => name !== '');
}
