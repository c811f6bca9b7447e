import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import type { Run } from '../../../src/core/experiment/model';
import { eventually } from '../../eventually';
import { activated, mainRun, modelShows } from './extension';

/** Ends a test that hangs; a job that starts on a busy machine takes its time. */
const WITHIN_MS = 600_000;

/** The cluster of this window: run.ts started it, and the window's environment names it. */
async function slurm(program: string, ...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, words, { timeout: WITHIN_MS });
  return stdout.trim();
}

describe('runs as Slurm jobs', function () {
  this.timeout(4 * WITHIN_MS);

  const settings = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('npt');
  const set = async (name: string, value: unknown): Promise<void> => {
    await settings().update(name, value, vscode.ConfigurationTarget.Workspace);
  };
  const shows = async <T>(what: string, find: (run: Run) => T | undefined): Promise<T> =>
    modelShows(await activated(), what, WITHIN_MS, (runs) => {
      const run = runs.find((each) => each.path === mainRun());
      return run === undefined ? undefined : find(run);
    });
  const detail = (run: Run): string => run.processState?.detail ?? '';
  const document = (name: string): Record<string, unknown> =>
    JSON.parse(readFileSync(path.join(mainRun(), name), 'utf8')) as Record<string, unknown>;
  const events = (event: string): Record<string, unknown>[] =>
    readFileSync(path.join(mainRun(), 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line['event'] === event);

  before(async () => {
    await set('launcher', 'slurm');
    await set('slurm.partition', 'main');
    await set('openDashboardOnResume', false);
  });

  it('resumes a run as a job that waits, is held and released, trains without its terminal, and stops with a save', async () => {
    await activated();
    const from = await shows('what was saved by hand', (run) => run.checkpoints.at(-1)?.step);
    await set('slurm.extra', ['--begin=now+1hour']);
    await vscode.commands.executeCommand('npt.resume', mainRun());
    const job = await shows('the job waiting', (run) =>
      run.state === 'queued' && /\(BeginTime\)/.test(detail(run)) ? (run.process?.job ?? undefined) : undefined,
    );
    assert.match(await slurm('squeue', '--noheader', `--jobs=${job}`, '--format=%T %P'), /^PENDING main$/);

    await vscode.commands.executeCommand('npt.hold', mainRun());
    await shows('the job held', (run) => (run.processState?.held === true ? true : undefined));
    assert.match(await slurm('squeue', '--noheader', `--jobs=${job}`, '--format=%r'), /^JobHeld/);
    await vscode.commands.executeCommand('npt.release', mainRun());
    await shows('the job released', (run) => (run.processState?.held === false ? true : undefined));

    // A second click starts nothing beside it.
    const { showErrorMessage } = vscode.window;
    const said: string[] = [];
    vscode.window.showErrorMessage = (message: string): Thenable<never> => {
      said.push(message);
      return Promise.resolve(undefined as never);
    };
    try {
      await vscode.commands.executeCommand('npt.resume', mainRun());
    } finally {
      vscode.window.showErrorMessage = showErrorMessage;
    }
    assert.match(said.join('\n'), /main/);
    assert.equal((await slurm('squeue', '--noheader', '--format=%i')).split('\n').length, 1, 'one job');

    const [terminal] = vscode.window.terminals;
    assert.ok(terminal, 'a terminal follows the job');
    const closed = new Promise<void>((resolve) => {
      const listener = vscode.window.onDidCloseTerminal((each) => {
        if (each !== terminal) return;
        listener.dispose();
        resolve();
      });
    });
    terminal.dispose();
    await closed;
    await slurm('scontrol', 'update', `JobId=${job}`, 'StartTime=now');
    await shows('the run training in its job', (run) =>
      run.state === 'training' &&
      new RegExp(`^job ${job} on n[12], `).test(detail(run)) &&
      run.process?.launcher === 'slurm'
        ? true
        : undefined,
    );
    await shows('a checkpoint of the job', (run) => ((run.checkpoints.at(-1)?.step ?? 0) > from ? true : undefined));

    await vscode.commands.executeCommand('npt.stop', mainRun());
    const stopped = await shows('the run stopped', (run) => (run.state === 'stopped' ? run : undefined));
    const { why, step } = document('exit.json');
    assert.equal(why, 'stopped');
    assert.equal(stopped.checkpoints.at(-1)?.step, step, 'it was saved where it stopped');
  });

  it('goes on as another job from there, step by step, none lost and none twice; Stop Now ends it', async () => {
    await set('slurm.extra', []);
    const from = Number(document('exit.json')['step']);
    await vscode.commands.executeCommand('npt.resume', mainRun());
    await shows('a checkpoint after the resume', (run) =>
      run.state === 'training' && (run.checkpoints.at(-1)?.step ?? 0) > from ? true : undefined,
    );
    const { showWarningMessage } = vscode.window;
    vscode.window.showWarningMessage = (_: string, ...rest: unknown[]): Thenable<never> =>
      Promise.resolve((rest.includes('End Without Saving') ? 'End Without Saving' : undefined) as never);
    try {
      await vscode.commands.executeCommand('npt.stopNow', mainRun());
    } finally {
      vscode.window.showWarningMessage = showWarningMessage;
    }
    await shows('the run ended', (run) => (run.state === 'interrupted' || run.state === 'stopped' ? true : undefined));
    // The run says that it ended a moment before its job has.
    await eventually('the end of the job', WITHIN_MS, async () =>
      (await slurm('squeue', '--noheader', '--states=running,pending', '--format=%i')) === '' ? true : undefined,
    );
    assert.equal(events('start').length, 3, 'by hand, and two jobs');
    const steps = events('metrics')
      .filter(({ metrics }) => Object.hasOwn(metrics as object, 'loss/total'))
      .map((line) => Number(line['step']));
    assert.deepEqual(
      steps,
      steps.map((_, index) => 2 * (index + 1)),
    );
    assert.ok((steps.at(-1) ?? 0) > from);
  });
});
