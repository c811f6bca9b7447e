import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { activated, mainRun } from './extension';

function tabs(viewType: string): vscode.Tab[] {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .filter(({ input }) => input instanceof vscode.TabInputWebview && input.viewType.endsWith(viewType));
}

describe('NPT: Show Runs', () => {
  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('opens one tab, also when asked again', async () => {
    await activated();
    await vscode.commands.executeCommand('npt.showRuns');
    await vscode.commands.executeCommand('npt.showRuns');
    assert.deepEqual(
      tabs('npt.runsTable').map(({ label }) => label),
      ['Runs'],
    );
  });

  it('overlays runs in one dashboard: the first one’s', async () => {
    await activated();
    await vscode.commands.executeCommand('npt.overlayRuns', mainRun(), [mainRun(), `${mainRun()}/checkpoints`]);
    assert.deepEqual(
      tabs('npt.dashboard').map(({ label }) => label),
      ['main'],
    );
  });
});
