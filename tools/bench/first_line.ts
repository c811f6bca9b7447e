/**
 * From a click to the trainer's first line, in a served VS Code on 100 stopped runs: Resume on a run, an entry of Run Task's
 * list, and a task that an extension starts through the API, for which VS Code asks all providers once more.
 * The trainer is a stand-in that says at once when it began; the interpreter's own start is taken off. A window's first
 * start of each kind, which loads and asks what later ones know, is given by itself.
 * usage: tsx tools/bench/first_line.ts STOPPED PYTHON STARTS [CLONE ...]   STOPPED as made by make_data.py stopped;
 * PYTHON has torch and transformers
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { measureInWindow, median } from './window';

const TRAINER = `
import time
print("first line", time.time(), flush=True)
if False:
    import npt  # ours, by what the extension looks at
`;

/** Each start is of another run: one that has just ended may still be being looked at. */
const measured = (starts: number): string => `
const { existsSync, readFileSync } = require('node:fs');
const path = require('node:path');
const vscode = require('vscode');
const extension = require(ENTRY);
const LINE = /^first line ([\\d.]+)$/gm;
/** Milliseconds from the click to the next line of any of these runs, which may have older ones. */
async function firstLine(runs, click) {
  const clicked = Date.now();
  void click();
  for (;;) {
    for (const run of runs) {
      const log = path.join(run, 'train.log');
      if (!existsSync(log)) continue;
      const at = Math.max(0, ...[...readFileSync(log, 'utf8').matchAll(LINE)].map((said) => Number(said[1]) * 1000));
      if (at >= clicked) return at - clicked;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
const shown = () => new Promise((resolve) => setTimeout(resolve, 2000));
const ended = () => new Promise((resolve) => {
  const listener = vscode.tasks.onDidEndTaskProcess(() => { listener.dispose(); resolve(); });
});
exports.activate = (context) => {
  const api = extension.activate(context);
  void api.workspaces.ready().then(async () => {
    const runs = api.workspaces.runs.map((run) => run.path);
    const tasks = await vscode.tasks.fetchTasks({ type: 'npt' });
    const root = vscode.workspace.workspaceFolders[0].uri.fsPath;
    const resumed = [];
    const listed = [];
    const picked = [];
    for (let at = 0; at < ${starts}; at += 1) {
      let end = ended();
      resumed.push(await firstLine([runs[at]], () => vscode.commands.executeCommand('npt.resume', runs[at])));
      await end;
      const task = tasks[tasks.length - 1 - at];
      const run = path.resolve(root, task.definition.checkpoint.replace(/.checkpoints.*$/, ''));
      end = ended();
      listed.push(await firstLine([run], () => vscode.tasks.executeTask(task)));
      await end;
      // The list as a person sees it; those that were run stand first.
      void vscode.commands.executeCommand('workbench.action.tasks.runTask', { type: 'npt' });
      await shown();
      for (let down = 0; down <= 2 * at; down += 1) await vscode.commands.executeCommand('workbench.action.quickOpenSelectNext');
      end = ended();
      picked.push(await firstLine(runs, () => vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem')));
      await end;
    }
    report({ resumed, listed, picked });
  });
  return api;
};
`;

interface Figures {
  readonly resumed: readonly number[];
  readonly listed: readonly number[];
  readonly picked: readonly number[];
}

/** Milliseconds that the interpreter needs to begin. */
function ownStart(python: string): number {
  const times = Array.from({ length: 9 }, () => {
    const before = Date.now();
    const { stdout } = spawnSync(python, ['-c', 'import time; print(time.time())'], { encoding: 'utf8' });
    return Number(stdout) * 1000 - before;
  });
  return median(times);
}

async function main(stopped: string, python: string, starts: number, clones: readonly string[]): Promise<void> {
  for (const clone of clones) {
    const workspace = mkdtempSync(path.join(os.tmpdir(), 'npt-first-line-'));
    try {
      cpSync(stopped, workspace, { recursive: true });
      writeFileSync(path.join(workspace, 'scripts/train_multi_layer_npt.py'), TRAINER);
      mkdirSync(path.join(workspace, '.vscode'));
      const settings = { 'npt.pythonPath': python, 'npt.openDashboardOnResume': false };
      writeFileSync(path.join(workspace, '.vscode/settings.json'), JSON.stringify(settings));
      const { resumed, listed, picked } = await measureInWindow<Figures>(clone, workspace, measured(starts));
      const own = ownStart(python);
      const said = (times: readonly number[]): string =>
        `${median(times.slice(1).map((each) => each - own)).toFixed(0)} ms (the first ${((times[0] ?? NaN) - own).toFixed(0)} ms)`;
      process.stdout.write(
        `${clone}: beyond Python's own start of ${own.toFixed(0)} ms: Resume ${said(resumed)}, an entry of Run Task ${said(picked)}, such a task through the API ${said(listed)}; medians of ${starts - 1}\n`,
      );
    } finally {
      rmSync(workspace, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

const [stopped, python, starts, ...clones] = process.argv.slice(2);
if (stopped === undefined || python === undefined || !(Number(starts) >= 2))
  throw new Error('usage: tsx tools/bench/first_line.ts STOPPED PYTHON STARTS [CLONE ...]');
void main(stopped, python, Number(starts), clones.length === 0 ? ['.'] : clones);
