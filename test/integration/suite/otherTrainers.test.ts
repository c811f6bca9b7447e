import assert from 'node:assert/strict';
import { copyFileSync, cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, EXTENSION_ID, modelShows, workspaceRoot } from './extension';
import { answering } from './picks';

describe("resuming another trainer's run", function () {
  this.timeout(300_000);
  const configuration = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('npt');
  const run = (): string => path.join(workspaceRoot(), 'experiments/theirs');
  const script = 'scripts/theirs.py';
  let usualCache: string | undefined;

  before(async () => {
    const api = await activated();
    const fixtures = path.join(vscode.extensions.getExtension(EXTENSION_ID)?.extensionPath ?? '', 'test/fixtures');
    usualCache = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = path.join(workspaceRoot(), 'cache');
    const checkpoint = 'checkpoints/checkpoint-24000';
    cpSync(path.join(fixtures, 'checkpoints/field/checkpoint-24000'), path.join(run(), checkpoint), {
      recursive: true,
    });
    copyFileSync(path.join(fixtures, 'trainers/contract_names.py'), path.join(workspaceRoot(), script));
    await api.workspaces.rescan('everything');
    await modelShows(api, 'the run', 180_000, (runs) => runs.find((each) => each.path === run()));
  });

  after(async () => {
    const api = await activated();
    if (usualCache === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = usualCache;
    await configuration().update('trainScript', undefined, vscode.ConfigurationTarget.Workspace);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    for (const made of [run(), path.join(workspaceRoot(), script), path.join(workspaceRoot(), 'cache')])
      rmSync(made, { recursive: true, force: true });
    await api.workspaces.rescan('everything');
  });

  /** The review asks what nothing on disk tells, and takes the answer. */
  async function reviewAsks(question: RegExp): Promise<void> {
    const has = (rows: readonly string[], text: RegExp): boolean => text.test(rows.join(' '));
    await answering(
      [
        {
          choose: /^Change lambda_reg…/,
          rows: (rows) => {
            assert.ok(has(rows, question), rows.join('\n'));
          },
        },
        { type: '0.02', refuses: [['much', /not a number/]] },
        {
          choose: /^Show as Report/,
          rows: (rows) => {
            assert.ok(!has(rows, /which lambda_reg it was trained with/));
            assert.ok(has(rows, /lambda_reg/), 'it is among what changes');
          },
        },
      ],
      () => vscode.commands.executeCommand('npt.resume', run()),
    );
  }

  it('with our trainer', () => reviewAsks(/Nothing on disk says which lambda_reg it was trained with: 0\.01 is taken/));

  it('with its own script, which is asked for its options', async () => {
    await configuration().update('trainScript', script, vscode.ConfigurationTarget.Workspace);
    await reviewAsks(/Nothing on disk says which lambda_reg it was trained with: the script takes its own, 0\.005/);
  });
});
