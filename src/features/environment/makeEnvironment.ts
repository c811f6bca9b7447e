/** Making a training workspace's Python environment, and installing into one: seen, and cancelled when one likes. */
import * as vscode from 'vscode';
import {
  EnvironmentError,
  type Making,
  installRequirements,
  makeEnvironment as make,
} from '../../core/training/environment/makeEnvironment';
import { environmentPython } from '../../core/training/environment/environmentPlace';
import { openAtEnd } from '../../platform/editors';
import { showError, showInformation } from '../../platform/messages';
import { withCancellableProgress } from '../../platform/progress';
import { findPython, PythonNotFound, usePython } from '../../platform/python';

/**
 * Shows what is done under a notification; a step that fails is one line, with its log a click away.
 *
 * @returns undefined where it was cancelled, or failed
 */
async function shown<T>(root: string, title: string, work: (making: Making) => Promise<T>): Promise<T | undefined> {
  try {
    return await withCancellableProgress(title, (signal, _share, showMessage) =>
      work({
        root,
        signal,
        says: (step, line) => {
          showMessage(line === null ? step.shown : `${step.shown}: ${line}`);
        },
      }),
    );
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    const open = vscode.l10n.t('Open Log');
    if ((await showError(error.message, open)) === open) await openAtEnd(vscode.Uri.file(error.log), true);
    return undefined;
  }
}

/** @returns whether the environment is there, and is what trains in this workspace */
export async function makeEnvironment(root: string, python: string): Promise<boolean> {
  const made = await shown(root, vscode.l10n.t('Making the Python environment of {0}', root), (making) =>
    make(python, making),
  );
  if (made === undefined) return false;
  // What somebody set, or the Python extension chose, comes before .venv.
  if ((await usedIn(root)) !== made) await usePython(root, made);
  void showInformation(vscode.l10n.t('The Python environment is ready: {0}', environmentPython(root)));
  return true;
}

/** @param names of packages; without them, what the workspace lists @returns whether all of it is installed */
export async function install(root: string, python: string, names?: readonly string[]): Promise<boolean> {
  const title = vscode.l10n.t('Installing into {0}', python);
  return (await shown(root, title, (making) => installRequirements(python, making, names))) === true;
}

async function usedIn(root: string): Promise<string | undefined> {
  try {
    return await findPython(root);
  } catch (error) {
    if (!(error instanceof PythonNotFound)) throw error;
    return undefined;
  }
}
