/** What a review keeps of a plan: a preset, an entry of tasks.json. Nothing that somebody has is lost for it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { activated, workspaceRoot } from './extension';
import { answering, type Answer } from './picks';
import { typeBefore } from './typing';

const tasksFile = (): string => path.join(workspaceRoot(), '.vscode/tasks.json');
const presetsFile = (): string => path.join(workspaceRoot(), '.npt/presets.json');
const LONG = Array.from({ length: 12 }, (_, at) => `mixed:${at + 1}000:0.${at + 10}`).join(',');

describe('what a review keeps', () => {
  const { showErrorMessage, showInformationMessage, showWarningMessage } = vscode.window;
  const files = vscode.workspace.getConfiguration('files');
  let told: string[];
  before(async () => {
    // A served VS Code saves by itself what is typed.
    await files.update('autoSave', 'off', vscode.ConfigurationTarget.Workspace);
  });
  after(async () => {
    await files.update('autoSave', undefined, vscode.ConfigurationTarget.Workspace);
  });
  beforeEach(() => {
    told = [];
    // As notifications that nobody ever closes.
    const tell = (message: string): Promise<never> => {
      told.push(message);
      return new Promise(() => undefined);
    };
    vscode.window.showErrorMessage = tell;
    vscode.window.showInformationMessage = tell;
  });
  afterEach(async () => {
    Object.assign(vscode.window, { showErrorMessage, showInformationMessage, showWarningMessage });
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    rmSync(tasksFile(), { force: true });
    rmSync(presetsFile(), { force: true });
  });

  /** Reviews a start from the preset `demo` and answers there; the list of arguments is left with Escape. */
  async function reviewed(answers: readonly Answer[]): Promise<void> {
    await activated();
    await answering(
      [{ choose: /^demo/ }, { choose: /^Start without changes/ }, ...answers, { escape: true }, { escape: true }],
      () => vscode.commands.executeCommand('npt.startRun'),
    );
  }

  const readTasks = (): { label: string; preset?: string }[] =>
    (JSON.parse(readFileSync(tasksFile(), 'utf8').replace(/\/\/.*$/gm, '')) as { tasks: [] }).tasks;

  it('an entry of tasks.json, without waiting for anybody to close what says so', async () => {
    await reviewed([{ choose: /^Save as Task/ }]);
    assert.deepEqual(
      readTasks().map(({ preset }) => preset),
      ['demo'],
    );
    assert.deepEqual(told, ['The task is in tasks.json: Run Task starts it.']);
  });

  it('it is added to what is on disk, whatever an open editor shows of it', async () => {
    writeFileSync(tasksFile(), '{ "version": "2.0.0", "tasks": [{ "label": "old", "type": "shell" }] }');
    await vscode.window.showTextDocument(vscode.Uri.file(tasksFile()));
    // VS Code notices what others write some time later; this is right before the entry is added.
    const rows = (): void => {
      writeFileSync(
        tasksFile(),
        '{ "version": "2.0.0", "tasks": [\n// of a colleague\n{ "label": "new", "type": "shell" }] }',
      );
    };
    await reviewed([{ choose: /^Save as Task/, rows }]);
    assert.match(readFileSync(tasksFile(), 'utf8'), /\/\/ of a colleague/);
    const [first, second] = readTasks();
    assert.deepEqual([first?.label, second?.preset], ['new', 'demo']);
  });

  it('what is typed and not saved stays, and so does the file', async () => {
    const before = '{ "version": "2.0.0", "tasks": [] }';
    writeFileSync(tasksFile(), before);
    const editor = await vscode.window.showTextDocument(vscode.Uri.file(tasksFile()));
    await typeBefore(editor, before, '// mine\n');
    await reviewed([{ choose: /^Save as Task/ }]);
    assert.equal(readFileSync(tasksFile(), 'utf8'), before);
    assert.match(editor.document.getText(), /^\/\/ mine/);
    assert.match(told.join(), /tasks\.json has changes that are not saved: save or undo them first\.$/);
  });

  it('a tasks.json that cannot be read is left alone', async () => {
    writeFileSync(tasksFile(), '{ "tasks": [\n');
    await reviewed([{ choose: /^Save as Task/ }]);
    assert.equal(readFileSync(tasksFile(), 'utf8'), '{ "tasks": [\n');
    assert.match(told.join(), /tasks\.json: line \d is not valid JSON/);
  });

  it('a preset: one of its name is asked about, a newer or damaged file is left alone', async () => {
    await reviewed([{ choose: /^Save as Preset/ }, { type: 'mine', refuses: [[' ', /Type a name/]] }]);
    const saved = readFileSync(presetsFile(), 'utf8');
    assert.deepEqual(JSON.parse(saved), {
      schema: 1,
      presets: { mine: { description: '', arguments: { demo_mode: true } } },
    });
    let asked = '';
    vscode.window.showWarningMessage = (message: string): Promise<undefined> => {
      asked = message;
      return Promise.resolve(undefined);
    };
    await reviewed([{ choose: /^Save as Preset/ }, { type: 'mine' }]);
    assert.equal(asked, 'There is a preset mine already. Replace it?');
    assert.equal(readFileSync(presetsFile(), 'utf8'), saved);
    mkdirSync(path.dirname(presetsFile()), { recursive: true });
    for (const text of ['{"schema":9,"presets":{}}', '{"presets":']) {
      writeFileSync(presetsFile(), text);
      await reviewed([{ choose: /^Save as Preset/ }, { type: 'mine' }]);
      assert.equal(readFileSync(presetsFile(), 'utf8'), text);
      assert.match(told.at(-1) ?? '', /presets\.json .*Nothing was changed\.$/);
    }
    assert.ok(!existsSync(`${presetsFile()}.new`));
  });

  it('what it trains on is chosen there: a free GPU first, by its UUID, the CPU always', async () => {
    const { PATH, NPT_TEST_NVIDIA_SMI } = process.env;
    const machine = path.join(__dirname, '../../test/fixtures/nvidia-smi');
    process.env.PATH = `${machine}:${PATH ?? ''}`;
    process.env.NPT_TEST_NVIDIA_SMI = path.join(machine, 'two-gpus.json');
    const free = 'GPU-bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb';
    let offered: readonly string[] = [];
    let shown: readonly string[] = [];
    const look = (rows: readonly string[]): void => {
      shown = rows;
    };
    const choose = { choose: /^Choose Launcher and Devices/ } as const;
    try {
      await reviewed([
        choose,
        {
          choose: /^GPU 1: .* free · /,
          rows: (rows) => {
            offered = rows;
          },
        },
        { ...choose, rows: look },
        { choose: /^2 GPUs Together/ },
        {
          ...choose,
          rows: (rows) => {
            assert.ok(shown.includes(`environment CUDA_VISIBLE_DEVICES=${free}`), shown.join('\n'));
            look(rows);
          },
        },
        { choose: /^CPU/ },
        {
          choose: /^Save as Task in .vscode\/tasks.json, which starts it as the settings say$/,
          rows: (rows) => {
            assert.ok(
              shown.some((row) => row.includes('torch.distributed.run --standalone --nproc_per_node=2')),
              shown.join('\n'),
            );
            look(rows);
          },
        },
      ]);
    } finally {
      Object.assign(process.env, { PATH });
      if (NPT_TEST_NVIDIA_SMI === undefined) delete process.env.NPT_TEST_NVIDIA_SMI;
    }
    assert.ok(
      offered.some((row) => /^GPU 0: .*used by \d+/.test(row)),
      offered.join('\n'),
    );
    assert.ok(shown.includes('device auto → cpu'), shown.join('\n'));
    assert.deepEqual(
      readTasks().map(({ preset }) => preset),
      ['demo'],
    );
  });

  it('every word of a long change is shown, on rows of its own', async () => {
    await activated();
    let shown: readonly string[] = [];
    await answering(
      [
        { choose: /^demo/ },
        { choose: /^curriculum_stages/ },
        { type: LONG },
        { choose: /^Review and start/ },
        {
          choose: /^Show as Report/,
          rows: (rows) => {
            shown = rows;
          },
        },
      ],
      () => vscode.commands.executeCommand('npt.startRun'),
    );
    assert.ok(shown.join('').includes(LONG), shown.join('\n'));
    assert.ok(
      shown.every((row) => row.length <= 76),
      shown.filter((row) => row.length > 76).join('\n'),
    );
  });
});
