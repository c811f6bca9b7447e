import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';

const STARTS_WITHIN_MS = 180_000;
const CANARY = 'npt.test.canary';

/** Names as anybody may give a folder; VS Code would run, prompt or substitute the first few, a shell the rest. */
const NAMES = [
  `\${command:${CANARY}}`,
  '${env:HOME}',
  '${input:x}',
  '${workspaceFolder}',
  'two words and a \'quote"',
  'two\nlines',
  '-x --y',
  '$(touch canary) `touch canary` $HOME %24{x} %',
  '日本 \u202egnp.exe',
];

describe('words of a task', function () {
  this.timeout(STARTS_WITHIN_MS * 2);
  const configuration = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('npt');
  const runOf = (name: string): string => path.join(workspaceRoot(), 'experiments', name);
  let record: string;
  let python: string;
  let usual: string | undefined;
  let canaries = 0;
  let canary: vscode.Disposable;

  before(async () => {
    await activated();
    canary = vscode.commands.registerCommand(CANARY, () => {
      canaries += 1;
      return 'ran';
    });
    usual = configuration().inspect<string>('pythonPath')?.workspaceValue;
    assert.ok(usual);
    // An interpreter that does everything but train: the trainer's words are what this is about.
    record = path.join(workspaceRoot(), 'started.jsonl');
    python = path.join(workspaceRoot(), 'recording-python');
    const note = 'import json, sys; open(sys.argv[1], "a").write(json.dumps(sys.argv[2:]) + "\\n")';
    writeFileSync(
      python,
      `#!/bin/sh\ncase "$1" in\n-c | *npt_supervise.py) exec '${usual}' "$@" ;;\n*) exec '${usual}' -c '${note}' '${record}' "$@" ;;\nesac\n`,
    );
    chmodSync(python, 0o755);
    await configuration().update(
      'pythonPath',
      '${workspaceFolder}/recording-python',
      vscode.ConfigurationTarget.Workspace,
    );
  });

  after(async () => {
    canary.dispose();
    await configuration().update('pythonPath', usual, vscode.ConfigurationTarget.Workspace);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(record, { force: true });
    rmSync(python, { force: true });
  });

  for (const name of NAMES) {
    it(`reach the trainer as they are in a run named ${JSON.stringify(name)}`, async () => {
      const api = await activated();
      cpSync(mainRun(), runOf(name), { recursive: true });
      try {
        await api.workspaces.rescan('everything');
        await modelShows(api, name, 180_000, (runs) => runs.find((run) => run.path === runOf(name)));
        const tasks = await vscode.tasks.fetchTasks({ type: 'npt' });
        for (const task of tasks) {
          assert.ok(task.execution instanceof vscode.ProcessExecution);
          const own = task.execution.args.filter((word) => !/^\$\{command:npt\.taskWords\.\d+\}$/.test(word));
          assert.doesNotMatch([task.name, task.detail, ...own].join(' '), /\$\{/);
        }
        const listed = tasks.find(({ definition }) => definition.checkpoint === path.join('experiments', name));
        assert.ok(listed);
        // From Run Task's list, and by right-click.
        for (const start of [
          () => vscode.tasks.executeTask(listed),
          () => vscode.commands.executeCommand('npt.resume', runOf(name)),
        ]) {
          rmSync(record, { force: true });
          const ended = new Promise<number | undefined>((resolve) => {
            const listener = vscode.tasks.onDidEndTaskProcess((event) => {
              if (event.execution.task.definition.type !== 'npt') return;
              listener.dispose();
              resolve(event.exitCode);
            });
          });
          await start();
          assert.equal(await ended, 0);
          assert.ok(existsSync(record), 'the trainer was started');
          const words = JSON.parse(readFileSync(record, 'utf8').trim()) as string[];
          const from = path.resolve(workspaceRoot(), words[words.indexOf('--resume_from') + 1] ?? '');
          // A run where it was named, else the checkpoint that was.
          assert.ok([from, path.dirname(path.dirname(from))].includes(runOf(name)), from);
          assert.equal(canaries, 0, 'VS Code ran what a folder is called');
          assert.ok(!existsSync(path.join(workspaceRoot(), 'canary')));
        }
      } finally {
        rmSync(runOf(name), { recursive: true, force: true });
        await api.workspaces.rescan('everything');
      }
    });
  }

  it('an error of the trainer is a problem, at its line of the log', async () => {
    const api = await activated();
    await api.workspaces.rescan('everything');
    const failing = path.join(workspaceRoot(), 'failing-python');
    writeFileSync(
      failing,
      `#!/bin/sh\ncase "$1" in\n-c | *npt_supervise.py) exec '${usual}' "$@" ;;\n*) echo "error: [x](command:y) is not a layer" >&2; exit 2 ;;\nesac\n`,
    );
    chmodSync(failing, 0o755);
    await configuration().update('pythonPath', failing, vscode.ConfigurationTarget.Workspace);
    try {
      const log = path.join(mainRun(), 'train.log');
      const found = new Promise<vscode.Diagnostic>((resolve) => {
        const listener = vscode.languages.onDidChangeDiagnostics(() => {
          const [first] = vscode.languages.getDiagnostics(vscode.Uri.file(log));
          if (first === undefined) return;
          listener.dispose();
          resolve(first);
        });
      });
      await vscode.commands.executeCommand('npt.resume', mainRun());
      const { message, range, severity } = await found;
      assert.equal(message, '[x](command:y) is not a layer');
      assert.equal(severity, vscode.DiagnosticSeverity.Error);
      assert.match(readFileSync(log, 'utf8').split('\n')[range.start.line] ?? '', /^error: \[x\]/);
    } finally {
      rmSync(failing, { force: true });
    }
  });

  it('a log opens at its end, one above 50 MB too', async () => {
    await activated();
    const log = path.join(mainRun(), 'train.log');
    const usualLog = readFileSync(log);
    try {
      for (const lines of [0, 700_000]) {
        appendFileSync(log, `${'x'.repeat(79)}\n`.repeat(lines));
        appendFileSync(log, 'the last line');
        await vscode.commands.executeCommand('npt.openTrainLog', mainRun());
        const { activeTab } = vscode.window.tabGroups.activeTabGroup;
        assert.equal(activeTab?.label, 'train.log');
        // VS Code gives an extension no editor of a large file.
        const editor = vscode.window.activeTextEditor;
        if (lines === 0) {
          assert.ok(editor);
          assert.equal(editor.document.lineAt(editor.selection.active.line).text, 'the last line');
        }
        await vscode.commands.executeCommand('workbench.action.closeAllEditors');
      }
    } finally {
      writeFileSync(log, usualLog);
    }
  });
});
