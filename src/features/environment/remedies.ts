/** What mends what Check Environment found, as rows to choose: a remedy is data, here is what each is called and does. */
import * as vscode from 'vscode';
import type { Remedy } from '../../core/training/environment/entry';
import { chooseInterpreter } from '../../platform/python';
import { openSetting } from '../../platform/settings';
import { programTask } from '../../platform/tasks';
import { choosePython } from './choosePython';
import { install, makeEnvironment } from './makeEnvironment';

export interface Place {
  readonly root: string;
  /** The interpreter that trains; null where there is none. */
  readonly python: string | null;
}

export function remedyLabel(remedy: Remedy): string {
  switch (remedy.kind) {
    case 'create-workspace':
      return vscode.l10n.t('Create Training Workspace…');
    case 'choose-interpreter':
      return vscode.l10n.t('Choose Interpreter…');
    case 'make-environment':
      return vscode.l10n.t('Make an Environment…');
    case 'install-requirements':
      return vscode.l10n.t('Install What Is Missing');
    case 'install-package':
      return vscode.l10n.t('Install {0}', remedy.name);
    case 'wandb-login':
      return vscode.l10n.t('Log In to W&B…');
    case 'open-setting':
      return vscode.l10n.t('Open Setting {0}', remedy.name);
  }
}

/** @returns whether looking again may find it mended; false where it was given up, or goes on elsewhere */
export async function apply(remedy: Remedy, { root, python }: Place): Promise<boolean> {
  switch (remedy.kind) {
    case 'create-workspace':
      await vscode.commands.executeCommand('npt.createWorkspace');
      return false;
    case 'choose-interpreter':
      await chooseInterpreter(root);
      return false;
    case 'make-environment': {
      const chosen = await choosePython(vscode.l10n.t('Make an Environment'));
      return chosen !== undefined && makeEnvironment(root, chosen);
    }
    case 'install-requirements':
      return python !== null && install(root, python);
    case 'install-package':
      return python !== null && install(root, python, [remedy.name]);
    case 'wandb-login':
      // It asks for a key, which only its terminal is to see.
      if (python !== null) await logIn(python, root);
      return false;
    case 'open-setting':
      await openSetting(remedy.name);
      return false;
  }
}

async function logIn(python: string, root: string): Promise<void> {
  const name = vscode.l10n.t('W&B login');
  const words = ['-m', 'wandb', 'login'];
  const definition = { type: 'process' };
  await vscode.tasks.executeTask(
    programTask({ definition, scope: undefined, name, program: python, words, folder: root }),
  );
}
