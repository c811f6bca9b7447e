import assert from 'node:assert/strict';
import { cpSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, mainRun, workspaceRoot } from './extension';

/** The custom editor's tab of the file, as soon as it is there. */
async function tabOf(uri: vscode.Uri, limitMs = 120_000): Promise<vscode.Tab> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const tab = vscode.window.tabGroups.all
      .flatMap((group) => group.tabs)
      .find((each) => each.input instanceof vscode.TabInputCustom && each.input.uri.fsPath === uri.fsPath);
    if (tab) return tab;
    if (Date.now() > deadline) assert.fail(`No tab shows ${uri.fsPath}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('opening a .pt file', () => {
  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('shows it in the read-only editor of torch files, by default and when asked for', async () => {
    await activated();
    const file = vscode.Uri.file(path.join(mainRun(), 'checkpoints/checkpoint-8/npt_weights.pt'));
    await vscode.commands.executeCommand('vscode.openWith', file, 'npt.torchFile');
    const asked = await tabOf(file);
    assert.ok(asked.input instanceof vscode.TabInputCustom);
    assert.equal(asked.input.viewType, 'npt.torchFile');
    assert.equal(asked.label, 'npt_weights.pt');
    assert.equal(asked.isDirty, false);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');

    const other = path.join(workspaceRoot(), 'model.pth');
    cpSync(file.fsPath, other);
    try {
      await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(other));
      const opened = await tabOf(vscode.Uri.file(other));
      assert.ok(opened.input instanceof vscode.TabInputCustom);
      assert.equal(opened.input.viewType, 'npt.torchFile');
      assert.ok(existsSync(other));
    } finally {
      rmSync(other);
    }
  });
});
