/** Alerts of a run that trains are told without any dashboard, once, with the way on. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { procStat, thisHost } from '../../../src/core/thisHost';
import { eventually } from '../../eventually';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';
import { answering } from './picks';

const LIMIT_MS = 120_000;

describe('alerts', function () {
  this.timeout(3 * LIMIT_MS);

  const { showInformationMessage, showWarningMessage, showErrorMessage } = vscode.window;
  const configuration = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('npt');
  let said: { readonly message: string; readonly buttons: readonly string[] }[] = [];
  const children: ChildProcess[] = [];
  const folders: string[] = [];
  let folder = '';

  beforeEach(async () => {
    await configuration().update('notifications', 'all', vscode.ConfigurationTarget.Workspace);
    said = [];
    const answer = (message: string, ...rest: unknown[]): Thenable<never> => {
      const buttons = rest.filter((each): each is string => typeof each === 'string');
      said.push({ message, buttons });
      return Promise.resolve(undefined as never);
    };
    Object.assign(vscode.window, {
      showInformationMessage: answer,
      showWarningMessage: answer,
      showErrorMessage: answer,
    });
  });
  afterEach(async () => {
    Object.assign(vscode.window, { showInformationMessage, showWarningMessage, showErrorMessage });
    await configuration().update('notifications', 'off', vscode.ConfigurationTarget.Workspace);
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const each of folders.splice(0)) rmSync(each, { recursive: true, force: true });
  });

  const log = (): string => path.join(folder, 'metrics.jsonl');
  const line = (step: number, loss: number | 'NaN'): string =>
    `${JSON.stringify({ event: 'metrics', segment: 2, step, time: Date.now() / 1000, metrics: { 'loss/total': loss } })}\n`;

  /** A copy of the main run that a process of ours trains: its log grows as the test says. */
  async function training(name: string): Promise<void> {
    folder = path.join(workspaceRoot(), 'experiments', name);
    folders.push(folder);
    mkdirSync(path.join(folder, 'checkpoints'), { recursive: true });
    cpSync(path.join(mainRun(), 'config.json'), path.join(folder, 'config.json'));
    writeFileSync(path.join(folder, 'run.json'), JSON.stringify({ schema: 1, id: name, created: Date.now() / 1000 }));
    cpSync(path.join(mainRun(), 'checkpoints/checkpoint-8'), path.join(folder, 'checkpoints/checkpoint-8'), {
      recursive: true,
    });
    writeFileSync(log(), Array.from({ length: 30 }, (_, index) => line(9 + index, 2 + (index % 3) / 50)).join(''));
    const child = spawn('sleep', ['3600']);
    children.push(child);
    const { dev, ino } = statSync(folder);
    const { name: host, bootId } = thisHost();
    const pid = child.pid ?? 0;
    const document = {
      ...{ schema: 1, host, boot_id: bootId, pid, started: Date.now() / 1000 },
      ...{ start_ticks: procStat(pid)?.startTicks ?? 0, launcher: 'local', job: null, segment: 2 },
      folder: { device: dev, inode: ino, path: folder },
    };
    writeFileSync(path.join(folder, 'process.json'), JSON.stringify(document));
    await modelShows(await activated(), `${name} as training`, LIMIT_MS, (runs) =>
      runs.find((run) => run.path === folder)?.state === 'training' ? true : undefined,
    );
  }

  const tells = (): readonly (typeof said)[number][] =>
    said.filter(({ message }) => message.startsWith(`${path.basename(folder)}: `));

  it('of a run that trains are told once, without a dashboard, with the last checkpoint to branch from', async () => {
    const name = `alerts-${Date.now()}`;
    await training(name);
    appendFileSync(log(), line(39, 'NaN') + line(40, 'NaN'));
    const nan = await eventually('the alert', LIMIT_MS, () => tells()[0]);
    assert.equal(
      nan.message,
      `${name}: Not a finite number in loss at step 39: last good checkpoint 8: branch from it with a lower learning rate.`,
    );
    assert.deepEqual(nan.buttons, ['Branch from checkpoint-8 with a Lower Learning Rate', 'Open Dashboard']);
    assert.equal(
      vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs).filter(({ label }) => label === name).length,
      0,
    );
    // What comes next is told, and what was told is not told again.
    appendFileSync(log(), line(41, 2) + line(42, 90) + line(43, 95) + line(44, 99));
    await eventually('the next alert', LIMIT_MS, () =>
      tells().find(({ message }) => message.includes('Loss has diverged at step 42')),
    );
    assert.equal(tells().filter(({ message }) => message.includes('Not a finite number')).length, 1);
  });

  it('lead to a branch with half the learning rate, by the plan that every branch has', async () => {
    await training(`alerts-branch-${Date.now()}`);
    let changed = '';
    await answering(
      [
        // The review comes first; Escape leads from it to the list of arguments, which has the change.
        { escape: true },
        {
          choose: /^Review and start/,
          rows: (rows) => {
            changed = rows.find((row) => row.startsWith('learning_rate')) ?? '';
          },
        },
        { escape: true },
        { escape: true },
      ],
      () => vscode.commands.executeCommand('npt.branchWithLowerRate', path.join(folder, 'checkpoints', 'checkpoint-8')),
    );
    const [, before, after] = /^learning_rate (\S+) → (\S+)/.exec(changed) ?? [];
    assert.equal(Number(after), Number(before) / 2, changed);
  });

  /** The process of the last run ends, and says so. */
  async function ends(why: 'done' | 'stopped' | 'failed', error: string | null = null): Promise<void> {
    const exit = { schema: 1, why, step: 38, segment: 2, signal: null, error, time: Date.now() / 1000 };
    writeFileSync(path.join(folder, 'exit.json'), JSON.stringify(exit));
    children.at(-1)?.kill('SIGKILL');
    const run = folder;
    await modelShows(await activated(), `${path.basename(run)} as ended`, LIMIT_MS, (runs) =>
      runs.find((each) => each.path === run)?.state === 'training' ? undefined : true,
    );
  }

  it('of how runs ended are told, with the way on; not what somebody stopped', async () => {
    const names = ['stops', 'fails', 'finishes'].map((each) => `alerts-${each}-${Date.now()}`);
    const [stops = '', fails = '', finishes = ''] = names;
    await training(stops);
    await ends('stopped');
    await training(fails);
    await ends('failed', 'the disk is full');
    await training(finishes);
    await ends('done');
    const about = (name: string): Promise<(typeof said)[number]> =>
      eventually(`what is told of ${name}`, LIMIT_MS, () => said.find(({ message }) => message.startsWith(name)));
    const failed = await about(fails);
    assert.equal(failed.message, `${fails}: Failed at step 38. the disk is full`);
    assert.deepEqual(failed.buttons, ['Open Log', 'Resume from checkpoint-8']);
    const finished = await about(finishes);
    assert.equal(finished.message, `${finishes} finished at step 38.`);
    assert.deepEqual(finished.buttons, ['Open Dashboard']);
    assert.deepEqual(
      said.filter(({ message }) => message.startsWith(stops)),
      [],
    );
  });

  it('are not told where only errors are wanted and a spike is none', async () => {
    await configuration().update('notifications', 'errors', vscode.ConfigurationTarget.Workspace);
    await training(`alerts-errors-${Date.now()}`);
    appendFileSync(log(), line(39, 9) + line(40, 2) + line(41, 'NaN'));
    await eventually('the error', LIMIT_MS, () => tells()[0]);
    assert.deepEqual(
      tells().map(({ message }) => /: (.*) at step/.exec(message)?.[1]),
      ['Not a finite number in loss'],
    );
  });
});
