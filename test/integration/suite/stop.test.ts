import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import type { RunExit, RunState } from '../../../src/core/experiment/model';
import { procStat, thisHost } from '../../../src/core/thisHost';
import { eventually } from '../../eventually';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';

const TRAINS_WITHIN_MS = 120_000;
const STOPS_WITHIN_MS = 60_000;
const MODEL_MS = 180_000;

describe('stopping', function () {
  this.timeout(2 * (TRAINS_WITHIN_MS + STOPS_WITHIN_MS));

  const elsewhere = (name: string): string => path.join(workspaceRoot(), 'experiments', name);
  const exitOf = (run: string): RunExit => JSON.parse(readFileSync(path.join(run, 'exit.json'), 'utf8')) as RunExit;
  const { showWarningMessage } = vscode.window;
  afterEach(() => {
    vscode.window.showWarningMessage = showWarningMessage;
  });

  /** Presses this button of every warning; returns what was asked. */
  function answering(button: string): string[] {
    const asked: string[] = [];
    vscode.window.showWarningMessage = (message: string, ...rest: unknown[]): Thenable<never> => {
      asked.push(message);
      return Promise.resolve((rest.includes(button) ? button : undefined) as never);
    };
    return asked;
  }

  const state = async (run: string, wanted: RunState, limitMs: number): Promise<void> => {
    await modelShows(await activated(), `${path.basename(run)} as ${wanted}`, limitMs, (runs) =>
      runs.find((each) => each.path === run)?.state === wanted ? true : undefined,
    );
  };

  /** Resumes the run, and waits until it saved something. */
  async function resumed(): Promise<void> {
    const api = await activated();
    const saved = (): number =>
      api.workspaces.runs.find((each) => each.path === mainRun())?.checkpoints.at(-1)?.step ?? 0;
    const before = saved();
    await vscode.commands.executeCommand('npt.resume', mainRun());
    await modelShows(api, 'a checkpoint after the resume', TRAINS_WITHIN_MS, () =>
      saved() > before ? true : undefined,
    );
    await state(mainRun(), 'training', MODEL_MS);
  }

  it('may be asked for again and again, while the run is copied and renamed', async () => {
    await resumed();
    const copy = elsewhere('copy-of-main');
    const renamed = elsewhere('renamed-main');
    try {
      // What is in checkpoints/ comes and goes while it is copied.
      cpSync(mainRun(), copy, {
        recursive: true,
        filter: (source) => path.basename(path.dirname(source)) !== 'checkpoints',
      });
      await state(copy, 'interrupted', MODEL_MS);
      await vscode.commands.executeCommand('npt.stop', copy);
      renameSync(mainRun(), renamed);
      await state(renamed, 'training', MODEL_MS);
      assert.equal(existsSync(mainRun()), false);
      const stop = (): Thenable<unknown> => vscode.commands.executeCommand('npt.stop', renamed);
      await Promise.all([stop(), stop(), stop()]);
      await stop();
      await state(renamed, 'stopped', STOPS_WITHIN_MS);
      const { why, step } = exitOf(renamed);
      assert.equal(why, 'stopped');
      assert.ok(existsSync(path.join(renamed, 'checkpoints', `checkpoint-${step}`, 'manifest.json')));
      assert.equal(existsSync(mainRun()), false, 'nothing was made at the old path');
    } finally {
      rmSync(copy, { recursive: true, force: true });
      if (existsSync(renamed)) renameSync(renamed, mainRun());
    }
    await state(mainRun(), 'stopped', MODEL_MS);
  });

  it('a Stop that reached nobody is none: the next one is the first', async () => {
    const api = await activated();
    const run = elsewhere('by-hand');
    const heard = path.join(run, 'heard');
    // Of a trainer without a supervisor nobody keeps further requests away: it gets one, and this one counts them.
    const count = `
      process.on('SIGINT', () => require('node:fs').appendFileSync(${JSON.stringify(heard)}, 'SIGINT '));
      console.log('ready'); setInterval(() => undefined, 1000);`;
    mkdirSync(run);
    const trainer = spawn(process.execPath, ['-e', count], {
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const kill = process.kill.bind(process);
    const { showErrorMessage, showInformationMessage } = vscode.window;
    const errors: string[] = [];
    const told: string[] = [];
    vscode.window.showErrorMessage = (message: string): Thenable<never> => {
      errors.push(message);
      return Promise.resolve(undefined as never);
    };
    vscode.window.showInformationMessage = (message: string): Thenable<never> => {
      told.push(message);
      return Promise.resolve(undefined as never);
    };
    try {
      await once(trainer.stdout, 'data');
      const { pid = 0 } = trainer;
      const named = {
        ...{ schema: 1, host: os.hostname(), boot_id: thisHost().bootId, pid, started: Date.now() / 1000 },
        ...{ start_ticks: procStat(pid)?.startTicks ?? 0, launcher: 'shell', job: null, segment: 1 },
      };
      writeFileSync(path.join(run, 'run.json'), JSON.stringify({ schema: 1, id: 'by-hand' }));
      writeFileSync(path.join(run, 'process.json'), JSON.stringify(named));
      await state(run, 'training', MODEL_MS);
      process.kill = (whom, signal) => {
        if (whom !== pid) return kill(whom, signal);
        throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
      };
      await vscode.commands.executeCommand('npt.stop', run);
      process.kill = kill;
      assert.match(errors.join(), /by-hand could not be stopped/);
      await vscode.commands.executeCommand('npt.stop', run);
      await vscode.commands.executeCommand('npt.stop', run);
      assert.match(told.join(), /by-hand is already stopping/);
      // What is there may be empty yet: a file is made first and written to then.
      await eventually('the request', MODEL_MS, () =>
        existsSync(heard) && readFileSync(heard, 'utf8') !== '' ? true : undefined,
      );
      trainer.kill('SIGKILL');
      await once(trainer, 'exit');
      assert.equal(readFileSync(heard, 'utf8'), 'SIGINT ');
    } finally {
      process.kill = kill;
      Object.assign(vscode.window, { showErrorMessage, showInformationMessage });
      trainer.kill('SIGKILL');
      rmSync(run, { recursive: true, force: true });
      await api.workspaces.rescan('changes');
    }
  });

  it('now, without a save, asks first and says what is lost', async () => {
    await resumed();
    const declined = answering('Cancel');
    await vscode.commands.executeCommand('npt.stopNow', mainRun());
    assert.deepEqual(declined, ['End the training of main without saving?']);
    await state(mainRun(), 'training', MODEL_MS);
    answering('End Without Saving');
    await vscode.commands.executeCommand('npt.stopNow', mainRun());
    await state(mainRun(), 'interrupted', STOPS_WITHIN_MS);
    const { why, signal } = exitOf(mainRun());
    assert.deepEqual([why, signal], ['killed', 'SIGQUIT']);
  });

  /** A run that a process on a host that nobody here can ask trained a moment ago. */
  async function inAContainer(body: (run: string) => Promise<void>): Promise<void> {
    const run = elsewhere('in-a-container');
    mkdirSync(run);
    try {
      for (const name of ['config.json', 'metrics.jsonl', 'run.json', 'run.lock']) {
        cpSync(path.join(mainRun(), name), path.join(run, name));
      }
      writeFileSync(
        path.join(run, 'process.json'),
        JSON.stringify({ schema: 1, host: 'f00dcafe0123', boot_id: '', pid: 7, started: Date.now() / 1000 }),
      );
      await state(run, 'training', MODEL_MS);
      await body(run);
    } finally {
      rmSync(run, { recursive: true, force: true });
    }
  }

  it('settles at once a run whose container is gone: nothing holds its lock', async () => {
    await inAContainer(async (run) => {
      await vscode.commands.executeCommand('npt.stop', run);
      await state(run, 'interrupted', MODEL_MS);
      assert.equal(existsSync(path.join(run, 'process.json')), false);
    });
  });

  it('asks about such a run, with the risk, where nobody can look at its lock', async () => {
    const configuration = vscode.workspace.getConfiguration('npt');
    const before = configuration.inspect<string>('pythonPath')?.workspaceValue;
    await configuration.update('pythonPath', '/nowhere/python', vscode.ConfigurationTarget.Workspace);
    try {
      await inAContainer(async (run) => {
        const declined = answering('Treat as Ended…');
        await vscode.commands.executeCommand('npt.stop', run);
        assert.deepEqual(declined, [
          'in-a-container is trained by process 7 on f00dcafe0123, or was: from here nobody can tell. Stop it there, or treat it as ended.',
          'Treat the training of in-a-container as ended?',
        ]);
        assert.equal(existsSync(path.join(run, 'process.json')), true, 'the second question was not answered');
        answering('Treat as Ended');
        await vscode.commands.executeCommand('npt.treatAsEnded', run);
        await state(run, 'interrupted', MODEL_MS);
        assert.equal(existsSync(path.join(run, 'process.json')), false);
      });
    } finally {
      await configuration.update('pythonPath', before, vscode.ConfigurationTarget.Workspace);
    }
  });
});
