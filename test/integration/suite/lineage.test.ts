/** The lineage's tab; the flat list and the groups of the tree; a run that gets another name. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { ShownComparison } from '../../../src/features/compare/compare';
import type { NptApi } from '../../../src/extension';
import { eventually } from '../../eventually';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';
import { answering } from './picks';
import { Told } from './told';

const MODEL_MS = 120_000;

function tabs(viewType: string): string[] {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .filter(({ input }) => input instanceof vscode.TabInputWebview && input.viewType.endsWith(viewType))
    .map(({ label }) => label);
}

/** The rows of a command's quick pick that are ticked, which is then left. */
async function ticked(command: string): Promise<string[]> {
  const { createQuickPick } = vscode.window;
  let labels: string[] = [];
  vscode.window.createQuickPick = (() => {
    const picker = createQuickPick();
    const show = picker.show.bind(picker);
    picker.show = (): void => {
      labels = picker.items.map(({ label }) => label);
      show();
      picker.hide();
    };
    return picker;
  }) as typeof createQuickPick;
  try {
    await vscode.commands.executeCommand(command);
  } finally {
    vscode.window.createQuickPick = createQuickPick;
  }
  return labels.flatMap((label) => (label.startsWith('$(check) ') ? [label.slice('$(check) '.length)] : []));
}

/** What a command tells of its failure. */
async function errorsOf(act: () => Thenable<unknown>): Promise<string[]> {
  const { showErrorMessage } = vscode.window;
  const told: string[] = [];
  vscode.window.showErrorMessage = (message: string) => {
    told.push(message);
    return Promise.resolve(undefined);
  };
  try {
    await act();
  } finally {
    vscode.window.showErrorMessage = showErrorMessage;
  }
  return told;
}

describe('lineage', () => {
  let api: NptApi;
  const experiments = (name: string): string => path.join(workspaceRoot(), 'experiments', name);

  before(async () => {
    api = await activated();
  });
  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('is shown in one tab, also when asked again', async () => {
    await vscode.commands.executeCommand('npt.showLineage');
    await vscode.commands.executeCommand('npt.showLineage');
    await eventually('one tab', MODEL_MS, () => (tabs('npt.lineage').join() === 'Lineage' ? true : undefined));
  });

  it('groups runs by tag or day until somebody wants it otherwise, and shows them in the view', async () => {
    for (const grouping of ['By tag', 'By day', 'No groups']) {
      await answering([{ choose: new RegExp(grouping) }], () => vscode.commands.executeCommand('npt.groupRuns'));
      assert.deepEqual(await ticked('npt.groupRuns'), [grouping]);
      assert.deepEqual(await errorsOf(() => vscode.commands.executeCommand('npt.reveal', mainRun())), []);
    }
    for (const command of ['npt.listFlat', 'npt.nestBranches']) {
      assert.deepEqual(await errorsOf(() => vscode.commands.executeCommand(command)), []);
      assert.deepEqual(await errorsOf(() => vscode.commands.executeCommand('npt.reveal', mainRun())), []);
    }
  });

  describe('of a run that gets another name', () => {
    const [before, after] = ['to-rename', 'renamed'];

    /** A run with an id of its own, and a branch that knows it by that. */
    beforeEach(async () => {
      cpSync(mainRun(), experiments(before), { recursive: true });
      cpSync(mainRun(), experiments('its-branch'), { recursive: true });
      const birth = JSON.parse(readFileSync(path.join(mainRun(), 'run.json'), 'utf8')) as object;
      const write = (name: string, more: object): void => {
        writeFileSync(path.join(experiments(name), 'run.json'), JSON.stringify({ ...birth, ...more }));
      };
      write(before, { id: 'an-id-of-its-own' });
      const parent = { id: 'an-id-of-its-own', run: before, checkpoint: 'checkpoint-4', step: 4 };
      write('its-branch', { id: 'another-id', parent });
      await api.workspaces.rescan('everything');
    });
    afterEach(async () => {
      for (const name of [before, after, 'its-branch'])
        rmSync(experiments(name), { recursive: true, force: true, maxRetries: 5 });
      await api.workspaces.rescan('everything');
    });

    async function parentOfBranch(): Promise<string> {
      return modelShows(api, 'the branch with its parent', MODEL_MS, (runs) => {
        const branch = runs.find(({ name }) => name === 'its-branch');
        return branch === undefined ? undefined : api.workspaces.lineage.parentOf(branch)?.name;
      });
    }
    const rename = (from: string, to: string): Thenable<unknown> =>
      answering([{ type: to }], () => vscode.commands.executeCommand('npt.renameRun', experiments(from)));

    it('stays whole, with the dashboard and the editors that show it, and is undone by renaming it back', async () => {
      assert.equal(await parentOfBranch(), before);
      await vscode.commands.executeCommand('npt.openDashboard', experiments(before));
      await eventually('the dashboard', MODEL_MS, () => (tabs('npt.dashboard').includes(before) ? true : undefined));
      const log = vscode.Uri.file(path.join(experiments(before), 'config.json'));
      await vscode.window.showTextDocument(log, { viewColumn: vscode.ViewColumn.Two, preview: false });
      await rename(before, after);
      assert.ok(existsSync(experiments(after)) && !existsSync(experiments(before)));
      assert.equal(await parentOfBranch(), after);
      await eventually('the dashboard of the new name', MODEL_MS, () =>
        tabs('npt.dashboard').join() === after ? true : undefined,
      );
      const open = (): string[] =>
        vscode.window.tabGroups.all
          .flatMap((group) => group.tabs)
          .flatMap(({ input }) => (input instanceof vscode.TabInputText ? [input.uri.fsPath] : []));
      // The host is told of a tab that was closed a moment after it was.
      await eventually('the old tab going', MODEL_MS, () => (open().length === 1 ? true : undefined));
      assert.deepEqual(open(), [path.join(experiments(after), 'config.json')]);
      await rename(after, before);
      assert.equal(await parentOfBranch(), before);
      assert.ok(existsSync(experiments(before)) && !existsSync(experiments(after)));
    });

    it('takes its probe, its torch files and its comparisons along, and says which task names its path', async () => {
      const inRun = (name: string, file: string): vscode.Uri => vscode.Uri.file(path.join(experiments(name), file));
      const weights = 'checkpoints/checkpoint-8/npt_weights.pt';
      const configs = ['checkpoints/checkpoint-4/config.json', 'checkpoints/checkpoint-8/config.json'] as const;
      const inputs = (): string[] =>
        vscode.window.tabGroups.all
          .flatMap((group) => group.tabs)
          .flatMap(({ input }) => {
            if (input instanceof vscode.TabInputCustom) return [`${input.viewType} ${input.uri.fsPath}`];
            return input instanceof vscode.TabInputTextDiff
              ? [`diff ${input.original.fsPath} ${input.modified.fsPath}`]
              : [];
          })
          .sort();
      const wanted = (name: string): string[] => [
        `diff ${inRun(name, configs[0]).fsPath} ${inRun(name, configs[1]).fsPath}`,
        `npt.torchFile ${inRun(name, weights).fsPath}`,
      ];
      const tasks = path.join(workspaceRoot(), '.vscode/tasks.json');
      const had = existsSync(tasks) ? readFileSync(tasks) : null;
      const told = new Told();
      try {
        const checkpoints = [4, 8].map((step) => path.join(experiments(before), `checkpoints/checkpoint-${step}`));
        const shown = await vscode.commands.executeCommand<ShownComparison>('npt.compare', checkpoints[0], checkpoints);
        await vscode.commands.executeCommand('npt.probeRun', experiments(before));
        await vscode.commands.executeCommand('vscode.openWith', inRun(before, weights), 'npt.torchFile', {
          preview: false,
        });
        await vscode.commands.executeCommand(
          'vscode.diff',
          ...configs.map((file) => inRun(before, file)),
          'two configurations',
          { preview: false },
        );
        await eventually('its tabs', MODEL_MS, () => (inputs().join() === wanted(before).join() ? true : undefined));
        mkdirSync(path.dirname(tasks), { recursive: true });
        const entry = { label: 'go on', type: 'npt', kind: 'resume', checkpoint: `experiments/${before}` };
        writeFileSync(tasks, JSON.stringify({ version: '2.0.0', tasks: [entry] }));
        told.agrees = false;
        await rename(before, after);
        assert.match(told.asked.join(), /^Rename to-rename to renamed\? Named by its path in .*: the entry “go on”\./);
        assert.ok(existsSync(experiments(before)), 'it was renamed though nobody agreed');
        told.agrees = true;
        await rename(before, after);
        assert.ok(existsSync(experiments(after)));
        await eventually('its tabs under the new name', MODEL_MS, () =>
          inputs().join() === wanted(after).join() ? true : undefined,
        );
        await eventually('the probe of the new name', MODEL_MS, () =>
          tabs('npt.probe').join() === `Probe of ${after}` ? true : undefined,
        );
        // The document is open in its preview, and asked for anew a moment later.
        const report = await vscode.workspace.openTextDocument(shown.report);
        const note = '*to-rename is called renamed since this was written.*\n\n# checkpoint-4 and';
        await eventually('the note in the report', MODEL_MS, () =>
          report.getText().startsWith(note) ? true : undefined,
        );
        // The tab is its own: a probe of it makes no second one.
        await vscode.commands.executeCommand('npt.probeRun', experiments(after));
        assert.deepEqual(tabs('npt.probe'), [`Probe of ${after}`]);
      } finally {
        told.end();
        if (had === null) rmSync(tasks, { force: true });
        else writeFileSync(tasks, had);
      }
    });
  });
});
