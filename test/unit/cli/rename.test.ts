/** `rename`: by the rules of the window's command, which test/unit/experiment/renameRun.test.ts holds. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { procStat, thisHost } from '../../../src/core/thisHost';
import type { FixtureWorkspace } from '../experiment/fixtureWorkspace';
import { bundledCli, ROOT } from './bundledCli';

interface Document {
  readonly from: string;
  readonly to: string | null;
  readonly name: string | null;
  readonly renamed: boolean;
  readonly reason: string | null;
  readonly loses: readonly { readonly name: string }[];
  readonly gains: readonly { readonly name: string }[];
  readonly notes: readonly string[];
}

describe('rename', function () {
  let ws: FixtureWorkspace;
  let cli: string;
  before(async () => {
    ({ ws, cli } = await bundledCli());
  });
  after(() => {
    ws.remove();
  });
  beforeEach(() => {
    ws.run('demo');
    ws.checkpoint('demo', 50);
    ws.run('child', {
      run: { parent: { id: 'id-demo', run: 'demo', checkpoint: 'checkpoint-50', step: 50 } },
    });
  });
  afterEach(() => {
    fs.rmSync(ws.experiments, { recursive: true });
  });

  const run = (...words: string[]): { code: number | null; out: string; err: string } => {
    const done = spawnSync(process.execPath, [cli, 'rename', ...words], { cwd: ws.root, encoding: 'utf8' });
    return { code: done.status, out: done.stdout, err: done.stderr };
  };
  const json = (code: number, ...words: string[]): Document => {
    const done = run(...words, '--json');
    assert.deepEqual([done.code, done.err], [code, '']);
    const schema = fs.readFileSync(path.join(ROOT, 'schemas/cli-rename.schema.json'), 'utf8');
    const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(JSON.parse(schema) as object);
    const document = JSON.parse(done.out) as Document;
    assert.ok(validate(document), JSON.stringify(validate.errors));
    return document;
  };
  const place = (name: string): string => path.join(ws.experiments, name);
  const names = (): string[] => fs.readdirSync(ws.experiments).sort();
  const byName = (): string =>
    ws.run('by-name', { run: { parent: { id: null, run: 'demo', checkpoint: 'checkpoint-50', step: 50 } } });

  it('renames a run, named by its folder or its name, from anywhere', () => {
    const there = { loses: [], gains: [], notes: [], renamed: true, reason: null };
    assert.deepEqual(json(0, 'demo', 'better'), {
      ...{ from: place('demo'), to: place('better'), name: 'better' },
      ...there,
    });
    assert.deepEqual(names(), ['better', 'child']);
    const other = spawnSync(process.execPath, [cli, 'rename', 'better', 'demo', '--workspace', ws.root], {
      cwd: '/',
      encoding: 'utf8',
    });
    assert.deepEqual([other.status, other.stdout], [0, `renamed: better to demo (${place('demo')})\n`]);
    assert.equal(run('experiments/demo/', 'again').code, 0);
    assert.deepEqual(names(), ['again', 'child']);
  });

  it('says with --dry-run what it would do, and does nothing', () => {
    byName();
    const before = names();
    const document = json(0, 'demo', 'better', '--dry-run');
    assert.deepEqual([document.renamed, document.reason, document.to], [false, null, place('better')]);
    const { code, out } = run('demo', 'better', '--dry-run');
    assert.equal(code, 0);
    assert.match(out, /^note: Known by its name alone, and no longer found as the parent, to: by-name\. /);
    assert.match(out, /^would be renamed: demo to better \(.*\)$/m);
    assert.deepEqual(names(), before);
  });

  it('says what goes by the name alone, and renames then with --yes alone', () => {
    byName();
    const refused = json(1, 'demo', 'better');
    assert.match(refused.reason ?? '', /^Something goes by its name or path alone: --yes renames it all the same\.$/);
    assert.deepEqual([refused.loses.map(({ name }) => name), refused.gains], [['by-name'], []]);
    assert.deepEqual(names(), ['by-name', 'child', 'demo']);
    assert.equal(json(0, 'demo', 'better', '--yes').renamed, true);
    assert.deepEqual(names(), ['better', 'by-name', 'child']);
    // Renamed back, it would be found again: that is to be agreed to likewise.
    assert.deepEqual(
      json(0, 'better', 'demo', '--dry-run').gains.map(({ name }) => name),
      ['by-name'],
    );
  });

  it('says which entries of tasks.json name it by its path', () => {
    const tasks = path.join(ws.root, '.vscode/tasks.json');
    fs.mkdirSync(path.dirname(tasks), { recursive: true });
    const entries = [
      { label: 'resume', type: 'npt', kind: 'resume', checkpoint: 'experiments/demo/checkpoints/checkpoint-50' },
      { label: 'by hand', type: 'shell', command: 'tail -f "${workspaceFolder}/experiments/demo/train.log"' },
      { label: 'argument', type: 'process', command: 'python', args: ['x.py', `--from=${place('demo')}`] },
      { label: 'on linux', type: 'shell', linux: { command: 'ls ./experiments/demo/' } },
      { label: 'experiments/demo', type: 'shell', command: 'ls experiments/demo-2 other/experiments/demo demo' },
    ];
    // As people write it: with a comment, and a mistake behind the tasks.
    fs.writeFileSync(tasks, `// mine\n{ "version": "2.0.0", "tasks": ${JSON.stringify(entries)}, }, oops`);
    try {
      const { code, out } = run('demo', 'better');
      assert.equal(code, 1);
      assert.match(
        out,
        /^note: Named by its path in .*tasks\.json: the entries “resume”, “by hand”, “argument”, “on linux”\. Write better there, too\.\nerror: /,
      );
      assert.deepEqual(json(0, 'child', 'other').notes, []);
      assert.equal(json(0, 'demo', 'better', '--yes').notes.length, 1);
      fs.rmSync(tasks);
      fs.mkdirSync(tasks);
      assert.match(
        json(0, 'better', 'demo', '--dry-run').notes.join(),
        /tasks\.json is .*: whether an entry of it names/,
      );
    } finally {
      fs.rmSync(tasks, { recursive: true });
    }
  });

  it('is refused, in one line, while it trains or waits, and for names that cannot be', () => {
    const refuses = (name: string, reason: RegExp): void => {
      const document = json(1, 'demo', name);
      assert.match(document.reason ?? '', reason);
      assert.deepEqual([document.to, document.renamed], [null, false]);
      assert.match(run('demo', name).out, /^error: [^\n]+\n$/);
      assert.deepEqual(names(), ['child', 'demo']);
    };
    refuses('child', /already a run named child/);
    refuses('demo', /That is its name/);
    refuses('a/b', /cannot be a run's name/);
    refuses('x\x1b[2J\ny', /cannot be a run's name/);
    const { name, bootId } = thisHost();
    const ticks = procStat(process.pid)?.startTicks ?? 0;
    ws.write('demo/process.json', {
      ...{ schema: 1, host: name, boot_id: bootId, pid: process.pid, started: Date.now() / 1000 },
      ...{ start_ticks: ticks, launcher: 'shell', job: null, segment: 1 },
    });
    refuses('better', /demo is training: stop it, or rename it when it has ended\./);
    fs.rmSync(path.join(place('demo'), 'process.json'));
    fs.mkdirSync(path.join(ws.root, '.npt/queue'), { recursive: true });
    const entry = path.join(ws.root, '.npt/queue/5-abc.json');
    const plan = { kind: 'branch', checkpoint: path.join(place('demo'), 'checkpoints/checkpoint-50'), step: 50 };
    fs.writeFileSync(entry, JSON.stringify({ schema: 1, run: place('demo-lr'), plan }));
    refuses('better', /demo-lr in the queue starts from checkpoint-50 of demo/);
    fs.rmSync(entry);
    assert.equal(run('demo', 'better').code, 0);
  });

  for (const [words, wrong] of [
    [['demo'], /^error: Usage: rename <run> <new name>/],
    [['nobody', 'x'], /^error: nobody is not a run of /],
    [['demo', 'x', '--workspace', 'nowhere'], /^error: .*nowhere does not exist/],
  ] as const) {
    it(`refuses ${words.join(' ')}`, () => {
      const { code, out, err } = run(...words);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, wrong);
      assert.match(err, /^[^\n]+\n$/);
    });
  }
});
