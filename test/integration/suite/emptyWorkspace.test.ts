/** Every command of the palette in a workspace without a run: each says one thing, or asks one, and none fails. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, modelShows, workspaceRoot } from './extension';
import { Told } from './told';

const MODEL_MS = 120_000;

/** What these do is to be seen, or there is nothing to do: they neither say nor ask. */
const SILENT = new Set(['npt.refresh', 'npt.clearFilter', 'npt.showLog', 'npt.nestBranches', 'npt.listFlat']);
/** What these open is in a tab. */
const IN_A_TAB = new Set(['npt.showRuns', 'npt.showLineage', 'npt.checkEnvironment']);

interface Manifest {
  readonly contributes: { readonly commands: readonly { readonly command: string }[] };
}

describe('the palette in a workspace without runs', function () {
  this.timeout(20 * 60_000);
  const configuration = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('npt');
  const empty = (): string => path.join(workspaceRoot(), 'no runs yet');
  const { createQuickPick, showInputBox, showOpenDialog, showSaveDialog } = vscode.window;
  let told: Told;
  let asked: string[];

  before(async () => {
    const api = await activated();
    mkdirSync(empty(), { recursive: true });
    await configuration().update('experimentsFolder', 'no runs yet', vscode.ConfigurationTarget.Workspace);
    await modelShows(api, 'no run', MODEL_MS, (runs) => (runs.length === 0 ? true : undefined));
    told = new Told();
    asked = [];
    Object.assign(vscode.window, {
      createQuickPick: () => {
        const picker = createQuickPick();
        const show = picker.show.bind(picker);
        picker.show = (): void => {
          asked.push(picker.title ?? picker.placeholder ?? '');
          show();
          setImmediate(() => {
            picker.hide();
          });
        };
        return picker;
      },
      showInputBox: (options?: vscode.InputBoxOptions) => {
        asked.push(options?.title ?? options?.prompt ?? '');
        return Promise.resolve(undefined);
      },
      showOpenDialog: (options?: vscode.OpenDialogOptions) => {
        asked.push(options?.title ?? '');
        return Promise.resolve(undefined);
      },
      showSaveDialog: () => {
        asked.push('save');
        return Promise.resolve(undefined);
      },
    });
  });
  after(async () => {
    told.end();
    Object.assign(vscode.window, { createQuickPick, showInputBox, showOpenDialog, showSaveDialog });
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await configuration().update('experimentsFolder', undefined, vscode.ConfigurationTarget.Workspace);
    rmSync(empty(), { recursive: true, force: true });
    const api = await activated();
    await modelShows(api, 'the runs again', MODEL_MS, (runs) => (runs.length > 0 ? true : undefined));
  });

  it('has no command that is silent, says two things, or fails', async () => {
    const extension = vscode.extensions.getExtension<unknown>('npt-checkpoints.npt-checkpoints');
    const commands = (extension?.packageJSON as Manifest).contributes.commands.map(({ command }) => command);
    assert.ok(commands.length > 50);
    const wrong: string[] = [];
    for (const command of commands) {
      told.said.length = 0;
      told.asked.length = 0;
      asked.length = 0;
      try {
        await vscode.commands.executeCommand(command);
      } catch (error) {
        wrong.push(`${command} threw: ${String(error)}`);
        continue;
      }
      const heard = [...told.said, ...told.asked, ...asked];
      const expected = SILENT.has(command) || IN_A_TAB.has(command) ? 0 : 1;
      if (heard.length !== expected && !(expected === 0 && heard.length === 1)) {
        wrong.push(`${command}: ${heard.length === 0 ? 'nothing was said or asked' : heard.join(' | ')}`);
      }
      if (heard.some((text) => text.trim() === '' || / failed: |undefined|\n/.test(text))) {
        wrong.push(`${command}: ${heard.join(' | ')}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
});
