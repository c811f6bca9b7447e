import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';

const TRAINS_WITHIN_MS = 300_000;
const STOPS_WITHIN_MS = 300_000;

describe('training as tasks', function () {
  this.timeout(TRAINS_WITHIN_MS + STOPS_WITHIN_MS + 30_000);

  it('offers to resume the run that was stopped', async () => {
    await activated();
    const tasks = await vscode.tasks.fetchTasks({ type: 'npt' });
    const task = tasks.find((candidate) => candidate.definition.kind === 'resume');
    assert.ok(task);
    assert.match(String(task.definition.checkpoint), /^experiments\/main\/checkpoints\/checkpoint-\d+$/);
    assert.ok(task.execution instanceof vscode.ProcessExecution, 'no shell is between us and the trainer');
    assert.ok(task.execution.args.includes('--resume_from'));
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
      const ended = new Promise<number | undefined>((resolve) => {
        const listener = vscode.tasks.onDidEndTaskProcess((event) => {
          if (event.execution.task.name !== 'go on') return;
          listener.dispose();
          resolve(event.exitCode);
        });
      });
      await vscode.tasks.executeTask(task);
      assert.equal(await ended, 1);
      await vscode.commands.executeCommand('workbench.action.terminal.selectAll');
      await vscode.commands.executeCommand('workbench.action.terminal.copySelection');
      const said = (await vscode.env.clipboard.readText()).replace(/\s*\n\s*/g, '');
      assert.match(
        said,
        /The task "go on" of workspace cannot start: NPT weights not found: .*nowhere does not exist\./,
      );
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
