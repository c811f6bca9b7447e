/** `clean`: nothing goes without --yes, and what goes then is what was said. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import type { FixtureWorkspace } from '../experiment/fixtureWorkspace';
import { bundledCli, ROOT } from './bundledCli';

interface Document {
  readonly runs: readonly {
    readonly name: string;
    readonly frees: number;
    readonly goes: readonly { name: string }[];
  }[];
  readonly frees: number;
  readonly deleted: readonly string[] | null;
  readonly freed: number | null;
  readonly problems: readonly string[];
}

describe('clean', function () {
  let ws: FixtureWorkspace;
  let cli: string;
  before(async () => {
    ({ ws, cli } = await bundledCli());
    ws.run('demo');
    for (const step of [50, 100, 150, 200, 250]) ws.checkpoint('demo', step);
    ws.write('demo/pins.json', { schema: 1, checkpoints: ['checkpoint-50'] });
    ws.run('child', {
      run: { created: 2000, parent: { id: 'id-demo', run: 'demo', checkpoint: 'checkpoint-100', step: 100 } },
    });
    ws.checkpoint('child', 120);
    ws.checkpoint('child', 140);
  });
  after(() => {
    ws.remove();
  });

  const run = (...words: string[]): { code: number | null; out: string; err: string } => {
    const done = spawnSync(process.execPath, [cli, 'clean', ...words], { cwd: ws.root, encoding: 'utf8' });
    return { code: done.status, out: done.stdout, err: done.stderr };
  };
  const json = (...words: string[]): Document => {
    const { code, out, err } = run(...words, '--json');
    assert.deepEqual([code, err], [0, '']);
    const schema = fs.readFileSync(path.join(ROOT, 'schemas/cli-clean.schema.json'), 'utf8');
    const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(JSON.parse(schema) as object);
    const document = JSON.parse(out) as Document;
    assert.ok(validate(document), JSON.stringify(validate.errors));
    return document;
  };
  const names = (name: string): string[] => fs.readdirSync(path.join(ws.experiments, name, 'checkpoints')).sort();

  it('says what would go, what stays and why, and deletes nothing', () => {
    const before = [names('demo'), names('child')];
    const document = json('--all', '--keep-last', '1');
    assert.deepEqual(
      document.runs.map(({ name, goes }) => [name, goes.map((each) => each.name)]),
      [
        ['child', ['checkpoint-120']],
        ['demo', ['checkpoint-150', 'checkpoint-200']],
      ],
    );
    assert.deepEqual([document.deleted, document.freed], [null, null]);
    assert.equal(
      document.frees,
      document.runs.reduce((sum, { frees }) => sum + frees, 0),
    );
    const { out } = run('demo', '--keep-last', '1', '--keep-every', '200');
    assert.match(out, /^ {2}goes +checkpoint-150 .* is none of the newest, the best and each 200 steps$/m);
    assert.match(out, /^ {2}stays +checkpoint-50 +is pinned$/m);
    assert.match(out, /^ {2}stays +checkpoint-100 +child branched from it$/m);
    assert.match(out, /^1 checkpoint would go, which frees .*\. --yes deletes them\.$/m);
    assert.deepEqual([names('demo'), names('child')], before);
  });

  it('deletes with --yes what it said, of the runs that are named', () => {
    const said = json('experiments/demo', '--keep-last', '1', '--keep-best', '1');
    const done = json('demo', '--keep-last', '1', '--keep-best', '1', '--yes');
    assert.deepEqual(
      done.deleted,
      ['checkpoint-150', 'checkpoint-200'].map((name) => path.join(ws.experiments, 'demo/checkpoints', name)),
    );
    assert.deepEqual([done.freed, done.problems], [said.frees, []]);
    assert.deepEqual(names('demo'), ['checkpoint-100', 'checkpoint-250', 'checkpoint-50']);
    assert.deepEqual(names('child'), ['checkpoint-120', 'checkpoint-140']);
  });

  for (const [words, wrong] of [
    [['demo'], /^error: Say what each run keeps: --keep-last N\.$/m],
    [['demo', '--keep-last', '0'], /^error: --keep-last "0" is not a whole number from 1 on\.$/m],
    [['demo', '--keep-last', '3', '--keep-every', 'x'], /--keep-every "x" is not a whole number from 0 on/],
    [['--keep-last', '3'], /^error: Name runs, or all of them/m],
    [['demo', '--all', '--keep-last', '3'], /^error: Name runs, or all of them/m],
    [['nobody', '--keep-last', '3'], /^error: nobody is not a run of /m],
  ] as const) {
    it(`refuses ${words.join(' ')}`, () => {
      const { code, out, err } = run(...words);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, wrong);
    });
  }
});
