import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setPinned } from '../../../src/core/experiment/pins';
import { NoteError } from '../../../src/core/experiment/runNotes';

describe('pins.json', () => {
  let run: string;
  const content = async (): Promise<unknown> => JSON.parse(await readFile(path.join(run, 'pins.json'), 'utf8'));
  beforeEach(async () => {
    run = await mkdtemp(path.join(tmpdir(), 'npt-pins-'));
  });
  afterEach(() => rm(run, { recursive: true }));

  it('pins, pins once, unpins, and leaves nothing beside it', async () => {
    await setPinned(run, ['checkpoint-100'], true);
    await setPinned(run, ['checkpoint-200'], true);
    await setPinned(run, ['checkpoint-100'], true);
    assert.deepEqual(await content(), { schema: 1, checkpoints: ['checkpoint-200', 'checkpoint-100'] });
    await setPinned(run, ['checkpoint-200'], false);
    assert.deepEqual(await content(), { schema: 1, checkpoints: ['checkpoint-100'] });
    assert.deepEqual(await readdir(run), ['pins.json']);
  });

  it('keeps all of many pins at once', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `checkpoint-${i}`);
    await Promise.all(names.map((name) => setPinned(run, [name], true)));
    assert.deepEqual(await content(), { schema: 1, checkpoints: names });
    await Promise.all([setPinned(run, names.slice(0, 10), false), setPinned(run, ['checkpoint-99'], true)]);
    assert.deepEqual(await content(), { schema: 1, checkpoints: [...names.slice(10), 'checkpoint-99'] });
  });

  it('waits for another window that is writing', async () => {
    const next = path.join(run, 'pins.json.new');
    await writeFile(next, '');
    const pinned = setPinned(run, ['checkpoint-1'], true);
    await writeFile(next, '{"schema":1,"checkpoints":["checkpoint-7"]}');
    await rename(next, path.join(run, 'pins.json'));
    await pinned;
    assert.deepEqual(await content(), { schema: 1, checkpoints: ['checkpoint-7', 'checkpoint-1'] });
  });

  it('keeps the pins of all windows that waited for one that died', async () => {
    await writeFile(path.join(run, 'pins.json.new'), '');
    // By another name each has a queue of its own, as windows do.
    const names = Array.from({ length: 8 }, (_, i) => `checkpoint-${i}`);
    const aliases = await mkdtemp(path.join(tmpdir(), 'npt-pins-aliases-'));
    try {
      const windows = names.map((name) => path.join(aliases, name));
      for (const window of windows) await symlink(run, window);
      await Promise.all(windows.map((window, i) => setPinned(window, [names[i] as string], true)));
    } finally {
      await rm(aliases, { recursive: true });
    }
    const { checkpoints } = (await content()) as { checkpoints: string[] };
    assert.deepEqual(checkpoints.sort(), names);
    assert.deepEqual(await readdir(run), ['pins.json']);
  }).timeout(120_000);

  it('goes on after a change that failed', async () => {
    const file = path.join(run, 'pins.json');
    await writeFile(file, '{"schema":2}');
    const refused = setPinned(run, ['checkpoint-1'], true);
    await assert.rejects(refused, NoteError);
    await writeFile(file, '{"schema":1,"checkpoints":[]}');
    await setPinned(run, ['checkpoint-1'], true);
    assert.deepEqual(await readdir(run), ['pins.json']);
  });

  it('never overwrites a newer schema', async () => {
    const text = '{"schema":2,"checkpoints":["checkpoint-1"]}';
    await writeFile(path.join(run, 'pins.json'), text);
    await assert.rejects(setPinned(run, ['checkpoint-100'], true), NoteError);
    assert.deepEqual(await readdir(run), ['pins.json']);
    assert.equal(await readFile(path.join(run, 'pins.json'), 'utf8'), text);
  });

  // A run can do without pins.json (contract section 2): a damaged one stops nobody, and is kept under another name.
  for (const [what, text] of [
    ['broken JSON', '{"schema":1,'],
    ['another shape', '[1,2]'],
    ['no list', '{"schema":1,"checkpoints":5}'],
    ['nothing', ''],
    ['zeros', '\0'.repeat(60)],
    ['a few bytes of anything', '\u0001\ufffd{'],
  ] as const) {
    it(`is made anew where it holds ${what}, which is kept and said`, async () => {
      await writeFile(path.join(run, 'pins.json'), text);
      await writeFile(path.join(run, 'pins.json.damaged-1'), 'an earlier one');
      const damaged = await setPinned(run, ['checkpoint-100'], true);
      assert.equal(damaged?.aside, 'pins.json.damaged-2');
      assert.match(damaged.reason, /^(is|has|does) /);
      assert.deepEqual(await content(), { schema: 1, checkpoints: ['checkpoint-100'] });
      assert.equal(await readFile(path.join(run, 'pins.json.damaged-2'), 'utf8'), text);
      assert.equal(await readFile(path.join(run, 'pins.json.damaged-1'), 'utf8'), 'an earlier one');
      assert.equal(await setPinned(run, ['checkpoint-200'], true), null);
    });
  }

  for (const code of ['EINVAL', 'ENOSYS', 'ENOTSUP']) {
    it(`is written where fsync answers ${code}`, async () => {
      const handle = await open(run, 'r');
      const prototype = Object.getPrototypeOf(handle) as { sync: () => Promise<void> };
      await handle.close();
      const { sync } = prototype;
      prototype.sync = () => Promise.reject(Object.assign(new Error(code), { code }));
      try {
        await setPinned(run, ['checkpoint-100'], true);
      } finally {
        prototype.sync = sync;
      }
      assert.deepEqual(await content(), { schema: 1, checkpoints: ['checkpoint-100'] });
    });
  }
});
