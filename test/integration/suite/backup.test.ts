import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import type { BackupProblem } from '../../../src/core/checkpoint/backup';
import { activated, modelShows, mainRun, workspaceRoot } from './extension';
import { answering } from './picks';

const MODEL_MS = 120_000;

describe('backups', () => {
  const run = (): string => path.join(workspaceRoot(), 'experiments/backed-up');
  const checkpoint = (name: string): string => path.join(run(), 'checkpoints', name);
  const configuration = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('npt');
  const node = (name: string): unknown => ({ kind: 'checkpoint', path: checkpoint(name) });
  let destination: string;

  beforeEach(async () => {
    const api = await activated();
    destination = mkdtempSync(path.join(tmpdir(), 'npt-backups-'));
    const draft = path.join(workspaceRoot(), 'draft-backed-up');
    cpSync(mainRun(), draft, { recursive: true });
    const birth = path.join(draft, 'run.json');
    writeFileSync(birth, JSON.stringify({ ...(JSON.parse(readFileSync(birth, 'utf8')) as object), id: 'backed-up' }));
    mkdirSync(path.dirname(run()), { recursive: true });
    cpSync(draft, run(), { recursive: true });
    rmSync(draft, { recursive: true });
    await configuration().update('backup.folder', destination, vscode.ConfigurationTarget.Global);
    await modelShows(api, 'the copied run', MODEL_MS, (runs) => runs.find((each) => each.path === run() || undefined));
  });
  afterEach(async () => {
    await configuration().update('backup.folder', undefined, vscode.ConfigurationTarget.Global);
    for (const folder of [run(), destination, path.join(workspaceRoot(), 'experiments/another')])
      rmSync(folder, { recursive: true, force: true });
  });

  const backUp = (...names: string[]): Thenable<readonly string[]> =>
    vscode.commands.executeCommand<readonly string[]>('npt.backUp', node(names[0] ?? ''), names.map(node));

  it('are made of a selection, once however often it is asked for, and the tree shows them', async () => {
    const api = await activated();
    const both = await Promise.all([backUp('checkpoint-4', 'checkpoint-8'), backUp('checkpoint-8', 'checkpoint-4')]);
    const folders = ['checkpoint-4', 'checkpoint-8'].map((name) => path.join(destination, 'backed-up', name));
    for (const made of both) assert.deepEqual([...made].sort(), folders);
    assert.deepEqual(readdirSync(path.join(destination, 'backed-up')).sort(), ['checkpoint-4', 'checkpoint-8']);
    await modelShows(api, 'both as backed up', MODEL_MS, (runs) =>
      runs.find(
        (each) =>
          each.path === run() &&
          folders.every((folder) => each.checkpoints.some(({ backup }) => backup?.folder === folder)),
      ),
    );
    const whole = await vscode.commands.executeCommand<readonly BackupProblem[]>(
      'npt.verifyBackup',
      node('checkpoint-4'),
    );
    assert.deepEqual(whole, []);
    const file = path.join(folders[0] ?? '', 'npt_weights.pt');
    const bytes = readFileSync(file);
    bytes[1000]! ^= 4;
    writeFileSync(file, bytes);
    const damaged = await vscode.commands.executeCommand<readonly BackupProblem[]>(
      'npt.verifyBackup',
      node('checkpoint-4'),
    );
    assert.deepEqual(
      damaged.map(({ name }) => name),
      ['npt_weights.pt'],
    );
  });

  it('go over nothing: a run of another name is offered', async () => {
    const api = await activated();
    const [folder = ''] = await backUp('checkpoint-8');
    const { showWarningMessage } = vscode.window;
    const said: string[] = [];
    vscode.window.showWarningMessage = ((message: string, ...buttons: string[]) => {
      said.push(message);
      return Promise.resolve(buttons[0]);
    }) as unknown as typeof showWarningMessage;
    try {
      const restored = await answering([{ type: 'another', refuses: [['backed-up', /already a run/]] }], () =>
        vscode.commands.executeCommand<string>('npt.restore', folder),
      );
      assert.equal(restored, path.join(workspaceRoot(), 'experiments/another/checkpoints/checkpoint-8'));
    } finally {
      vscode.window.showWarningMessage = showWarningMessage;
    }
    assert.match(said.join(), /checkpoint-8 is there already: nothing is restored over it\.$/);
    await modelShows(api, 'the other run', MODEL_MS, (runs) =>
      runs.find(({ name, checkpoints }) => name === 'another' && checkpoints[0]?.state === 'complete'),
    );
  });

  it('bring a checkpoint back that is picked, and its run where that is gone', async () => {
    const api = await activated();
    const [folder = ''] = await backUp('checkpoint-8');
    const weights = readFileSync(path.join(checkpoint('checkpoint-8'), 'npt_weights.pt'));
    rmSync(checkpoint('checkpoint-8'), { recursive: true });
    await modelShows(api, 'the run without it', MODEL_MS, (runs) =>
      runs.find((each) => each.path === run() && !each.checkpoints.some(({ name }) => name === 'checkpoint-8')),
    );
    const restored = await answering([{ choose: /^checkpoint-8 backed-up step 8/ }], () =>
      vscode.commands.executeCommand<string>('npt.restore'),
    );
    assert.equal(restored, checkpoint('checkpoint-8'));
    assert.ok(readFileSync(path.join(restored, 'npt_weights.pt')).equals(weights));

    rmSync(run(), { recursive: true });
    await modelShows(api, 'the workspace without the run', MODEL_MS, (runs) =>
      runs.some((each) => each.path === run()) ? undefined : true,
    );
    assert.equal(await vscode.commands.executeCommand<string>('npt.restore', folder), checkpoint('checkpoint-8'));
    const back = await modelShows(api, 'the run again', MODEL_MS, (runs) =>
      runs.find((each) => each.path === run() && each.checkpoints[0]?.backup !== undefined),
    );
    assert.equal(back.id, 'backed-up');
    assert.deepEqual(
      back.checkpoints.map(({ name, state, backup }) => [name, state, backup?.folder]),
      [['checkpoint-8', 'complete', folder]],
    );
    assert.ok(existsSync(path.join(run(), 'config.json')));
  });
});
