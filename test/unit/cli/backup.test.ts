/** Backups from the command line, and a real process that is killed in the middle of one. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { manifestHash } from '../../../src/core/checkpoint/layouts/manifest';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import type { FixtureWorkspace } from '../experiment/fixtureWorkspace';
import { bundledCli, ROOT } from './bundledCli';

const MEGABYTE = 1024 * 1024;
const KILLS = 8;

describe('backups from the command line', function () {
  this.timeout(300_000);
  let ws: FixtureWorkspace;
  let cli: string;
  let checkpoint: string;
  let to: string;

  before(async () => {
    ({ ws, cli } = await bundledCli());
  });
  after(() => {
    ws.remove();
  });
  let number = 0;
  beforeEach(() => {
    ws.run('demo');
    checkpoint = ws.checkpoint('demo', 50);
    to = path.join(ws.root, `backups-${++number}`);
    fs.mkdirSync(to);
  });
  afterEach(() => {
    fs.rmSync(ws.experiments, { recursive: true });
  });

  /** @returns what it printed as JSON, held against its schema */
  function json(code: number, ...words: string[]): Record<string, unknown> {
    const done = spawnSync(process.execPath, [cli, ...words, '--json'], { cwd: ws.root, encoding: 'utf8' });
    assert.equal(done.status, code, done.stderr + done.stdout);
    const document = JSON.parse(done.stdout) as Record<string, unknown>;
    const schema = fs.readFileSync(path.join(ROOT, `schemas/cli-${words[0] ?? ''}.schema.json`), 'utf8');
    const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(JSON.parse(schema) as object);
    assert.ok(validate(document), JSON.stringify(validate.errors));
    return document;
  }

  function refused(...words: string[]): string {
    const done = spawnSync(process.execPath, [cli, ...words], { cwd: ws.root, encoding: 'utf8' });
    assert.equal(done.status, 2);
    assert.match(done.stderr, /^error: .*\n$/);
    return done.stderr;
  }

  function contents(folder: string): Record<string, string> {
    const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    const files = names.filter((name) => fs.statSync(path.join(folder, name)).isFile());
    return Object.fromEntries(
      files.map((name) => [
        name,
        createHash('sha256')
          .update(fs.readFileSync(path.join(folder, name)))
          .digest('hex'),
      ]),
    );
  }

  function flip(file: string, offset: number): void {
    const bytes = fs.readFileSync(file);
    bytes[offset]! ^= 1 << randomInt(8);
    fs.writeFileSync(file, bytes);
  }

  /** Another file in the checkpoint, of random bytes, which its manifest names. */
  function grow(bytes: number): void {
    const content = randomBytes(bytes);
    fs.writeFileSync(path.join(checkpoint, 'large.pt'), content);
    const file = path.join(checkpoint, 'manifest.json');
    const manifest = JSON.parse(fs.readFileSync(file, 'utf8')) as { files: Record<string, object> };
    manifest.files['large.pt'] = { bytes, sha256: createHash('sha256').update(content).digest('hex') };
    fs.writeFileSync(file, JSON.stringify({ ...manifest, sha256: manifestHash({ ...manifest }) }));
  }

  /**
   * Kills this command at random moments of its work, so many times. One that was faster than its kill does not count, and tells
   * how long that takes now: this machine has other work, too.
   *
   * @param took milliseconds of one that was not killed
   */
  async function overKills(
    command: readonly string[],
    took: number,
    look: (killed: boolean) => Promise<void> | void,
  ): Promise<void> {
    let whole = took;
    for (let kills = 0; kills < KILLS;) {
      const began = performance.now();
      const child = spawn(process.execPath, [cli, ...command], { cwd: ws.root, stdio: 'ignore' });
      const ended = once(child, 'exit');
      const timer = setTimeout(() => child.kill('SIGKILL'), whole * (0.3 + 0.7 * Math.random()));
      const [, signal] = (await ended) as [number | null, string | null];
      clearTimeout(timer);
      if (signal === null) whole = Math.min(whole, performance.now() - began);
      else kills += 1;
      await look(signal !== null);
    }
  }

  const shown = async (): Promise<{ name: string; backup: string | undefined }[]> =>
    (await scanWorkspace(ws.root)).runs.flatMap(({ checkpoints }) =>
      checkpoints.map(({ name, backup }) => ({ name, backup: backup?.folder })),
    );

  it('are made, shown, verified and restored, into their run and with it', async () => {
    const before = contents(checkpoint);
    ws.checkpoint('demo', 150);
    const made = json(0, 'backup', checkpoint, path.join(checkpoint, '../checkpoint-150'), '--to', to);
    const folder = path.join(to, 'demo/checkpoint-50');
    assert.equal((made.backups as { folder: string }[])[0]?.folder, folder);
    assert.deepEqual(await shown(), [
      { name: 'checkpoint-50', backup: folder },
      { name: 'checkpoint-150', backup: path.join(to, 'demo/checkpoint-150') },
    ]);
    const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(
      JSON.parse(fs.readFileSync(path.join(ROOT, 'schemas/backups.schema.json'), 'utf8')) as object,
    );
    assert.ok(validate(JSON.parse(fs.readFileSync(path.join(ws.experiments, 'demo/backups.json'), 'utf8'))));
    const again = json(0, 'backup', checkpoint, '--to', to).backups as { made: boolean }[];
    assert.deepEqual(
      again.map((each) => each.made),
      [false],
    );
    assert.equal(json(0, 'verify-backup', folder).whole, true);

    // A backup is a checkpoint that can be looked into as any other.
    const validated = spawnSync(process.execPath, [cli, 'validate', folder], { cwd: ws.root, encoding: 'utf8' });
    assert.equal(validated.status, 0, validated.stdout);

    assert.match(String(json(1, 'restore', folder).reason), /is there already.*--name NAME/);
    fs.rmSync(checkpoint, { recursive: true });
    assert.equal(json(0, 'restore', folder).checkpoint, checkpoint);
    assert.deepEqual(contents(checkpoint), before);

    fs.rmSync(path.join(ws.experiments, 'demo'), { recursive: true });
    assert.equal(json(0, 'restore', folder, '--workspace', ws.root).run, path.join(ws.experiments, 'demo'));
    assert.deepEqual(contents(checkpoint), before);
    assert.deepEqual(await shown(), [{ name: 'checkpoint-50', backup: folder }]);
    const plan = spawnSync(process.execPath, [cli, 'plan', 'resume', checkpoint], { cwd: ws.root, encoding: 'utf8' });
    assert.equal(plan.status, 0, plan.stdout + plan.stderr);
    assert.equal(json(0, 'restore', folder, '--name', 'other').run, path.join(ws.experiments, 'other'));

    flip(path.join(folder, 'npt_weights.pt'), 100);
    const damaged = json(1, 'verify-backup', folder);
    assert.deepEqual(damaged.problems, [{ name: 'npt_weights.pt', problem: 'differs: its sha256 is another one' }]);
    assert.match(String(json(1, 'restore', folder, '--name', 'third').reason), /npt_weights\.pt is damaged/);
  });

  it('are of what got the name, not of what had it', async () => {
    json(0, 'backup', checkpoint, '--to', to);
    fs.rmSync(checkpoint, { recursive: true });
    ws.checkpoint('demo', 50, { metrics: { more: 1 } });
    assert.deepEqual(await shown(), [{ name: 'checkpoint-50', backup: undefined }]);
    const [backup] = json(0, 'backup', checkpoint, '--to', to).backups as { folder: string }[];
    assert.equal(backup?.folder, path.join(to, 'demo/checkpoint-50-2'));
  });

  it('of damaged checkpoints are refused, and what is no checkpoint is said', () => {
    flip(path.join(checkpoint, 'npt_weights.pt'), 200);
    const { problems } = json(1, 'backup', checkpoint, '--to', to) as { problems?: { message: string }[] };
    assert.match(problems?.[0]?.message ?? '', /npt_weights\.pt is damaged/);
    assert.deepEqual(fs.readdirSync(to), []);
    fs.rmSync(path.join(checkpoint, 'npt_weights.pt'));
    assert.match(refused('backup', checkpoint, '--to', to), /checkpoint-50 is broken: npt_weights\.pt is missing/);
    assert.match(refused('backup', ws.experiments, '--to', to), /is not a checkpoint of a run\.$/m);
    assert.match(refused('backup', checkpoint), /Say where to: --to DIR\.$/m);
    assert.match(String(json(1, 'verify-backup', checkpoint).reason), /is not a backup/);
    assert.match(String(json(1, 'restore', checkpoint).reason), /is not a backup/);
  });

  it(`survive ${KILLS} kills at random moments`, async () => {
    grow(12 * MEGABYTE);
    const words = ['backup', checkpoint, '--to', to, '--json'];
    // How long one takes here and now, beside whatever else this machine does.
    const probe = path.join(ws.root, 'probe');
    fs.mkdirSync(probe);
    const began = performance.now();
    json(0, 'backup', checkpoint, '--to', probe);
    const whole = performance.now() - began;
    await overKills(words, whole, (killed) => {
      const folder = path.join(to, 'demo/checkpoint-50');
      // Nothing that has the name is ever less than whole.
      if (fs.existsSync(folder)) json(0, 'verify-backup', folder);
      if (!killed) fs.rmSync(path.join(to, 'demo'), { recursive: true });
    });
    const [backup] = json(0, ...words.slice(0, -1)).backups as { folder: string }[];
    assert.ok(backup);
    json(0, 'verify-backup', backup.folder);
    const copied = contents(backup.folder);
    for (const [name, hash] of Object.entries(contents(checkpoint))) assert.equal(copied[name], hash, name);
    assert.deepEqual(fs.readdirSync(path.join(to, 'demo')), ['checkpoint-50']);
  });

  it('tell of a note that could not be written with the run, restored as well as made', () => {
    const folder = path.join(to, 'demo/checkpoint-50');
    json(0, 'backup', checkpoint, '--to', to);
    const note = path.join(ws.experiments, 'demo/backups.json');
    fs.rmSync(note);
    fs.mkdirSync(note);
    fs.rmSync(checkpoint, { recursive: true });
    const done = spawnSync(process.execPath, [cli, 'restore', folder], { cwd: ws.root, encoding: 'utf8' });
    assert.equal(done.status, 0);
    assert.match(done.stdout, /^restored: .*checkpoint-50\nnote: backups\.json of .*demo was not written: .+\n$/);
  });

  for (const [where, words] of [
    ['into their run', []],
    ['with a run around them', ['--name', 'anew']],
  ] as const) {
    it(`are restored ${where}, over ${KILLS} kills at random moments`, async () => {
      grow(12 * MEGABYTE);
      json(0, 'backup', checkpoint, '--to', to);
      const folder = path.join(to, 'demo/checkpoint-50');
      const before = contents(checkpoint);
      fs.rmSync(checkpoint, { recursive: true });
      // Beside it, what another process of this machine left, or works on: nobody's to touch.
      const others = ['.tmp-checkpoint-50-elsewhere-1', '.tmp-checkpoint-150-elsewhere-1', '.restoring-mine'];
      for (const name of others) {
        for (const at of [path.join(checkpoint, '..', name), path.join(ws.experiments, name)]) {
          fs.mkdirSync(at, { recursive: true });
          fs.writeFileSync(path.join(at, 'npt_weights.pt'), name);
        }
      }
      const run = path.join(ws.experiments, words.length === 0 ? 'demo' : 'anew');
      const target = path.join(run, 'checkpoints/checkpoint-50');
      const command = ['restore', folder, ...words];
      const began = performance.now();
      json(0, ...command);
      const whole = performance.now() - began;
      const remove = (): void => {
        fs.rmSync(words.length === 0 ? target : run, { recursive: true });
      };
      remove();
      await overKills(command, whole, async () => {
        // Nothing that has the name is ever less than whole, and no scan takes what is put together for it.
        if (fs.existsSync(target)) {
          assert.deepEqual(contents(target), before);
          remove();
        } else assert.deepEqual(await shown(), []);
      });
      assert.equal(json(0, ...command).checkpoint, target);
      assert.deepEqual(contents(target), before);
      const hidden = (at: string): string[] =>
        fs
          .readdirSync(at)
          .filter((name) => name.startsWith('.'))
          .sort();
      assert.deepEqual(hidden(ws.experiments), [...others].sort());
      assert.deepEqual(hidden(path.join(ws.experiments, 'demo/checkpoints')), [...others].sort());
    });
  }

  it('by two processes at once end with one whole copy', async () => {
    grow(4 * MEGABYTE);
    const words = [cli, 'backup', checkpoint, '--to', to];
    const children = [1, 2].map(() => spawn(process.execPath, words, { cwd: ws.root, stdio: 'ignore' }));
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number | null));
    assert.deepEqual(codes, [0, 0]);
    assert.deepEqual(fs.readdirSync(path.join(to, 'demo')), ['checkpoint-50']);
    json(0, 'verify-backup', path.join(to, 'demo/checkpoint-50'));
  });
});
