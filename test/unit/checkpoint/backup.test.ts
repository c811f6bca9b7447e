/** Copies of checkpoints: equal, resumed, verified, and never at the cost of what is there. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import fc from 'fast-check';
import {
  backUp,
  BackupError,
  readRecord,
  RECORD,
  restore,
  verifyBackup,
  type Backup,
  type BackupOptions,
  type BackupRequest,
} from '../../../src/core/checkpoint/backup';
import { manifestHash } from '../../../src/core/checkpoint/layouts/manifest';
import { hostInNames, procStat } from '../../../src/core/thisHost';
import { Workbench } from './fixtures';

const ROOT = path.resolve(__dirname, '../../..');
const MEGABYTE = 1024 * 1024;

describe('backups', () => {
  let bench: Workbench;
  let run: string;
  let checkpoint: string;
  let destination: string;

  beforeEach(() => {
    bench = new Workbench();
    run = path.join(bench.root, 'experiments', 'demo');
    checkpoint = path.join(run, 'checkpoints', 'checkpoint-50');
    destination = path.join(bench.root, 'backups');
    fs.mkdirSync(checkpoint, { recursive: true });
    fs.mkdirSync(destination);
    fs.writeFileSync(path.join(run, 'run.json'), '{"schema":1,"id":"id-demo"}');
    fs.writeFileSync(path.join(run, 'config.json'), '{"schema":1,"max_steps":300}');
  });
  afterEach(() => {
    bench.dispose();
  });

  function fill(files: Readonly<Record<string, Uint8Array>>): void {
    for (const [name, bytes] of Object.entries(files)) {
      const at = path.join(checkpoint, name);
      fs.mkdirSync(path.dirname(at), { recursive: true });
      fs.writeFileSync(at, bytes);
    }
  }

  /** A manifest of the files as they are. */
  function describeFiles(): void {
    const files = Object.fromEntries(
      fs.readdirSync(checkpoint).map((name) => {
        const content = fs.readFileSync(path.join(checkpoint, name));
        return [name, { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }];
      }),
    );
    const manifest = { schema: 1, step: 50, files };
    fs.writeFileSync(
      path.join(checkpoint, 'manifest.json'),
      JSON.stringify({ ...manifest, sha256: manifestHash(manifest) }),
    );
  }

  function request(more: { id?: string | null; run?: string; destination?: string } = {}): BackupRequest {
    return {
      checkpoint,
      source: {
        id: more.id === undefined ? 'id-demo' : more.id,
        run: more.run ?? 'demo',
        path: run,
        checkpoint: 'checkpoint-50',
        place: 'checkpoints',
        step: 50,
      },
      ofRun: ['run.json', 'config.json', 'wandb.json'],
      destination: more.destination ?? destination,
      outside: [path.join(bench.root, 'experiments')],
    };
  }

  /** Every file under a folder with its content, and when it was written, to the second. */
  function tree(folder: string): Record<string, string> {
    const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    return Object.fromEntries(
      names.flatMap((name) => {
        const at = path.join(folder, name);
        const stats = fs.statSync(at);
        if (stats.isDirectory()) return [];
        const hash = createHash('sha256').update(fs.readFileSync(at)).digest('hex');
        return [[name, `${Math.floor(stats.mtimeMs / 1000)} ${hash}`]];
      }),
    );
  }

  const ofCheckpoint = (folder: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(tree(folder)).filter(([name]) => name !== RECORD && !name.startsWith(`run${path.sep}`)),
    );
  const hidden = (): string[] =>
    fs
      .readdirSync(destination, { recursive: true, encoding: 'utf8' })
      .filter((name) => path.basename(name).startsWith('.'));

  /** Makes a backup that is cut short after this share of it. */
  async function cutShort(share: number, more: BackupRequest = request()): Promise<void> {
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const options: BackupOptions = {
      signal: abort.signal,
      onProgress: (done, total) => {
        if (done >= share * total) abort.abort(reason);
      },
    };
    // Progress is told now and then only: every piece is looked at here.
    const clock = performance.now.bind(performance);
    let ticks = 0;
    performance.now = () => clock() + 1000 * ticks++;
    try {
      await assert.rejects(backUp(more, options), reason);
    } finally {
      performance.now = clock;
    }
  }

  it('are equal to what they are of, and say what that is', async () => {
    fill({
      'npt_weights.pt': randomBytes(3 * MEGABYTE + 17),
      'config.json': Buffer.from('{}'),
      empty: Buffer.alloc(0),
    });
    fs.utimesSync(path.join(checkpoint, 'npt_weights.pt'), 1_600_000_000, 1_600_000_000);
    describeFiles();
    const told: number[] = [];
    const { folder, made, kept, record } = await backUp(request(), {
      onProgress: (done, total) => told.push(done / total),
    });
    assert.equal(folder, path.join(destination, 'demo', 'checkpoint-50'));
    assert.deepEqual([made, kept], [true, 0]);
    assert.equal(told.at(-1), 1);
    assert.deepEqual(ofCheckpoint(folder), ofCheckpoint(checkpoint));
    assert.deepEqual(fs.readdirSync(path.join(folder, 'run')).sort(), ['config.json', 'run.json']);
    assert.deepEqual(hidden(), []);
    const { problems } = await verifyBackup(folder);
    assert.deepEqual(problems, []);
    assert.deepEqual(await readRecord(folder), record);
    const schema = JSON.parse(fs.readFileSync(path.join(ROOT, 'schemas/backup.schema.json'), 'utf8')) as object;
    const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(schema);
    assert.ok(
      validate(JSON.parse(fs.readFileSync(path.join(folder, RECORD), 'utf8'))),
      JSON.stringify(validate.errors),
    );
  });

  it('copy any tree of files, links as what they lead to, and a restored one is the same', async () => {
    const part = fc.stringMatching(/^[a-z0-9 ._\-é\]$({]{1,12}$/).filter((name) => !/^\.{1,2}$|^ | $|^run$/.test(name));
    const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    const size = fc.oneof(fc.nat(100), fc.constantFrom(4095, 4096, 4097, MEGABYTE - 1, MEGABYTE, MEGABYTE + 1));
    let number = 0;
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, size, { minKeys: 1, maxKeys: 8 }), fc.boolean(), async (files, linked) => {
        fs.rmSync(checkpoint, { recursive: true });
        fs.mkdirSync(checkpoint);
        for (const [at, bytes] of Object.entries(files)) {
          // One's folder may be another's file.
          try {
            fill({ [at]: randomBytes(bytes) });
          } catch {
            continue;
          }
        }
        if (linked) {
          const [first = ''] = Object.keys(tree(checkpoint));
          fs.symlinkSync(path.join(checkpoint, first), path.join(checkpoint, 'a link'));
          fs.linkSync(path.join(checkpoint, first), path.join(checkpoint, 'a hard link'));
        }
        const to = path.join(destination, String(number++));
        fs.mkdirSync(to);
        const { folder } = await backUp(request({ destination: to }));
        assert.deepEqual(ofCheckpoint(folder), tree(checkpoint));
        assert.deepEqual((await verifyBackup(folder)).problems, []);
        const anew = path.join(to, 'restored');
        const restored = await restore({ backup: folder, run: anew, place: null, without: [] });
        assert.equal(restored.checkpoint, path.join(anew, 'checkpoints', 'checkpoint-50'));
        assert.deepEqual(tree(restored.checkpoint), tree(checkpoint));
        assert.deepEqual(fs.readdirSync(anew).sort(), ['checkpoints', 'config.json', 'run.json']);
      }),
      { numRuns: 15 },
    );
  });

  it('go on from what an attempt left, which is held against the source', async () => {
    fill({ 'a.pt': randomBytes(4 * MEGABYTE), 'b.pt': randomBytes(4 * MEGABYTE) });
    await cutShort(0.6);
    const [partial = ''] = fs.readdirSync(path.join(destination, 'demo'));
    assert.match(partial, /^\.partial-checkpoint-50-/);
    const copy = path.join(destination, 'demo', partial, 'copy');
    const left = fs.statSync(path.join(copy, 'b.pt')).size;
    assert.ok(left > 0, 'cut in the second file');
    // What is there is not trusted: one bit of it is wrong.
    flip(path.join(copy, 'a.pt'), 2 * MEGABYTE + 5, 3);
    fs.writeFileSync(path.join(copy, 'gone.pt'), 'of a file that is gone');
    const { folder, kept } = await backUp(request());
    assert.equal(kept, 2 * MEGABYTE + left);
    assert.deepEqual(ofCheckpoint(folder), tree(checkpoint));
    assert.deepEqual((await verifyBackup(folder)).problems, []);
    assert.deepEqual(fs.readdirSync(path.join(destination, 'demo')), ['checkpoint-50']);
  });

  it('take nothing over from a process that works on it', async () => {
    fill({ 'a.pt': randomBytes(3 * MEGABYTE) });
    const abort = new AbortController();
    let other: Promise<Backup> | undefined;
    const first = await backUp(request(), {
      signal: abort.signal,
      onProgress: () => {
        other ??= backUp(request());
      },
    });
    assert.ok(other);
    const second = await other;
    assert.equal(second.folder, first.folder);
    assert.deepEqual([first, second].map(({ made }) => made).sort(), [false, true]);
    assert.deepEqual(fs.readdirSync(path.join(destination, 'demo')), ['checkpoint-50']);
    assert.deepEqual((await verifyBackup(first.folder)).problems, []);
  });

  it('notice any bit that differs, and what is missing or too much', async () => {
    fill({ 'a.pt': randomBytes(70_000), 'b/c.pt': randomBytes(5000), 'config.json': Buffer.from('{"a":1}') });
    describeFilesOf(['a.pt', 'config.json']);
    const { folder } = await backUp(request());
    const files = Object.keys(tree(folder));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), fc.nat(), fc.nat(7), async (name, place, bit) => {
        const at = path.join(folder, name);
        const offset = place % fs.statSync(at).size;
        flip(at, offset, bit);
        const found = await verifyBackup(folder).then(
          ({ problems }) => problems.map((problem) => problem.name),
          (error: unknown) => [error instanceof BackupError ? RECORD : 'another error'],
        );
        flip(at, offset, bit);
        assert.deepEqual(found, [name.split(path.sep).join('/')]);
      }),
      { numRuns: 100 },
    );
    fs.renameSync(path.join(folder, 'a.pt'), path.join(folder, 'd.pt'));
    fs.truncateSync(path.join(folder, 'b/c.pt'), 4999);
    assert.deepEqual((await verifyBackup(folder)).problems, [
      { name: 'a.pt', problem: 'is missing' },
      { name: 'b/c.pt', problem: 'has 4999 bytes, and had 5000' },
      { name: 'd.pt', problem: 'is not in its backup.json' },
    ]);
    await assert.rejects(
      backUp(request()),
      /is a backup of it already, and is damaged: a\.pt is missing\. Move it away/,
    );
  });

  it('refuse a source that is damaged, by its manifest, and leave nothing of it', async () => {
    fill({ 'a.pt': randomBytes(2 * MEGABYTE), 'b.pt': randomBytes(100) });
    describeFiles();
    flip(path.join(checkpoint, 'b.pt'), 50, 1);
    await assert.rejects(backUp(request()), /b\.pt is damaged: its sha256 is not the one that was recorded of it\.$/);
    assert.deepEqual(fs.readdirSync(destination), []);
    flip(path.join(checkpoint, 'b.pt'), 50, 1);
    fs.truncateSync(path.join(checkpoint, 'b.pt'), 99);
    await assert.rejects(backUp(request()), /b\.pt is damaged: it has 99 bytes, its manifest\.json says 100\.$/);
    fs.rmSync(path.join(checkpoint, 'b.pt'));
    await assert.rejects(backUp(request()), /b\.pt is missing, which its manifest\.json names\.$/);
    fs.writeFileSync(path.join(checkpoint, 'manifest.json'), '{');
    await assert.rejects(backUp(request()), /manifest\.json is not JSON\.$/);
    fs.writeFileSync(path.join(checkpoint, 'manifest.json'), '{"schema":2}');
    await assert.rejects(backUp(request()), /manifest\.json has schema 2; .*update it to read this\.$/);
    assert.deepEqual(fs.readdirSync(destination), []);
  });

  const changes: Readonly<Record<string, (folder: string) => void>> = {
    'is written to': (folder) => {
      fs.appendFileSync(path.join(folder, 'a.pt'), 'more');
    },
    'gets another file': (folder) => {
      fs.writeFileSync(path.join(folder, 'c.pt'), 'new');
    },
    'is deleted': (folder) => {
      fs.renameSync(folder, path.join(path.dirname(folder), '.del-checkpoint-50-host-1'));
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`claim nothing of a source that ${what} meanwhile`, async () => {
      fill({ 'a.pt': randomBytes(MEGABYTE), 'b.pt': randomBytes(MEGABYTE) });
      let changed = false;
      const backed = backUp(request(), {
        onProgress: () => {
          if (!changed) change(checkpoint);
          changed = true;
        },
      });
      await assert.rejects(backed, (error: unknown) => {
        assert.ok(error instanceof BackupError);
        assert.match(error.message, /changed while it was copied|does not exist/);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
      assert.equal(fs.existsSync(path.join(destination, 'demo', 'checkpoint-50')), false);
    });
  }

  it('never take the place of what is there', async () => {
    fill({ 'a.pt': randomBytes(1000) });
    const first = await backUp(request());
    assert.deepEqual(await backUp(request()), { ...first, made: false, kept: 0 });
    // Another run of that name, and other content under the checkpoint's.
    const other = await backUp(request({ id: 'id-other' }));
    assert.equal(other.folder, path.join(destination, 'demo-2', 'checkpoint-50'));
    fill({ 'a.pt': randomBytes(1000) });
    const again = await backUp(request());
    assert.equal(again.folder, path.join(destination, 'demo', 'checkpoint-50-2'));
    // A user's own folder of the name, and links that lead elsewhere.
    fs.mkdirSync(path.join(destination, 'mine'));
    fs.writeFileSync(path.join(destination, 'mine', 'note'), 'mine');
    assert.equal((await backUp(request({ run: 'mine' }))).folder, path.join(destination, 'mine-2', 'checkpoint-50'));
    const elsewhere = path.join(bench.root, 'elsewhere');
    fs.mkdirSync(elsewhere);
    fs.symlinkSync(elsewhere, path.join(destination, 'linked'));
    fs.mkdirSync(path.join(destination, 'linked-2'));
    fs.symlinkSync(elsewhere, path.join(destination, 'linked-2', '.other'));
    const linked = await backUp(request({ run: 'linked' }));
    assert.equal(linked.folder, path.join(destination, 'linked-2', 'checkpoint-50'));
    assert.deepEqual(fs.readdirSync(elsewhere), []);
    for (const { folder } of [first, other, again, linked]) assert.deepEqual((await verifyBackup(folder)).problems, []);
    // Nested runs, and runs without an id, which their path tells apart.
    const nested = await backUp(request({ run: 'layers/layer_1_a', id: null }));
    assert.equal(nested.folder, path.join(destination, 'layers', 'layer_1_a', 'checkpoint-50'));
  });

  it('follow no link that somebody put into what an attempt left', async () => {
    fill({ 'a.pt': randomBytes(2 * MEGABYTE), 'b/c.pt': randomBytes(MEGABYTE) });
    await cutShort(0.3);
    const [partial = ''] = fs.readdirSync(path.join(destination, 'demo'));
    const copy = path.join(destination, 'demo', partial, 'copy');
    const elsewhere = path.join(bench.root, 'elsewhere');
    fs.mkdirSync(elsewhere);
    fs.writeFileSync(path.join(elsewhere, 'c.pt'), 'precious');
    fs.writeFileSync(path.join(elsewhere, 'a.pt'), 'precious, too');
    fs.symlinkSync(elsewhere, path.join(copy, 'b'));
    fs.rmSync(path.join(copy, 'a.pt'));
    fs.linkSync(path.join(elsewhere, 'a.pt'), path.join(copy, 'a.pt'));
    const { folder } = await backUp(request());
    assert.deepEqual(ofCheckpoint(folder), tree(checkpoint));
    assert.equal(fs.readFileSync(path.join(elsewhere, 'c.pt'), 'utf8'), 'precious');
    assert.equal(fs.readFileSync(path.join(elsewhere, 'a.pt'), 'utf8'), 'precious, too');
  });

  it('say in one line what cannot be copied, or where to', async () => {
    fill({ 'a.pt': randomBytes(1000) });
    const refused: [BackupRequest, RegExp, BackupOptions?][] = [
      [
        request({ destination: path.join(bench.root, 'unplugged') }),
        /cannot be used: .*unplugged does not exist\. Is its/,
      ],
      [request({ destination: path.join(run, 'config.json') }), /config\.json is not a folder but a file/],
      [request({ destination: run }), /lies in .*experiments: choose a folder elsewhere/],
      [request(), /its disk has 999 B free, and this needs 1\.0\d kB/, { freeBytes: () => Promise.resolve(999) }],
    ];
    for (const [asked, said, options] of refused) {
      await assert.rejects(backUp(asked, options), (error: unknown) => {
        assert.ok(error instanceof BackupError);
        assert.match(error.message, said);
        return true;
      });
    }
    assert.deepEqual(fs.readdirSync(destination), []);
    fill({ 'backup.json': Buffer.from('{}') });
    await assert.rejects(backUp(request()), /backup\.json has a name that backups keep for themselves/);
    fs.rmSync(path.join(checkpoint, 'backup.json'));
    fs.symlinkSync('nowhere', path.join(checkpoint, 'link'));
    await assert.rejects(backUp(request()), /link is a symbolic link to nowhere, which does not exist\.$/);
    await assert.rejects(verifyBackup(checkpoint), /is not a backup: its backup\.json does not exist\.$/);
  });

  it('say that a disk is full, keep what was copied, and go on when there is room', async () => {
    fill({ 'a.pt': randomBytes(3 * MEGABYTE) });
    const file = await open(path.join(checkpoint, 'a.pt'));
    const prototype = Object.getPrototypeOf(file) as { write: (...words: unknown[]) => unknown };
    await file.close();
    const { write } = prototype;
    let left = 2;
    prototype.write = function (...words) {
      if (left-- > 0) return write.apply(this, words);
      return Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' }));
    };
    try {
      await assert.rejects(backUp(request()), /a\.pt: the disk is full\. What was copied stays there, and the next/);
    } finally {
      prototype.write = write;
    }
    const { kept, folder } = await backUp(request());
    assert.equal(kept, 2 * MEGABYTE);
    assert.deepEqual((await verifyBackup(folder)).problems, []);
  });

  it('notice a disk that does not keep what it is given', async () => {
    fill({ 'a.pt': randomBytes(MEGABYTE) });
    const file = await open(path.join(checkpoint, 'a.pt'));
    const prototype = Object.getPrototypeOf(file) as { sync: (...words: unknown[]) => unknown };
    await file.close();
    const { sync } = prototype;
    prototype.sync = function (...words) {
      const [partial = ''] = fs.readdirSync(path.join(destination, 'demo'));
      const copied = path.join(destination, 'demo', partial, 'copy', 'a.pt');
      if (fs.existsSync(copied)) flip(copied, 1000, 0);
      return sync.apply(this, words);
    };
    try {
      await assert.rejects(backUp(request()), /a\.pt is not what was written to it/);
    } finally {
      prototype.sync = sync;
    }
  });

  describe('restored', () => {
    let folder: string;
    beforeEach(async () => {
      fill({ 'a.pt': randomBytes(2 * MEGABYTE), 'config.json': Buffer.from('{}') });
      ({ folder } = await backUp(request()));
    });

    it('go into their run, and over nothing', async () => {
      const into = { backup: folder, run, place: 'checkpoints', without: [] };
      await assert.rejects(restore(into), /checkpoint-50 is there already: nothing was restored over it\.$/);
      const before = tree(checkpoint);
      fs.rmSync(checkpoint, { recursive: true });
      fs.writeFileSync(path.join(run, 'config.json'), '{"changed":true}');
      const { checkpoint: back } = await restore(into);
      assert.equal(back, checkpoint);
      assert.deepEqual(tree(checkpoint), before);
      assert.equal(fs.readFileSync(path.join(run, 'config.json'), 'utf8'), '{"changed":true}');
      assert.deepEqual(fs.readdirSync(path.dirname(checkpoint)), ['checkpoint-50']);
    });

    it('make their run anew where it is gone, and no run over another', async () => {
      const anew = path.join(bench.root, 'experiments', 'anew');
      await assert.rejects(restore({ backup: folder, run, place: null, without: [] }), /demo is there already/);
      const { checkpoint: back } = await restore({ backup: folder, run: anew, place: null, without: ['config.json'] });
      assert.deepEqual(tree(back), tree(checkpoint));
      assert.deepEqual(fs.readdirSync(anew).sort(), ['checkpoints', 'run.json']);
      assert.deepEqual(fs.readdirSync(path.dirname(anew)).sort(), ['anew', 'demo']);
    });

    it('go on from what a killed restore left, as far as it is the same, and from nothing else', async () => {
      const before = tree(checkpoint);
      fs.rmSync(checkpoint, { recursive: true });
      const checkpoints = path.dirname(checkpoint);
      const anew = path.join(bench.root, 'experiments', 'anew');
      /** As a process leaves it that is killed when so much was written, and was damaged since. */
      const killed = (at: string, name: string, file: string): void => {
        const copy = path.join(at, 'copy', path.dirname(file));
        fs.mkdirSync(copy, { recursive: true });
        fs.writeFileSync(path.join(at, 'source.json'), JSON.stringify({ name }));
        const whole = fs.readFileSync(path.join(folder, 'a.pt'));
        fs.writeFileSync(path.join(copy, 'a.pt'), Buffer.concat([whole.subarray(0, MEGABYTE), randomBytes(5000)]));
        fs.writeFileSync(path.join(copy, 'of-another.pt'), 'not in the backup');
      };
      // By its name the process is this one, of an attempt that ended.
      const owner = `0123abcd-${procStat(process.pid)?.startTicks ?? 0}-${hostInNames()}-${process.pid}`;
      killed(path.join(checkpoints, `.tmp-checkpoint-50-${owner}`), 'checkpoint-50', 'a.pt');
      // What the trainer left has no note, and is the trainer's.
      const trainers = path.join(checkpoints, `.tmp-checkpoint-50-${hostInNames()}-${process.pid}`);
      fs.mkdirSync(trainers);
      const into = await restore({ backup: folder, run, place: 'checkpoints', without: [] });
      assert.equal(into.kept, MEGABYTE);
      assert.deepEqual(tree(checkpoint), before);
      assert.deepEqual(fs.readdirSync(checkpoints).sort(), [path.basename(trainers), 'checkpoint-50']);
      killed(path.join(anew, '..', `.restoring-${owner}`), 'anew', 'checkpoints/checkpoint-50/a.pt');
      killed(path.join(anew, '..', `.restoring-${owner.replace('0123', '4567')}`), 'another', 'a.pt');
      const withRun = await restore({ backup: folder, run: anew, place: null, without: [] });
      assert.equal(withRun.kept, MEGABYTE);
      assert.deepEqual(tree(withRun.checkpoint), before);
      assert.deepEqual(fs.readdirSync(path.dirname(anew)).sort(), [
        `.restoring-${owner.replace('0123', '4567')}`,
        'anew',
        'demo',
      ]);
      assert.deepEqual(fs.readdirSync(anew).sort(), ['checkpoints', 'config.json', 'run.json']);
    });

    it('are not, where the backup is damaged or it is cancelled', async () => {
      fs.rmSync(checkpoint, { recursive: true });
      const into = { backup: folder, run, place: 'checkpoints', without: [] };
      const abort = new AbortController();
      const reason = new Error('cancelled');
      const onProgress = (): void => {
        abort.abort(reason);
      };
      await assert.rejects(restore(into, { signal: abort.signal, onProgress }), reason);
      flip(path.join(folder, 'a.pt'), MEGABYTE + 1, 2);
      await assert.rejects(restore(into), /a\.pt is damaged: its sha256 is not the one/);
      assert.deepEqual(fs.readdirSync(path.join(run, 'checkpoints')), []);
    });

    it('lead nowhere else than into their run, whatever the record says', async () => {
      const file = path.join(folder, RECORD);
      const record = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown> & {
        files: { name: string }[];
        source: Record<string, unknown>;
      };
      const bad: object[] = [
        { files: record.files.map((each) => ({ ...each, name: `../${each.name}` })) },
        { files: record.files.map((each) => ({ ...each, name: `/tmp/${each.name}` })) },
        { source: { ...record.source, checkpoint: '../../checkpoint-50' } },
        { source: { ...record.source, checkpoint: '..' } },
        { source: { ...record.source, place: '..' } },
        { source: { ...record.source, run: '../demo' } },
      ];
      for (const each of bad) {
        const changed = { ...record, ...each };
        fs.writeFileSync(file, JSON.stringify({ ...changed, sha256: manifestHash(changed) }));
        await assert.rejects(readRecord(folder), BackupError);
      }
      fs.writeFileSync(file, JSON.stringify({ ...record, time: 1 }));
      await assert.rejects(readRecord(folder), /backup\.json is damaged: its own sha256 differs\.$/);
    });
  });

  function describeFilesOf(names: readonly string[]): void {
    const aside = path.join(bench.root, 'aside');
    fs.mkdirSync(aside);
    const others = fs.readdirSync(checkpoint).filter((name) => !names.includes(name));
    for (const name of others) fs.renameSync(path.join(checkpoint, name), path.join(aside, name));
    describeFiles();
    for (const name of others) fs.renameSync(path.join(aside, name), path.join(checkpoint, name));
  }
});

function flip(file: string, offset: number, bit: number): void {
  const descriptor = fs.openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  fs.readSync(descriptor, byte, 0, 1, offset);
  byte[0]! ^= 1 << bit;
  fs.writeSync(descriptor, byte, 0, 1, offset);
  fs.closeSync(descriptor);
}
