/** NPT: Clean Up Checkpoints… and Show Disk Use, on checkpoints that are deleted for real. */
import assert from 'node:assert/strict';
import { cpSync, lstatSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { formatBytes } from '../../../src/core/format';
import { FixtureWorkspace } from '../../unit/experiment/fixtureWorkspace';
import { activated, modelShows, workspaceRoot } from './extension';
import { answering, type Answer } from './picks';

const MODEL_MS = 120_000;
const ALL = [50, 100, 150, 200, 250].map((step) => `checkpoint-${step}`);

describe('NPT: Clean Up Checkpoints', () => {
  const { showErrorMessage, showInformationMessage, showWarningMessage } = vscode.window;
  const experiments = (): string => path.join(workspaceRoot(), 'experiments');
  const tidy = (): string => path.join(experiments(), 'tidy');
  const left = (): string[] => readdirSync(path.join(tidy(), 'checkpoints')).sort();
  const bytes = (name: string): number => {
    const place = path.join(tidy(), 'checkpoints', name);
    const all = [place, ...readdirSync(place).map((file) => path.join(place, file))];
    return all.reduce((sum, at) => sum + Number(lstatSync(at, { bigint: true }).blocks) * 512, 0);
  };
  /** What was said in notifications, and asked in dialogs. */
  let told: string[];
  let asked: string[];
  /** What happens while the question is open. */
  let meanwhile: () => void;

  beforeEach(async () => {
    told = [];
    asked = [];
    meanwhile = () => undefined;
    const tell = (message: string): Promise<undefined> => {
      told.push(message);
      return Promise.resolve(undefined);
    };
    const warn = (
      message: string,
      options?: vscode.MessageOptions | string,
      ...buttons: string[]
    ): Promise<unknown> => {
      if (typeof options === 'string' || options?.modal !== true) return tell(message);
      asked.push(`${message} ${options.detail ?? ''}`);
      meanwhile();
      return Promise.resolve(buttons[0]);
    };
    Object.assign(vscode.window, {
      showErrorMessage: tell,
      showInformationMessage: tell,
      showWarningMessage: warn,
    });
    const made = new FixtureWorkspace();
    try {
      made.run('tidy');
      for (const name of ALL) made.checkpoint('tidy', Number(name.split('-')[1]));
      made.write('tidy/pins.json', { schema: 1, checkpoints: ['checkpoint-50'] });
      const parent = { id: 'id-tidy', run: 'tidy', checkpoint: 'checkpoint-100', step: 100 };
      made.run('tidy-child', { run: { created: 2000, parent } });
      for (const name of ['tidy', 'tidy-child']) {
        cpSync(path.join(made.experiments, name), path.join(experiments(), name), { recursive: true });
      }
    } finally {
      made.remove();
    }
    const api = await activated();
    await modelShows(api, 'the runs to clean up', MODEL_MS, (runs) => {
      const complete = runs.find((run) => run.path === tidy())?.checkpoints.filter(({ state }) => state === 'complete');
      return complete?.length === ALL.length && runs.some((run) => run.name === 'tidy-child') ? true : undefined;
    });
  });
  afterEach(async () => {
    Object.assign(vscode.window, { showErrorMessage, showInformationMessage, showWarningMessage });
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    for (const name of ['tidy', 'tidy-child']) rmSync(path.join(experiments(), name), { recursive: true, force: true });
  });

  const keepTheNewest: readonly Answer[] = [
    { choose: /^Other Numbers/ },
    {
      type: '1',
      refuses: [
        ['0', /whole number from 1 on/],
        ['1.5', /whole number/],
        ['', /whole number/],
      ],
    },
    { type: '0', refuses: [['-1', /whole number from 0 on/]] },
    { type: '0' },
  ];
  const cleanUp = (answers: readonly Answer[]): Promise<unknown> =>
    answering(answers, () => vscode.commands.executeCommand('npt.cleanUp', { kind: 'run', path: tidy() }));

  it('shows what would go and what stays, and deletes what is left ticked, which frees what was said', async () => {
    const freed = bytes('checkpoint-200');
    const both = freed + bytes('checkpoint-150');
    await cleanUp([
      ...keepTheNewest,
      {
        untick: /^checkpoint-150 /,
        rows: (rows) => {
          assert.deepEqual(left(), ALL.toSorted(), 'nothing is deleted before it is agreed to');
          assert.deepEqual(
            rows.map((row) => row.split(' ')[0]),
            ['tidy:', 'checkpoint-150', 'checkpoint-200'],
          );
          assert.match(rows[2] ?? '', new RegExp(`${formatBytes(freed)} .*is none of the newest and the best$`));
        },
        titles: (titles) => {
          assert.deepEqual(titles, [
            `Clean Up: 2 of 2 checkpoints go, which frees ${formatBytes(both)}`,
            `Clean Up: 1 of 2 checkpoints go, which frees ${formatBytes(freed)}`,
          ]);
        },
      },
    ]);
    assert.match(asked[0] ?? '', /^Delete checkpoint-200 of tidy\? This frees .* cannot be undone/);
    assert.ok(asked[0]?.includes(formatBytes(freed)));
    assert.deepEqual(told, [`checkpoint-200 was deleted, which freed ${formatBytes(freed)}.`]);
    assert.deepEqual(left(), ALL.filter((name) => name !== 'checkpoint-200').sort());
    assert.ok(
      vscode.window.tabGroups.all.some(({ tabs }) => tabs.some(({ label }) => label.includes('Clean-up'))),
      'the review says what stays, too',
    );
  });

  it('keeps what was pinned after the review', async () => {
    meanwhile = () => {
      const pins = { schema: 1, checkpoints: ['checkpoint-50', 'checkpoint-150'] };
      writeFileSync(path.join(tidy(), 'pins.json'), JSON.stringify(pins));
    };
    const freed = formatBytes(bytes('checkpoint-200'));
    await cleanUp([...keepTheNewest, { untick: null }]);
    assert.match(asked[0] ?? '', /^Delete 2 checkpoints of tidy\? /);
    assert.deepEqual(told, [
      `checkpoint-200 was deleted, which freed ${freed}. One stayed after all: checkpoint-150 of tidy is pinned.`,
    ]);
    assert.deepEqual(left(), ALL.filter((name) => name !== 'checkpoint-200').sort());
  });

  it('deletes nothing that is not agreed to, and says where nothing would go', async () => {
    await cleanUp([...keepTheNewest, { escape: true }]);
    assert.deepEqual([asked, left()], [[], ALL.toSorted()]);
    await cleanUp([{ choose: /^Keep the last 10 / }]);
    assert.deepEqual([asked, told], [[], ['By this policy nothing goes.']]);
  });

  it('Show Disk Use lists runs by what they take, and shows the chosen one', async () => {
    await answering(
      [
        {
          choose: /^tidy /,
          rows: (rows) => {
            assert.ok(rows.some((row) => /^main /.test(row)));
            assert.match(rows.find((row) => row.startsWith('tidy ')) ?? '', /kB 5 checkpoints$/);
          },
        },
      ],
      () => vscode.commands.executeCommand('npt.showDiskUse'),
    );
    assert.deepEqual(told, []);
  });
});
