import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PinsError, setPinned } from '../../../src/core/experiment/pins';

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

  it('goes on after a change that failed', async () => {
    const file = path.join(run, 'pins.json');
    await writeFile(file, '{');
    const refused = setPinned(run, ['checkpoint-1'], true);
    await assert.rejects(refused, PinsError);
    await writeFile(file, '{"schema":1,"checkpoints":[]}');
    await setPinned(run, ['checkpoint-1'], true);
    assert.deepEqual(await readdir(run), ['pins.json']);
  });

  for (const [what, text] of [
    ['broken JSON', '{"schema":1,'],
    ['another shape', '[1,2]'],
    ['a newer schema', '{"schema":2,"checkpoints":["checkpoint-1"]}'],
  ] as const) {
    it(`never overwrites ${what}`, async () => {
      await writeFile(path.join(run, 'pins.json'), text);
      await assert.rejects(setPinned(run, ['checkpoint-100'], true), PinsError);
      assert.equal(await readFile(path.join(run, 'pins.json'), 'utf8'), text);
    });
  }
});
