import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, mainRun, workspaceRoot } from './extension';

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

  it('variables and ~ in the setting are expanded, as VS Code expands its own', async () => {
    for (const [written, expanded] of [
      ['${workspaceFolder}/none', path.join(workspaceRoot(), 'none')],
      ['${env:HOME}/none', path.join(process.env.HOME ?? '', 'none')],
      ['~/none', path.join(os.homedir(), 'none')],
      ['bin/none', path.join(workspaceRoot(), 'bin/none')],
      ['${command:x}', path.join(workspaceRoot(), '$\u200b{command:x}')],
    ] as const) {
      shown.length = 0;
      await configuration().update('pythonPath', written, vscode.ConfigurationTarget.Workspace);
      await vscode.commands.executeCommand('npt.resume', path.join(mainRun(), 'checkpoints/checkpoint-8'));
      assert.equal(shown[0]?.[0], `The setting npt.pythonPath names ${expanded}, which cannot be executed.`);
    }
  });
});

describe('with a Python that prints and lacks torch', () => {
  const configuration = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('npt');
  const shown: unknown[][] = [];
  const { showErrorMessage } = vscode.window;
  let before: string | undefined;
  let python: string;
  let press: string | undefined;

  beforeEach(async () => {
    await activated();
    before = configuration().inspect<string>('pythonPath')?.workspaceValue;
    python = path.join(workspaceRoot(), 'loud-python');
    shown.length = 0;
    vscode.window.showErrorMessage = (...told: unknown[]) => {
      shown.push(told);
      return Promise.resolve(press);
    };
    await configuration().update('pythonPath', python, vscode.ConfigurationTarget.Workspace);
  });

  afterEach(async () => {
    vscode.window.showErrorMessage = showErrorMessage;
    await configuration().update('pythonPath', before, vscode.ConfigurationTarget.Workspace);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(python, { force: true });
  });

  const write = (script: string): void => {
    writeFileSync(python, `#!/bin/sh\n${script}\n`);
    chmodSync(python, 0o755);
  };

  it('Install installs what the workspace asks for, never what the interpreter printed', async () => {
    // -S leaves out site-packages, where torch is; as a bare interpreter would.
    const argv = path.join(workspaceRoot(), 'pip-words');
    write(
      `echo Loading module CUDA 12.4\nif [ "$1" = -m ]; then printf '%s\\n' "$@" > '${argv}'; else '${before}' -S "$@"; fi\necho Goodbye`,
    );
    press = 'Install';
    const ended = new Promise<void>((resolve) => {
      const listener = vscode.tasks.onDidEndTaskProcess((event) => {
        if (event.execution.task.name !== 'install training requirements') return;
        listener.dispose();
        resolve();
      });
    });
    await vscode.commands.executeCommand('npt.resume', mainRun());
    assert.deepEqual(shown[0], [
      `${python} does not have torch or transformers, which training needs.`,
      'Install',
      'Choose Interpreter',
    ]);
    await ended;
    const words = readFileSync(argv, 'utf8').trim().split('\n');
    rmSync(argv);
    const hasLock = existsSync(path.join(workspaceRoot(), 'requirements.lock'));
    assert.deepEqual(words, [
      '-m',
      'pip',
      'install',
      ...(hasLock ? ['-r', 'requirements.lock'] : ['torch', 'transformers']),
    ]);
  });

  it('Choose Interpreter shows the setting where it can be set, also in a remote window', async () => {
    write('echo "module: command not found" >&2; exit 1');
    press = 'Choose Interpreter';
    await vscode.commands.executeCommand('npt.resume', mainRun());
    assert.deepEqual(shown, [[`${python} cannot be used: module: command not found.`, 'Choose Interpreter']]);
    assert.equal(vscode.window.tabGroups.activeTabGroup.activeTab?.label, 'Settings');
  });
});
