/** Restart, Show Python Stacks, and what is said of runs that ended with the machine. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { processIn } from '../../../src/core/experiment/processFolder';
import { procStat, thisHost } from '../../../src/core/thisHost';
import { isAboutRun } from '../../../src/core/training/launchers';
import type { Run, RunState } from '../../../src/core/experiment/model';
import { eventually } from '../../eventually';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';

const TRAINS_WITHIN_MS = 120_000;
const MODEL_MS = 60_000;

/** Stands for a trainer that is asked to stop: says so in exit.json and ends, or never does. */
const ASKED = `
import json, signal, sys, time
run, why = sys.argv[1:]
def asked(*_):
    if why == 'never':
        return
    exit = {'schema': 1, 'why': why, 'step': 8, 'segment': 2, 'signal': None, 'error': 'the disk is full' if why == 'failed' else None, 'time': time.time()}
    open(run + '/exit.json', 'w').write(json.dumps(exit))
    sys.exit(0)
signal.signal(signal.SIGINT, asked)
print('ready', flush=True)
while True:
    time.sleep(0.02)
`;

describe('restarting, and what happened to a run', function () {
  this.timeout(4 * TRAINS_WITHIN_MS);

  const { showInformationMessage, showWarningMessage, showErrorMessage, withProgress } = vscode.window;
  const children: ChildProcess[] = [];
  const folders: string[] = [];
  /** What was said, in the order of its saying. */
  let said: string[] = [];
  /** Pressed wherever it is offered. */
  let button = '';

  beforeEach(() => {
    said = [];
    button = '';
    const answer = (message: string, ...rest: unknown[]): Thenable<never> => {
      said.push(message);
      return Promise.resolve((rest.includes(button) ? button : undefined) as never);
    };
    Object.assign(vscode.window, {
      showInformationMessage: answer,
      showWarningMessage: answer,
      showErrorMessage: answer,
    });
  });
  afterEach(() => {
    Object.assign(vscode.window, { showInformationMessage, showWarningMessage, showErrorMessage, withProgress });
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  const runAt = async (folder: string): Promise<Run | undefined> =>
    (await activated()).workspaces.runs.find((each) => each.path === folder);
  const shows = async (folder: string, state: RunState, limitMs = MODEL_MS): Promise<void> => {
    await modelShows(await activated(), `${path.basename(folder)} as ${state}`, limitMs, (runs) =>
      runs.find((each) => each.path === folder)?.state === state ? true : undefined,
    );
  };
  const trainingPid = async (folder: string): Promise<number | undefined> => (await processIn(folder))?.pid;

  /** A copy of the main run, with a process.json that names this process. */
  function namedRun(name: string, process: { readonly pid: number; readonly bootId?: string }): string {
    const folder = path.join(workspaceRoot(), 'experiments', name);
    folders.push(folder);
    mkdirSync(path.join(folder, 'checkpoints'), { recursive: true });
    for (const file of ['config.json', 'run.json', 'metrics.jsonl'])
      cpSync(path.join(mainRun(), file), path.join(folder, file));
    cpSync(path.join(mainRun(), 'checkpoints/checkpoint-8'), path.join(folder, 'checkpoints/checkpoint-8'), {
      recursive: true,
    });
    const { dev, ino } = statSync(folder);
    const { name: host, bootId } = thisHost();
    const document = {
      ...{ schema: 1, host, boot_id: process.bootId ?? bootId, pid: process.pid, started: Date.now() / 1000 },
      ...{ start_ticks: procStat(process.pid)?.startTicks ?? 0, launcher: 'local', job: null, segment: 2 },
      folder: { device: dev, inode: ino, path: folder },
    };
    writeFileSync(path.join(folder, 'process.json'), JSON.stringify(document));
    return folder;
  }

  /** A run whose process answers a request to stop in this way. */
  async function answering(name: string, why: 'done' | 'failed' | 'never'): Promise<string> {
    const folder = path.join(workspaceRoot(), 'experiments', name);
    const child = spawn(process.env.NPT_TEST_PYTHON ?? 'python3', ['-c', ASKED, folder, why], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    namedRun(name, { pid: child.pid ?? 0 });
    await shows(folder, 'training');
    return folder;
  }

  /** Shows the terminal of a run; the words that the one in front was started with. */
  async function terminalShownOf(folder: string): Promise<readonly string[]> {
    await vscode.commands.executeCommand('npt.showTerminal', folder);
    return eventually(`a terminal of ${folder} in front`, MODEL_MS, () => {
      const options = vscode.window.activeTerminal?.creationOptions;
      const words = options !== undefined && 'shellArgs' in options ? options.shellArgs : undefined;
      return Array.isArray(words) && isAboutRun(words, folder) ? words : undefined;
    });
  }

  it('Restart saves and stops what trains, and goes on in the same run; its stacks are in train.log when asked for', async () => {
    const before = (await runAt(mainRun()))?.checkpoints.at(-1)?.step ?? 0;
    await vscode.commands.executeCommand('npt.resume', mainRun());
    await modelShows(await activated(), 'a checkpoint after the resume', TRAINS_WITHIN_MS, (runs) =>
      (runs.find((each) => each.path === mainRun())?.checkpoints.at(-1)?.step ?? 0) > before ? true : undefined,
    );
    const first = await trainingPid(mainRun());
    await vscode.commands.executeCommand('npt.restart', mainRun());
    const second = await modelShows(await activated(), 'another process', TRAINS_WITHIN_MS, (runs) => {
      const run = runs.find((each) => each.path === mainRun());
      return run?.state === 'training' && run.process?.pid !== first ? run.process : undefined;
    });
    assert.ok(second !== null && second.pid !== first);

    const log = path.join(mainRun(), 'train.log');
    await modelShows(await activated(), 'a step of it', TRAINS_WITHIN_MS, (runs) => {
      const run = runs.find((each) => each.path === mainRun());
      return (run?.step ?? 0) > (run?.checkpoints.at(-1)?.step ?? 0) ? true : undefined;
    });
    const terminals = vscode.window.terminals.length;
    assert.ok((await terminalShownOf(mainRun())).includes('run'), 'the one that started it');
    assert.equal(vscode.window.terminals.length, terminals);

    const length = readFileSync(log).length;
    await vscode.commands.executeCommand('npt.showStacks', mainRun());
    assert.ok(
      said.some((text) => text.startsWith('main writes the stacks of its threads into ')),
      said.join('\n'),
    );
    await eventually('the stacks', MODEL_MS, () =>
      readFileSync(log).subarray(length).toString().includes('(most recent call first)') ? true : undefined,
    );
    await vscode.commands.executeCommand('npt.stop', mainRun());
    await shows(mainRun(), 'stopped', TRAINS_WITHIN_MS);

    // The terminal that followed it may still be ending, which VS Code takes for the same task; and a second press is none.
    const segments = (): number => readFileSync(log, 'utf8').split('── segment ').length - 1;
    const started = segments();
    const resumes = [1, 2].map(() => vscode.commands.executeCommand('npt.resume', mainRun()));
    await shows(mainRun(), 'training', TRAINS_WITHIN_MS);
    await Promise.all(resumes);
    assert.equal(segments(), started + 1);
    assert.ok(!said.some((text) => text.includes('has not ended')), said.join('\n'));
    await vscode.commands.executeCommand('npt.stop', mainRun());
    await shows(mainRun(), 'stopped', TRAINS_WITHIN_MS);
  });

  it('Show Python Stacks asks nobody whom the signal would end', async () => {
    const folder = await answering('no-handler', 'never');
    await vscode.commands.executeCommand('npt.showStacks', folder);
    assert.match(said.join('\n'), /^no-handler cannot be asked for its stacks\. .*does not answer SIGUSR2/);
    assert.ok((await trainingPid(folder)) === children[0]?.pid && children[0]?.exitCode === null);
  });

  it('Show Terminal opens a terminal that follows what was started elsewhere, and only one', async () => {
    const folder = await answering('elsewhere started', 'never');
    const before = vscode.window.terminals.length;
    assert.ok((await terminalShownOf(folder)).includes('follow'));
    assert.equal(vscode.window.terminals.length, before + 1);
    await terminalShownOf(folder);
    assert.equal(vscode.window.terminals.length, before + 1);
    vscode.window.activeTerminal?.dispose();
  });

  it('Restart says so of a run that came to its end instead, and starts nothing', async () => {
    const folder = await answering('ends-done', 'done');
    await vscode.commands.executeCommand('npt.restart', folder);
    assert.ok(
      said.includes('ends-done came to its end instead of being restarted: it has no steps to go.'),
      said.join('\n'),
    );
    assert.equal((await runAt(folder))?.state, 'finished');
  });

  it('Restart says why a run failed instead, and asks before it resumes it', async () => {
    const folder = await answering('ends-failed', 'failed');
    await vscode.commands.executeCommand('npt.restart', folder);
    assert.ok(said.includes('ends-failed failed before it could be restarted: the disk is full'), said.join('\n'));
    assert.equal((await runAt(folder))?.state, 'failed');
  });

  it('Open Training Log goes to the line that says why a run failed', async () => {
    const folder = namedRun('log-of-a-failed-run', { pid: 4711, bootId: thisHost().bootId });
    const exit = { schema: 1, why: 'failed', step: 8, segment: 2, signal: null, error: 'the disk is full', time: 1 };
    writeFileSync(path.join(folder, 'train.log'), `${'a\n'.repeat(200)}step 7\nerror: the disk is full\n── ended\n`);
    writeFileSync(path.join(folder, 'exit.json'), JSON.stringify(exit));
    await shows(folder, 'failed');
    await vscode.commands.executeCommand('npt.openTrainLog', folder);
    const editor = await eventually('the log', MODEL_MS, () => {
      const active = vscode.window.activeTextEditor;
      return active?.document.uri.fsPath === path.join(folder, 'train.log') ? active : undefined;
    });
    assert.equal(editor.document.lineAt(editor.selection.active.line).text, 'error: the disk is full');
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

  it('Restart says of a process that cannot be asked that it cannot, and waits for nothing', async () => {
    const folder = await answering('gone', 'never');
    children[0]?.kill('SIGKILL');
    await new Promise((resolve) => children[0]?.once('exit', resolve));
    await vscode.commands.executeCommand('npt.restart', folder);
    assert.match(said.join('\n'), /^gone could not be stopped\. .*has ended already\.$/);
  });

  it('Restart can be cancelled while the run does not stop; it is not resumed then, whenever it stops', async () => {
    const folder = await answering('never-stops', 'never');
    const cancelled: Thenable<unknown>[] = [];
    vscode.window.withProgress = (options, task) => {
      assert.match(String(options.title), /^never-stops saves and stops, and is resumed then\./);
      const source = new vscode.CancellationTokenSource();
      const ended = task({ report: () => undefined }, source.token);
      cancelled.push(ended);
      source.cancel();
      return ended;
    };
    await vscode.commands.executeCommand('npt.restart', folder);
    assert.equal(cancelled.length, 1);
    children[0]?.kill('SIGKILL');
    await shows(folder, 'interrupted');
    assert.equal(await trainingPid(folder), children[0]?.pid, 'nobody else trains there');
  });

  it('a run that ended with the machine is told of once, with the way on', async () => {
    const name = 'before-the-restart';
    const folder = namedRun(name, { pid: 4711, bootId: `another-${Date.now()}` });
    await shows(folder, 'interrupted');
    const text = new RegExp(
      `^${name} was interrupted at step [\\d,]+: this machine was restarted while it trained\\.$`,
    );
    const until = Date.now() + MODEL_MS;
    while (!said.some((each) => text.test(each))) {
      assert.ok(Date.now() < until, said.join('\n'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { workspaces } = await activated();
    await workspaces.rescan('everything');
    await workspaces.rescan('everything');
    assert.equal(said.filter((each) => text.test(each)).length, 1);
  });
});
