/** From a run or a checkpoint to elsewhere: to a notebook, a shell, the explorer, its configuration, the code a log names; and gone. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import type { NptApi } from '../../../src/extension';
import { eventually } from '../../eventually';
import { FixtureWorkspace } from '../../unit/experiment/fixtureWorkspace';
import { activated, mainRun, modelShows, workspaceRoot } from './extension';
import { answering } from './picks';
import { Told } from './told';

const run = promisify(execFile);
const MODEL_MS = 120_000;
/** Python with torch and transformers, on a machine that does other things. */
const PYTHON_MS = 300_000;

describe('from runs and checkpoints to elsewhere', () => {
  let api: NptApi;
  let told: Told;
  const checkpoint = (): string => path.join(mainRun(), 'checkpoints/checkpoint-8');
  const clipboard = (): Thenable<string> => vscode.env.clipboard.readText();

  before(async () => {
    api = await activated();
  });
  beforeEach(() => {
    told = new Told();
  });
  afterEach(async () => {
    told.end();
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('copies Python that loads a checkpoint, from whatever folder it runs in', async function () {
    this.timeout(2 * PYTHON_MS);
    await vscode.commands.executeCommand('npt.copySnippet', checkpoint());
    assert.deepEqual(told.said, ['Copied Python that loads checkpoint-8 of main.']);
    const python = process.env['NPT_TEST_PYTHON'];
    assert.ok(python !== undefined);
    const more = 'import torch\nprint(model(torch.tensor([[1, 2, 3]])).logits.isfinite().all().item())\n';
    const { stdout } = await run(python, ['-c', (await clipboard()) + more], { cwd: os.tmpdir(), timeout: PYTHON_MS });
    const lines = stdout.trim().split('\n');
    assert.match(lines.at(-2) ?? '', /^checkpoint-8 with NPT layers \[[\d, ]+\]$/);
    assert.equal(lines.at(-1), 'True');
    // Of a run it is that of its newest checkpoint.
    await vscode.commands.executeCommand('npt.copySnippet', mainRun());
    assert.match(await clipboard(), /checkpoint = ".*checkpoint-\d+"/);
  });

  it('copies the command that resumes, which a shell takes as the plan’s own words', async () => {
    const space = path.join(workspaceRoot(), 'experiments', "it's a copy");
    cpSync(mainRun(), space, { recursive: true });
    try {
      rmSync(path.join(space, 'process.json'), { force: true });
      await modelShows(api, 'the copy', MODEL_MS, (runs) =>
        runs.find(({ path: at, checkpoints }) => at === space && checkpoints.length > 0),
      );
      await vscode.commands.executeCommand('npt.copyResumeCommand', path.join(space, 'checkpoints/checkpoint-4'));
      const command = await clipboard();
      assert.match(told.said.join(), /^Copied the command that resumes checkpoint-4 of it's a copy\.$/);
      assert.ok(command.startsWith(`cd ${workspaceRoot()} && `), command);
      // The words after the folder, as a shell reads them.
      const { stdout } = await run('sh', ['-c', command.replace(' && ', ' && printf "%s\\n" ')]);
      const words = stdout.trim().split('\n');
      const at = words.indexOf('--resume_from');
      assert.equal(words[at + 1], "experiments/it's a copy/checkpoints/checkpoint-4");
    } finally {
      rmSync(space, { recursive: true, force: true });
    }
  });

  it('says why a run cannot be resumed instead of copying a command that fails', async () => {
    await vscode.env.clipboard.writeText('before');
    const nowhere = path.join(mainRun(), 'checkpoints/checkpoint-999');
    await vscode.commands.executeCommand('npt.copyResumeCommand', nowhere);
    assert.equal(await clipboard(), 'before');
    assert.equal(told.said.length, 1);
  });

  it('opens the configuration of a checkpoint, else of its run', async () => {
    await vscode.commands.executeCommand('npt.openConfig', mainRun());
    const active = (): string | undefined => vscode.window.activeTextEditor?.document.uri.fsPath;
    await eventually('config.json of the run', MODEL_MS, () =>
      active() === path.join(mainRun(), 'config.json') ? true : undefined,
    );
    await vscode.commands.executeCommand('npt.openConfig', checkpoint());
    const own = path.join(checkpoint(), 'config.json');
    await eventually('the checkpoint’s', MODEL_MS, () =>
      active() === (existsSync(own) ? own : path.join(mainRun(), 'config.json')) ? true : undefined,
    );
  });

  it('links a log’s tracebacks to the code that is there', async () => {
    const log = path.join(mainRun(), 'train.log');
    const before = existsSync(log) ? readFileSync(log) : null;
    const script = path.join(workspaceRoot(), 'scripts/train_multi_layer_npt.py');
    try {
      writeFileSync(
        log,
        `step 1/2\n  File "${script}", line 3, in <module>\n  File "/nowhere/at/all.py", line 4\n  File "scripts/train_multi_layer_npt.py", line 5\n`,
      );
      await vscode.commands.executeCommand('npt.openTrainLog', mainRun());
      const uri = vscode.Uri.file(log);
      const links = await eventually('links', MODEL_MS, async () => {
        const found = await vscode.commands.executeCommand<vscode.DocumentLink[]>('vscode.executeLinkProvider', uri);
        const ours = found.filter(({ target }) => target?.fragment !== '');
        return ours.length > 0 ? ours : undefined;
      });
      assert.deepEqual(
        links.map(({ target, range }) => [target?.fsPath, target?.fragment, range.start.line]),
        [
          [script, 'L3', 1],
          [script, 'L5', 3],
        ],
      );
    } finally {
      if (before === null) rmSync(log, { force: true });
      else writeFileSync(log, before);
    }
  });

  it('reveals a run in the explorer, and says so where its folder is not open', async () => {
    await vscode.commands.executeCommand('npt.revealInExplorer', mainRun());
    assert.deepEqual(told.said, []);
    await vscode.commands.executeCommand('npt.revealInExplorer', os.tmpdir());
    assert.deepEqual(told.said, [`${os.tmpdir()} is in no folder that is open here.`]);
  });

  describe('deleting runs', () => {
    const place = (name: string): string => path.join(workspaceRoot(), 'experiments', name);
    const NAMES = ['parted', 'parted-child', 'parted-trains'];

    beforeEach(async () => {
      const made = new FixtureWorkspace();
      try {
        made.run('parted');
        for (const step of [50, 100]) made.checkpoint('parted', step);
        const parent = { id: 'id-parted', run: 'parted', checkpoint: 'checkpoint-100', step: 100 };
        made.run('parted-child', { run: { created: 2000, parent } });
        made.run('parted-trains');
        for (const name of NAMES) cpSync(path.join(made.experiments, name), place(name), { recursive: true });
      } finally {
        made.remove();
      }
      await modelShows(api, 'the runs to delete', MODEL_MS, (runs) =>
        NAMES.every((name) => runs.some((each) => each.path === place(name))) ? true : undefined,
      );
    });
    afterEach(() => {
      for (const name of NAMES) rmSync(place(name), { recursive: true, force: true });
    });

    it('says what goes, with its bytes and who branched from it, and takes nothing where that is not agreed to', async () => {
      told.agrees = false;
      await vscode.commands.executeCommand('npt.deleteRuns', place('parted'));
      assert.equal(told.asked.length, 1);
      assert.match(told.asked[0] ?? '', /^Delete parted with its 2 checkpoints\? /);
      assert.match(told.asked[0] ?? '', /and kept, but without their past: parted-child\. /);
      assert.match(told.asked[0] ?? '', /[\d.]+ [kM]B (go to the trash|and cannot be undone)/);
      assert.ok(existsSync(place('parted')));
      told.agrees = true;
      await vscode.commands.executeCommand('npt.deleteRuns', place('parted'), [place('parted'), place('parted-child')]);
      assert.match(told.asked[1] ?? '', /^Delete 2 runs with their 2 checkpoints\? /);
      assert.doesNotMatch(told.asked[1] ?? '', /past/);
      assert.deepEqual(
        NAMES.map((name) => existsSync(place(name))),
        [false, false, true],
      );
      await modelShows(api, 'two runs fewer', MODEL_MS, (runs) =>
        runs.some(({ path: at }) => at === place('parted')) ? undefined : true,
      );
      assert.deepEqual(told.said, ['2 runs were deleted.']);
    });

    it('refuses a run that trains, and asks which one from the palette', async () => {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      const stat = readFileSync(`/proc/${process.pid}/stat`, 'utf8');
      const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
      writeFileSync(
        path.join(place('parted-trains'), 'process.json'),
        JSON.stringify({
          ...{ schema: 1, host: os.hostname(), boot_id: boot, pid: process.pid, started: Date.now() / 1000 },
          ...{ start_ticks: ticks, launcher: 'shell', job: null, segment: 1 },
        }),
      );
      await modelShows(api, 'the run that trains', MODEL_MS, (runs) =>
        runs.find((each) => each.path === place('parted-trains') && each.state === 'training'),
      );
      await answering([{ choose: /^parted-trains / }], () => vscode.commands.executeCommand('npt.deleteRuns'));
      assert.deepEqual(told.said, ['parted-trains stays: the run is training.']);
      assert.deepEqual(told.asked, []);
      assert.ok(existsSync(place('parted-trains')));
    });

    it('deletes a run that is a link, and nothing of what it leads to', async () => {
      rmSync(place('parted-child'), { recursive: true });
      symlinkSync(place('parted'), place('parted-child'));
      await api.workspaces.rescan('everything');
      await modelShows(api, 'the link', MODEL_MS, (runs) =>
        runs.find((each) => each.path === place('parted-child') && each.checkpoints.length === 2),
      );
      await vscode.commands.executeCommand('npt.deleteRuns', place('parted-child'));
      assert.equal(existsSync(place('parted-child')), false);
      assert.ok(existsSync(path.join(place('parted'), 'checkpoints/checkpoint-100')));
    });
  });
});
