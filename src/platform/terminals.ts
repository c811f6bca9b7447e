/** Terminals that run a program. VS Code shows their names, and substitutes variables in their programs and words. */
import * as vscode from 'vscode';
import { plainText } from '../core/plainText';
import { holdsVariable, TaskTextError } from './tasks';

/** The longest name of a terminal, in UTF-16 units. */
const LIMIT = { longest: 120 };

/** Shows a terminal that is open and still runs, of a task or not, if it was started with such words. @returns whether there is one */
export function showTerminalOf(isIt: (words: readonly string[]) => boolean): boolean {
  const found = vscode.window.terminals.find(({ exitStatus, creationOptions }) => {
    if (exitStatus !== undefined || !('shellArgs' in creationOptions)) return false;
    const { shellArgs } = creationOptions;
    return Array.isArray(shellArgs) && isIt(shellArgs);
  });
  found?.show();
  return found !== undefined;
}

/**
 * Opens a terminal that runs a program with an argv, without a shell, and shows it.
 *
 * @throws TaskTextError where a word would not reach the program as it is
 */
export function openTerminal(name: string, [program = '', ...words]: readonly string[], folder: string): void {
  const named = [program, folder, ...words].find(holdsVariable);
  if (named !== undefined) {
    throw new TaskTextError(
      vscode.l10n.t('VS Code replaces "${…}" in terminals, and {0} has one in its path. Rename that folder.', named),
    );
  }
  const shown = plainText(name, LIMIT);
  vscode.window.createTerminal({ name: shown, shellPath: program, shellArgs: words, cwd: folder }).show();
}
