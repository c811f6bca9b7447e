import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { firstToTell } from '../../../src/core/experiment/toldOnce';

describe('what only one window tells of', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'npt-told-'));
    file = path.join(folder, 'storage', 'told.json');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is told by the first that asks, and never again', async () => {
    assert.deepEqual(await firstToTell(file, ['a', 'b']), ['a', 'b']);
    assert.deepEqual(await firstToTell(file, ['b', 'c']), ['c']);
    assert.deepEqual(await firstToTell(file, ['a', 'b', 'c']), []);
  });

  it('is told once by windows that ask at the same time', async () => {
    await firstToTell(file, []);
    // By another name each has a queue of its own, as windows do.
    const windows = Array.from({ length: 5 }, (_, index) => path.join(folder, `window-${index}`));
    await Promise.all(windows.map((window) => symlink(path.dirname(file), window)));
    const answers = await Promise.all(windows.map((window) => firstToTell(path.join(window, 'told.json'), ['a', 'b'])));
    assert.deepEqual(answers.flat().sort(), ['a', 'b']);
  });

  it('is told, rather than kept quiet, where it cannot be written down or what is there is damaged', async () => {
    await firstToTell(file, ['a']);
    await writeFile(file, 'half');
    assert.deepEqual(await firstToTell(file, ['a']), ['a']);
    assert.deepEqual(await firstToTell(path.join(file, 'under-a-file.json'), ['a']), ['a']);
    if (process.getuid?.() === 0) return; // root may write everywhere
    await chmod(path.dirname(file), 0o500);
    assert.deepEqual(await firstToTell(file, ['z']), ['z']);
    await chmod(path.dirname(file), 0o700);
  });
});
