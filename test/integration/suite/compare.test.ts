import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { ShownComparison } from '../../../src/features/compare/compare';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';

async function compare(...checkpoints: readonly string[]): Promise<ShownComparison | undefined> {
  return vscode.commands.executeCommand<ShownComparison | undefined>('npt.compare', checkpoints[0], checkpoints);
}

describe('NPT: Compare Checkpoints', () => {
  const checkpoint = (step: number): string => path.join(mainRun(), `checkpoints/checkpoint-${step}`);
  const copy = (): string => path.join(workspaceRoot(), 'experiments/compared/checkpoints/checkpoint-8');

  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(path.join(workspaceRoot(), 'experiments/compared'), { recursive: true, force: true });
  });

  it('shows what training changed, the earlier checkpoint first', async () => {
    await activated();
    const shown = await compare(checkpoint(8), checkpoint(4));
    assert.ok(shown);
    const { comparison, report } = shown;
    assert.deepEqual([comparison.a.step, comparison.b.step], [4, 8]);
    assert.deepEqual(
      comparison.layers.map(({ layer, same }) => [layer, same]),
      [
        [2, false],
        [3, false],
      ],
    );
    const text = (await vscode.workspace.openTextDocument(report)).getText();
    assert.match(text, /^# checkpoint-4 and checkpoint-8\n/);
    assert.match(text, /\n\| A \| 4 \| [^\n]*main\/checkpoints\/checkpoint-4 \|\n\| B \| 8 \| /);
    assert.match(text, /\n\| 2 \| [\d.e-]+ \| (1 − )?[\d.e-]+ \|\n\| 3 \| [\d.e-]+ \| (1 − )?[\d.e-]+ \|\n/);
    assert.match(text, /\nNo argument differs\.\n/);
    assert.match(text, /\nThe same: teacher 0–4, mixed 4–8 \\\(ratio 0\.5\\\), student 8–5008\.\n/);
    assert.ok(
      vscode.window.tabGroups.all
        .flatMap((group) => group.tabs)
        .some(({ input }) => input instanceof vscode.TabInputWebview && input.viewType.endsWith('markdown.preview')),
      'the report is open in the preview',
    );
  });

  it('says of a copy that only its learning rate differs', async () => {
    const api = await activated();
    mkdirSync(path.dirname(copy()), { recursive: true });
    cpSync(checkpoint(8), copy(), { recursive: true });
    const config = path.join(copy(), 'config.json');
    const settings = JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>;
    writeFileSync(config, JSON.stringify({ ...settings, learning_rate: 0.125 }));
    await modelShows(api, 'the copy', 120_000, (runs) =>
      runs.some((run) => run.checkpoints.some((each) => each.path === copy())) ? true : undefined,
    );
    const shown = await compare(checkpoint(8), copy());
    assert.ok(shown);
    const text = (await vscode.workspace.openTextDocument(shown.report)).getText();
    assert.match(text, /\*\*All tensors are the same; 1 argument differs\.\*\*/);
    assert.match(text, /\n\| 2 \| \*\*identical\*\* \| \|\n\| 3 \| \*\*identical\*\* \| \|\n/);
    assert.match(text, /\n\| learning\\_rate \| [^|\n]+ \| 0\.125 \|/);
  });

  it('asks for the other checkpoint when one is given', async () => {
    await activated();
    // The pick is on its first row, the newest checkpoint but the given one. Accepted before it has rows, it gives nothing.
    let shown: ShownComparison | undefined;
    for (let wait = 500; shown === undefined && wait <= 4000; wait *= 2) {
      const command = vscode.commands.executeCommand<ShownComparison | undefined>('npt.compare', checkpoint(4));
      await new Promise((resolve) => setTimeout(resolve, wait));
      await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
      await vscode.commands.executeCommand('workbench.action.closeQuickOpen');
      shown = await command;
    }
    assert.equal(shown?.comparison.a.path, checkpoint(4));
    assert.ok((shown.comparison.b.step ?? 0) > 4);
  });

  it('opens a diff editor of the two config.json from its notification', async () => {
    await activated();
    await vscode.commands.executeCommand('notifications.clearAll');
    await compare(checkpoint(4), checkpoint(8));
    const diff = (): vscode.TabInputTextDiff | undefined =>
      vscode.window.tabGroups.all
        .flatMap((group) => group.tabs)
        .map(({ input }) => input)
        .find((input) => input instanceof vscode.TabInputTextDiff);
    const until = Date.now() + 120_000;
    while (diff() === undefined && Date.now() < until) {
      await vscode.commands.executeCommand('notification.acceptPrimaryAction');
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.deepEqual(
      [diff()?.original.fsPath, diff()?.modified.fsPath],
      [path.join(checkpoint(4), 'config.json'), path.join(checkpoint(8), 'config.json')],
    );
  });
});
