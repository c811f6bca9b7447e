/**
 * Runs of every name that a disk takes: the model, what `list` prints, and what the tree is given. How VS Code itself shows them
 * is test/ui/hostileNames.test.ts; what the doors for texts do is plainText.test.ts.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { markdownText, plainText } from '../../../../src/core/plainText';
import { Lineage } from '../../../../src/core/experiment/lineage';
import { runLabel } from '../../../../src/features/tree/labels';
import { FOLDER_NAMES } from '../../../ui/names/hostileNames';
import { bundledCli } from '../../cli/bundledCli';
import type { FixtureWorkspace } from '../fixtureWorkspace';
import { LIMIT_MS, Shown } from './shown';

const NAMES: readonly string[] = [
  ...FOLDER_NAMES,
  // The same to the eye, and two folders.
  'caf\u00e9',
  'cafe\u0301',
  '\uac00',
  '\u1100\u1161',
  // 255 bytes in one, two and four bytes a character.
  'x'.repeat(255),
  `${'é'.repeat(127)}1`,
  `${'é'.repeat(127)}2`,
  `${'🚀'.repeat(63)}end`,
  'a valid \ufffd replacement character',
  'checkpoints',
  'final',
  'layer_1_x',
  '-rf',
  '~',
  'CON.',
];
/** As a terminal, a table or a row would be moved by. */
const UNSEEN = /[\p{Cc}\u202a-\u202e\u2066-\u2069\u200e\u200f\u2028\u2029]/u;

describe('a model of runs with any names', function () {
  this.timeout(4 * LIMIT_MS);
  let ws: FixtureWorkspace;
  let cli: string;
  let shown: Shown;

  before(async () => {
    ({ ws, cli } = await bundledCli());
    for (const [index, name] of NAMES.entries()) {
      ws.run(name, { run: { id: `id-${index}` } });
      ws.checkpoint(name, 50);
    }
    shown = new Shown(ws.root);
    await shown.isTheDisk();
  });
  after(() => {
    shown.watcher.dispose();
    ws.remove();
  });

  it('has each under its own name, and sees it change, be renamed and go', async () => {
    assert.deepEqual(shown.names, [...NAMES].sort());
    assert.deepEqual(shown.problems, []);
    for (const name of NAMES) ws.checkpoint(name, 100);
    await shown.isTheDisk();
    for (const { name, checkpoints } of shown.workspace.runs) assert.equal(checkpoints.length, 2, name);
    const [first, other] = [NAMES.at(0), 'caf\u00e9'] as [string, string];
    const at = (name: string): string => path.join(ws.experiments, name);
    fs.renameSync(at(first), at('renamed\n[x](command:y)'));
    fs.renameSync(at(other), at(`${other} 2`));
    await shown.isTheDisk();
    assert.ok(!shown.names.includes(first) && shown.names.includes('renamed\n[x](command:y)'));
    assert.ok(shown.names.includes('cafe\u0301'), 'the other one that looks like it stays');
    fs.renameSync(at('renamed\n[x](command:y)'), at(first));
    fs.renameSync(at(`${other} 2`), at(other));
    await shown.isTheDisk();
    assert.deepEqual(shown.names, [...NAMES].sort());
  });

  it('is printed by `list` in lines of their own, and as JSON with the very names', () => {
    const list = (...words: string[]): string => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'list', ws.root, ...words], {
        encoding: 'utf8',
        env: { ...process.env, XDG_CACHE_HOME: path.join(ws.root, 'cache') },
        maxBuffer: 2 ** 26,
      });
      assert.deepEqual([status, stderr], [0, '']);
      return stdout;
    };
    const text = list();
    const lines = text.trimEnd().split('\n');
    for (const line of lines) assert.doesNotMatch(line, UNSEEN);
    assert.equal(
      lines.filter((line) => !line.startsWith('  ')).length,
      NAMES.length + NAMES.filter((name) => name.startsWith('  ')).length,
    );
    const json = list('--json');
    assert.doesNotMatch(json.trimEnd().replaceAll('\n', ''), UNSEEN);
    const { runs } = JSON.parse(json) as { runs: { name: string; path: string }[] };
    assert.deepEqual(runs.map(({ name }) => name).sort(), [...NAMES].sort());
    for (const { name, path: at } of runs) assert.equal(at, path.join(ws.experiments, name));
  });

  it('gives the tree a label that tells it from the others, and a tooltip in which nothing is markup', () => {
    const { runs } = shown.workspace;
    const model = { runs, lineage: new Lineage([{ runs }]) };
    const labels = runs.map((run) => runLabel(run, model));
    assert.equal(new Set(labels).size, runs.length);
    for (const label of labels) {
      const row = plainText(label, { longest: 200 });
      assert.doesNotMatch(row, UNSEEN);
      assert.doesNotMatch(row, /\]\(|\$[({]/);
    }
    for (const { name } of runs) {
      const cell = markdownText(name);
      assert.doesNotMatch(cell, UNSEEN);
      assert.doesNotMatch(cell.replace(/\\./g, ''), /[`*_{}[\]<>#|~!$()]/);
    }
  });
});

describe('a model of names that are not UTF-8', function () {
  this.timeout(4 * LIMIT_MS);
  let ws: FixtureWorkspace;
  let cli: string;
  let shown: Shown | undefined;

  before(async function () {
    // Other systems take no such names.
    if (process.platform !== 'linux') this.skip();
    ({ ws, cli } = await bundledCli());
  });
  afterEach(() => shown?.watcher.dispose());
  after(() => {
    if (process.platform === 'linux') ws.remove();
  });

  it('says of a run that it cannot be opened, until it is renamed, and shows the others', async () => {
    ws.run('a');
    const checkpoint = ws.checkpoint('a', 50);
    ws.run('bad');
    const bytes = Buffer.concat([Buffer.from(`${ws.experiments}/run `), Buffer.of(0xff, 0xfe)]);
    fs.renameSync(path.join(ws.experiments, 'bad'), bytes);
    // Neither a file of a checkpoint nor one of the run is anything to stumble over.
    for (const folder of [checkpoint, path.join(ws.experiments, 'a'), path.dirname(checkpoint), ws.experiments])
      fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/file `), Buffer.of(0xff)]), 'x');
    shown = new Shown(ws.root);
    await shown.isTheDisk();
    const said = [['run \ufffd\ufffd', 'cannot be opened, as its name is not UTF-8: rename it']];
    assert.deepEqual([shown.names, shown.problems], [['a'], said]);
    assert.equal(shown.run('a')?.checkpoints[0]?.state, 'complete');
    ws.checkpoint('a', 100);
    await shown.due();
    await shown.isTheDisk();
    assert.deepEqual([shown.run('a')?.checkpoints.length, shown.problems], [2, said]);
    const { stdout, status } = spawnSync(process.execPath, [cli, 'list', ws.root], { encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stdout, /^! .*\/run \ufffd\ufffd: cannot be opened, as its name is not UTF-8: rename it$/m);
    fs.renameSync(bytes, path.join(ws.experiments, 'good'));
    await shown.isTheDisk();
    assert.deepEqual([shown.names, shown.problems], [['a', 'good'], []]);
  });
});
