import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { activated, EXTENSION_ID } from './extension';

interface Contributions {
  readonly commands: readonly { readonly command: string; readonly category?: string }[];
  readonly taskDefinitions: readonly { readonly type: string }[];
  readonly views: Readonly<Record<string, readonly { readonly id: string }[]>>;
}

describe('activation', () => {
  it('succeeds, and every command of package.json can be run', async () => {
    await activated();
    const manifest = vscode.extensions.getExtension(EXTENSION_ID)!.packageJSON as { contributes: Contributions };
    const registered = new Set(await vscode.commands.getCommands(true));
    const wanted = manifest.contributes.commands.map(({ command }) => command);
    assert.ok(wanted.length > 0);
    assert.deepEqual(
      wanted.filter((command) => !registered.has(command)),
      [],
    );
    assert.ok(manifest.contributes.commands.every(({ category }) => category === 'NPT'));
  });

  it('brings the view and the task type', async () => {
    await activated();
    const registered = await vscode.commands.getCommands(true);
    // VS Code makes this command for every view that it knows.
    assert.ok(registered.includes('npt.experiments.focus'));
    await vscode.commands.executeCommand('npt.experiments.focus');
  });
});
