import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { changeFile } from '../../../src/core/changeFile';
import { readPresets } from '../../../src/core/training/plan/presets';
import { PresetError, savePreset } from '../../../src/core/training/plan/savePreset';

const SCHEMA_FILE = path.resolve(__dirname, '../../../schemas/presets.schema.json');

describe('.npt/presets.json', () => {
  let root: string;
  let file: string;
  const text = (): Promise<string> => readFile(file, 'utf8');
  const content = async (): Promise<Record<string, unknown>> => JSON.parse(await text()) as Record<string, unknown>;
  const write = async (what: string): Promise<void> => {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, what);
  };

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'npt-presets-'));
    file = path.join(root, '.npt/presets.json');
  });
  afterEach(() => rm(root, { recursive: true }));

  it('is made with a schema number, as its schema says, and read back', async () => {
    assert.equal(await savePreset(root, 'mine', { np_rank: 8, curriculum_stages: 'teacher:5' }), null);
    const validate = new Ajv2020().compile(JSON.parse(await readFile(SCHEMA_FILE, 'utf8')) as object);
    assert.ok(validate(await content()), JSON.stringify(validate.errors));
    assert.equal((await content()).schema, 1);
    const { presets, problem } = await readPresets(root);
    assert.equal(problem, null);
    assert.deepEqual(presets[0], {
      ...{ name: 'mine', description: '', builtIn: false },
      arguments: { np_rank: 8, curriculum_stages: 'teacher:5' },
    });
    assert.deepEqual(await readdir(path.dirname(file)), ['presets.json']);
  });

  for (const [what, before, words] of [
    [
      'of a newer schema',
      '{"schema":2,"presets":{}}',
      /presets\.json has schema 2; .*update it to read this\. Nothing/,
    ],
    [
      'that is damaged',
      '{\n"schema": 1,\n"presets": {',
      /presets\.json is not JSON \(line 3\)\. Nothing was changed\.$/,
    ],
    ['that is empty', '', /presets\.json is empty\. Nothing was changed\.$/],
    ['that is a list', '[]', /presets\.json is not a JSON object\. Nothing was changed\.$/],
    [
      'with another kind of presets',
      '{"presets":[1]}',
      /has a "presets" that is not an object\. Nothing was changed\.$/,
    ],
  ] as const) {
    it(`one ${what} is refused in one line and left as it is`, async () => {
      await write(before);
      await assert.rejects(savePreset(root, 'mine', { np_rank: 8 }), (error: unknown) => {
        assert.ok(error instanceof PresetError);
        assert.match(error.message, words);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
      assert.equal(await text(), before);
      assert.deepEqual(await readdir(path.dirname(file)), ['presets.json']);
      const { presets, problem } = await readPresets(root);
      assert.ok(presets.length > 0 && presets.every(({ builtIn }) => builtIn), 'what comes along can be used');
      assert.ok(problem?.startsWith(file));
    });
  }

  it('keeps what it does not know, in the file, in its presets and beside them', async () => {
    const old = { description: 'of ours', since: 3, arguments: { np_rank: 4 } };
    await write(JSON.stringify({ owner: 'x', presets: { old, 'not one': 7 }, later: [1] }));
    assert.equal(await savePreset(root, 'mine', { np_rank: 8 }), null);
    assert.deepEqual(await content(), {
      ...{ schema: 1, owner: 'x', later: [1] },
      presets: { old, 'not one': 7, mine: { description: '', arguments: { np_rank: 8 } } },
    });
    const { presets, problem } = await readPresets(root);
    assert.deepEqual(
      presets.filter(({ builtIn }) => !builtIn).map(({ name }) => name),
      ['old', 'mine'],
    );
    assert.match(problem ?? '', /the preset "not one" has no "arguments"/);
  });

  it('replaces a preset only as it was when that was agreed to, with its description kept', async () => {
    await write('{"schema":1,"presets":{"mine":{"description":"d","arguments":{"seed":1}}}}');
    const agreed = await savePreset(root, 'mine', { seed: 3 });
    assert.deepEqual(JSON.parse(agreed ?? ''), { description: 'd', arguments: { seed: 1 } });
    await write('{"schema":1,"presets":{"mine":{"description":"d","arguments":{"seed":2}}}}');
    const changed = await savePreset(root, 'mine', { seed: 3 }, agreed);
    assert.deepEqual(JSON.parse(changed ?? ''), { description: 'd', arguments: { seed: 2 } });
    assert.equal(await savePreset(root, 'mine', { seed: 3 }, changed), null);
    assert.deepEqual((await content()).presets, { mine: { description: 'd', arguments: { seed: 3 } } });
    assert.equal(await savePreset(root, 'toString', { seed: 3 }), null, 'a name that every object has');
    assert.equal(await savePreset(root, '__proto__', { seed: 3 }), null);
    assert.deepEqual(Object.keys((await content()).presets as object), ['mine', 'toString', '__proto__']);
  });

  it('loses nothing of many windows that save at once', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `preset-${n}`);
    const aliases = await mkdtemp(path.join(tmpdir(), 'npt-presets-aliases-'));
    try {
      // By another name each has a queue of its own, as windows do.
      const windows = names.map((name) => path.join(aliases, name));
      for (const window of windows) await symlink(root, window);
      await Promise.all(windows.map((window, n) => savePreset(window, `preset-${n}`, { seed: n })));
    } finally {
      await rm(aliases, { recursive: true });
    }
    assert.deepEqual(Object.keys((await content()).presets as object).sort(), names.sort());
    assert.deepEqual(await readdir(path.dirname(file)), ['presets.json']);
  });

  it('a link stays one, and who may write the file still may', async () => {
    const shared = path.join(root, 'shared.json');
    await writeFile(shared, '{"schema":1,"presets":{}}');
    await chmod(shared, 0o660);
    await mkdir(path.dirname(file));
    await symlink(shared, file);
    await savePreset(root, 'mine', { seed: 1 });
    assert.deepEqual(Object.keys((JSON.parse(await readFile(shared, 'utf8')) as { presets: object }).presets), [
      'mine',
    ]);
    assert.equal((await stat(shared)).mode & 0o777, 0o660);
    assert.deepEqual(await readdir(path.dirname(file)), ['presets.json']);
  });
});

describe('changing a file that others change', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'npt-change-'));
    file = path.join(folder, 'notes.txt');
  });
  afterEach(() => rm(folder, { recursive: true }));
  const read = (): Promise<string> => readFile(file, 'utf8').catch(() => '');

  it('begins anew where somebody who knows of no lock writes it meanwhile', async () => {
    await writeFile(file, 'a');
    const seen: string[] = [];
    await changeFile(file, async () => {
      const found = await read();
      seen.push(found);
      if (seen.length === 1) await writeFile(file, 'written meanwhile');
      if (seen.length === 2) {
        await writeFile(`${file}.other`, 'put in place meanwhile');
        await rename(`${file}.other`, file);
      }
      return { text: `${found}+` };
    });
    assert.deepEqual(seen, ['a', 'written meanwhile', 'put in place meanwhile']);
    assert.equal(await read(), 'put in place meanwhile+');
    assert.deepEqual(await readdir(folder), ['notes.txt']);
  });

  it('of one whose place another has taken, neither change is lost', async () => {
    let times = 0;
    await changeFile(file, async () => {
      const found = await read();
      if (++times === 1) {
        // As a window does that takes this one for dead: its draft goes, and another is there.
        await rm(`${file}.new`);
        await changeFile(`${folder}/./notes.txt`, async () => ({ text: `${await read()}other` }));
      }
      return { text: `${found}ours` };
    });
    assert.equal(await read(), 'otherours');
    assert.deepEqual(await readdir(folder), ['notes.txt']);
  });

  it('takes nothing of another away when it fails after its place was taken', async () => {
    await assert.rejects(
      changeFile(file, async () => {
        await rm(`${file}.new`);
        await writeFile(`${file}.new`, 'of another');
        throw new Error('failed');
      }),
      /failed/,
    );
    assert.equal(await readFile(`${file}.new`, 'utf8'), 'of another');
  });
});
