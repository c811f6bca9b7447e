import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';
import { inFront } from './terminal';

const TRAINS_WITHIN_MS = 300_000;
const STOPS_WITHIN_MS = 300_000;

/** Runs a task to its end. @returns its exit code */
async function endOf(task: vscode.Task): Promise<number | undefined> {
  const ended = new Promise<number | undefined>((resolve) => {
    const listener = vscode.tasks.onDidEndTaskProcess((event) => {
      if (event.execution.task.name !== task.name) return;
      listener.dispose();
      resolve(event.exitCode);
    });
  });
  await vscode.tasks.executeTask(task);
  return ended;
}

describe('training as tasks', function () {
  this.timeout(TRAINS_WITHIN_MS + STOPS_WITHIN_MS + 30_000);

  it('offers to resume the run that was stopped', async () => {
    await activated();
    const tasks = await vscode.tasks.fetchTasks({ type: 'npt' });
    const task = tasks.find((candidate) => candidate.definition.kind === 'resume');
    assert.ok(task);
    assert.equal(task.definition.checkpoint, 'experiments/main');
    assert.ok(task.execution instanceof vscode.ProcessExecution, 'no shell is between us and the trainer');
    assert.ok(task.isBackground);
    assert.deepEqual(task.problemMatchers, ['$npt', '$npt-error']);
  });

  it('plans a task of the list when it is run: one that cannot start by then says why in its terminal', async () => {
    await activated();
    const configuration = vscode.workspace.getConfiguration('npt');
    const log = path.join(mainRun(), 'train.log');
    const before = readFileSync(log, 'utf8');
    const task = (await vscode.tasks.fetchTasks({ type: 'npt' })).find(({ name }) => name === 'resume main');
    assert.ok(task);
    // What VS Code still lists: a task of a run that is gone it does not start at all.
    await configuration.update('local.devices', ['no such'], vscode.ConfigurationTarget.Workspace);
    try {
      assert.equal(await endOf(task), 2);
      // A task that failed is brought to the front, some time after its end.
      await inFront(/error: npt\.local\.devices is \["no ?such"\]/);
      assert.equal(readFileSync(log, 'utf8'), before, 'nothing was started');
    } finally {
      await configuration.update('local.devices', undefined, vscode.ConfigurationTarget.Workspace);
    }
  });

  it('a task that is written wrong says in its terminal what is wrong, where, and what to do', async () => {
    await activated();
    const file = path.join(workspaceRoot(), '.vscode/tasks.json');
    const tasks = [{ label: 'go on', type: 'npt', kind: 'resume', checkpoint: 'experiments/nowhere' }];
    writeFileSync(file, JSON.stringify({ version: '2.0.0', tasks }));
    try {
      let task: vscode.Task | undefined;
      // VS Code reads tasks.json some time after it was written.
      while (task === undefined) task = (await vscode.tasks.fetchTasks()).find(({ name }) => name === 'go on');
      assert.equal(await endOf(task), 1);
      await inFront(/The task "go on" of workspace cannot start: NPT weights not found: .*nowhere does not exist\./);
    } finally {
      rmSync(file, { force: true });
    }
  });

  it('resumes a run with a real trainer, and stops it', async () => {
    const api = await activated();
    const find = (): (typeof api.workspaces.runs)[number] => {
      const run = api.workspaces.runs.find((candidate) => candidate.path === mainRun());
      assert.ok(run);
      return run;
    };
    const before = find().checkpoints.at(-1)!.step;
    const started = new Promise<vscode.Task>((resolve) => {
      const listener = vscode.tasks.onDidStartTaskProcess((event) => {
        if (event.execution.task.definition.type !== 'npt') return;
        listener.dispose();
        resolve(event.execution.task);
      });
    });
    await vscode.commands.executeCommand('npt.resume', mainRun());
    assert.equal((await started).definition.kind, 'resume');
    await modelShows(api, 'a checkpoint after the resume', TRAINS_WITHIN_MS, () =>
      find().checkpoints.some((checkpoint) => checkpoint.step > before) ? true : undefined,
    );
    await modelShows(api, 'a training run', STOPS_WITHIN_MS, () => (find().state === 'training' ? true : undefined));

    await vscode.commands.executeCommand('npt.stop', mainRun());
    await modelShows(api, 'the stopped run', STOPS_WITHIN_MS, () => (find().state === 'stopped' ? true : undefined));
    const exit = JSON.parse(readFileSync(path.join(mainRun(), 'exit.json'), 'utf8')) as { why: string; step: number };
    assert.equal(exit.why, 'stopped');
    await modelShows(api, 'the checkpoint that the stop left', STOPS_WITHIN_MS, () =>
      find().checkpoints.at(-1)?.step === exit.step ? true : undefined,
    );
  });
});
