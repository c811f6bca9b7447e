import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { ValidationReport } from '../../../src/core/checkpoint/report/report';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';

const MODEL_MS = 120_000;

describe('what commands act on', () => {
  const checkpoint = (name: string): string => path.join(mainRun(), 'checkpoints', name);
  const pins = (): unknown => JSON.parse(readFileSync(path.join(mainRun(), 'pins.json'), 'utf8'));
  const node = (name: string): unknown => ({ kind: 'checkpoint', path: checkpoint(name) });

  afterEach(() => {
    rmSync(path.join(mainRun(), 'pins.json'), { force: true });
  });

  it('pins every checkpoint of a selection, and several pins at once', async () => {
    await activated();
    const both = [node('checkpoint-4'), node('checkpoint-8')];
    await vscode.commands.executeCommand('npt.pin', both[0], both);
    assert.deepEqual(pins(), { schema: 1, checkpoints: ['checkpoint-4', 'checkpoint-8'] });
    await Promise.all(both.map((each) => vscode.commands.executeCommand('npt.unpin', each, [each])));
    assert.deepEqual(pins(), { schema: 1, checkpoints: [] });
  });

  it('copies the paths of a selection, one a line', async () => {
    await activated();
    const both = [node('checkpoint-8'), node('checkpoint-4')];
    await vscode.commands.executeCommand('npt.copyPath', both[0], both);
    assert.equal(await vscode.env.clipboard.readText(), `${checkpoint('checkpoint-8')}\n${checkpoint('checkpoint-4')}`);
  });

  it('validates every checkpoint of a run, final too', async () => {
    const api = await activated();
    const copy = path.join(workspaceRoot(), 'experiments/with-final');
    mkdirSync(path.join(copy, 'checkpoints'), { recursive: true });
    try {
      for (const name of ['checkpoint-4', 'checkpoint-8']) {
        cpSync(checkpoint(name), path.join(copy, 'checkpoints', name), { recursive: true });
      }
      cpSync(checkpoint('checkpoint-8'), path.join(copy, 'checkpoints/final'), { recursive: true });
      await modelShows(api, 'the copy with its final', MODEL_MS, (runs) =>
        runs.find((run) => run.path === copy && run.final !== null && run.checkpoints.length === 2),
      );
      const reports = await vscode.commands.executeCommand<readonly ValidationReport[]>('npt.validate', copy);
      assert.deepEqual(
        reports.map((report) => [path.basename(report.path), report.verdict]),
        [
          ['checkpoint-4', 'valid'],
          ['checkpoint-8', 'valid'],
          ['final', 'valid'],
        ],
      );
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });

  it('keeps what the others gave when a checkpoint goes before its turn', async () => {
    await activated();
    const gone = path.join(workspaceRoot(), 'experiments/gone/checkpoints/checkpoint-8');
    const chosen = [node('checkpoint-4'), gone, node('checkpoint-8')];
    const reports = await vscode.commands.executeCommand<readonly ValidationReport[]>(
      'npt.validate',
      chosen[0],
      chosen,
    );
    assert.deepEqual(
      reports.map((report) => path.basename(report.path)),
      ['checkpoint-4', 'checkpoint-8'],
    );
  });
});

describe('the setting npt.experimentsFolder', () => {
  const configuration = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('npt');
  const moved = (): string => path.join(workspaceRoot(), 'all runs');

  afterEach(async () => {
    await configuration().update('experimentsFolder', undefined, vscode.ConfigurationTarget.Workspace);
    rmSync(moved(), { recursive: true, force: true });
  });

  it('is expanded as VS Code expands its own, and its runs belong to the folder that names it', async () => {
    const api = await activated();
    mkdirSync(moved());
    cpSync(mainRun(), path.join(moved(), 'moved'), { recursive: true });
    await configuration().update(
      'experimentsFolder',
      ' ${workspaceFolder}/all runs ',
      vscode.ConfigurationTarget.Workspace,
    );
    const run = await modelShows(api, 'the run in the other folder', MODEL_MS, (runs) =>
      runs.find((each) => each.path === path.join(moved(), 'moved')),
    );
    assert.equal(api.workspaces.rootOf(run), workspaceRoot());
    assert.equal(api.workspaces.runAt(mainRun()), undefined);
  });

  it('that names no folder is said, and seen when the folder comes', async () => {
    const api = await activated();
    await configuration().update(
      'experimentsFolder',
      '${workspaceFolder}/all runs',
      vscode.ConfigurationTarget.Workspace,
    );
    await modelShows(api, 'the problem', MODEL_MS, () =>
      api.workspaces.all[0]?.problems.find((problem) => problem.message.startsWith('does not exist')),
    );
    const draft = path.join(workspaceRoot(), 'draft');
    mkdirSync(draft);
    cpSync(mainRun(), path.join(draft, 'came'), { recursive: true });
    renameSync(draft, moved());
    await modelShows(api, 'the run that came', MODEL_MS, (runs) => runs.find((run) => run.name === 'came'));
  });
});
