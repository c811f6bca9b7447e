import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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
    await setPinned(run, 'checkpoint-100', true);
    await setPinned(run, 'checkpoint-200', true);
    await setPinned(run, 'checkpoint-100', true);
    assert.deepEqual(await content(), { schema: 1, checkpoints: ['checkpoint-200', 'checkpoint-100'] });
    await setPinned(run, 'checkpoint-200', false);
    assert.deepEqual(await content(), { schema: 1, checkpoints: ['checkpoint-100'] });
    assert.deepEqual(await readdir(run), ['pins.json']);
  });

  for (const [what, text] of [
    ['broken JSON', '{"schema":1,'],
    ['another shape', '[1,2]'],
    ['a newer schema', '{"schema":2,"checkpoints":["checkpoint-1"]}'],
  ] as const) {
    it(`never overwrites ${what}`, async () => {
      await writeFile(path.join(run, 'pins.json'), text);
      await assert.rejects(setPinned(run, 'checkpoint-100', true), PinsError);
      assert.equal(await readFile(path.join(run, 'pins.json'), 'utf8'), text);
    });
  }
});
