import assert from 'node:assert/strict';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, mainRun } from './extension';

describe('without a Python', () => {
  const configuration = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('npt');
  const shown: unknown[][] = [];
  const { showErrorMessage } = vscode.window;
  let before: string | undefined;

  beforeEach(async () => {
    await activated();
    before = configuration().inspect<string>('pythonPath')?.workspaceValue;
    await configuration().update('pythonPath', '/nowhere/python', vscode.ConfigurationTarget.Workspace);
    shown.length = 0;
    vscode.window.showErrorMessage = (...told: unknown[]) => {
      shown.push(told);
      return Promise.resolve(told[1]);
    };
  });

  afterEach(async () => {
    vscode.window.showErrorMessage = showErrorMessage;
    await configuration().update('pythonPath', before, vscode.ConfigurationTarget.Workspace);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  for (const command of ['npt.resume', 'npt.branch']) {
    it(`${command} says so in one line, with a button that opens the setting`, async () => {
      await vscode.commands.executeCommand(command, path.join(mainRun(), 'checkpoints/checkpoint-8'));
      assert.deepEqual(shown, [
        ['The setting npt.pythonPath names /nowhere/python, which cannot be executed.', 'Open Setting'],
      ]);
      const { activeTab } = vscode.window.tabGroups.activeTabGroup;
      assert.equal(activeTab?.label, 'Settings');
    });
  }
});
