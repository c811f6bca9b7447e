/** Installing what an interpreter lacks for training. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { exists } from '../../core/files';
import { programTask } from '../../platform/tasks';

/**
 * The task that installs what the workspace's lock file names, else the modules that are missing.
 *
 * @param folder the training workspace
 * @throws TaskTextError
 */
export async function requirementsTask(
  python: string,
  folder: string,
  missing: readonly string[],
): Promise<vscode.Task> {
  const lock = path.join(folder, 'requirements.lock');
  const wanted = (await exists(lock)) ? ['-r', path.basename(lock)] : missing;
  return programTask({
    definition: { type: 'process' },
    scope: undefined,
    name: vscode.l10n.t('install training requirements'),
    program: python,
    words: ['-m', 'pip', 'install', ...wanted],
    folder,
  });
}
