import * as vscode from 'vscode';
import { eventually } from '../../eventually';
import { activated, mainRun } from './extension';

/** The window tells of a tab a moment after it is there. */
async function shows(viewType: string, labels: readonly string[]): Promise<void> {
  await eventually(`tabs ${labels.join(', ')}`, 120_000, () =>
    labelsOf(viewType).join() === labels.join() ? true : undefined,
  );
}

function labelsOf(viewType: string): string[] {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .filter(({ input }) => input instanceof vscode.TabInputWebview && input.viewType.endsWith(viewType))
    .map(({ label }) => label);
}

describe('NPT: Show Runs', () => {
  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('opens one tab, also when asked again', async () => {
    await activated();
    await vscode.commands.executeCommand('npt.showRuns');
    await vscode.commands.executeCommand('npt.showRuns');
    await shows('npt.runsTable', ['Runs']);
  });

  it('overlays runs in one dashboard: the first one’s', async () => {
    await activated();
    await vscode.commands.executeCommand('npt.overlayRuns', mainRun(), [mainRun(), `${mainRun()}/checkpoints`]);
    await shows('npt.dashboard', ['main']);
  });
});
