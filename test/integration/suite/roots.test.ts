import assert from 'node:assert/strict';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated } from './extension';

/** The window that roots.ts makes. */
describe('a window with several folders', () => {
  const folder = (index: number): string => {
    const found = vscode.workspace.workspaceFolders?.[index];
    assert.ok(found);
    return found.uri.fsPath;
  };
  const workspace = (): string => folder(1);
  const inner = (): string => folder(2);
  const copy = (): string => folder(3);

  /** The window reads the list of its folders from a file, for which the extension host does not wait. */
  before(async () => {
    await new Promise<void>((resolve) => {
      const listener = vscode.workspace.onDidChangeWorkspaceFolders(look);
      function look(): void {
        if (vscode.workspace.workspaceFolders?.length !== 4) return;
        listener.dispose();
        resolve();
      }
      look();
    });
  });

  it('lists every run once', async () => {
    const api = await activated();
    assert.deepEqual(
      api.workspaces.runs.map((run) => run.path).sort(),
      [
        path.join(copy(), 'experiments/child'),
        path.join(copy(), 'experiments/main'),
        path.join(workspace(), 'experiments/child'),
        path.join(workspace(), 'experiments/main'),
        path.join(inner(), 'experiments/inner-run'),
      ].sort(),
    );
  });

  it('gives each run the folder that can train it', async () => {
    const { workspaces } = await activated();
    const roots = new Map(workspaces.runs.map((run) => [run.path, workspaces.rootOf(run)]));
    assert.equal(roots.get(path.join(workspace(), 'experiments/main')), workspace(), 'not the one that only looks');
    assert.equal(roots.get(path.join(inner(), 'experiments/inner-run')), inner(), 'not the one around it');
    assert.equal(roots.get(path.join(copy(), 'experiments/main')), copy());
  });

  it('hangs a branch under the parent in its own folder, though a copy has the same ids', async () => {
    const { workspaces } = await activated();
    for (const root of [workspace(), copy()]) {
      const child = workspaces.runAt(path.join(root, 'experiments/child'));
      assert.ok(child);
      assert.equal(workspaces.lineage.parentOf(child)?.path, path.join(root, 'experiments/main'));
    }
  });

  it('offers tasks that find their training script', async () => {
    await activated();
    const tasks = await vscode.tasks.fetchTasks({ type: 'npt' });
    const scopes = tasks.map((task) => (typeof task.scope === 'object' ? task.scope.uri.fsPath : String(task.scope)));
    assert.deepEqual(scopes.sort(), [copy(), inner(), workspace()].sort());
  });
});
