import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cacheFolder, install, installed } from '../../../tools/setup/cache.mjs';

const quiet = (): void => undefined;

describe('the cache of tools', () => {
  const before = { own: process.env.NPT_CHECKPOINTS_CACHE, xdg: process.env.XDG_CACHE_HOME };
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'npt-cache-'));
    process.env.NPT_CHECKPOINTS_CACHE = folder;
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
    for (const [name, value] of [
      ['NPT_CHECKPOINTS_CACHE', before.own],
      ['XDG_CACHE_HOME', before.xdg],
    ] as const) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });

  it('is where its variable says, else in the XDG cache folder unless that is relative', () => {
    assert.equal(cacheFolder(), folder);
    process.env.NPT_CHECKPOINTS_CACHE = '';
    process.env.XDG_CACHE_HOME = '/somewhere';
    assert.equal(cacheFolder(), '/somewhere/npt-checkpoints');
    process.env.XDG_CACHE_HOME = 'relative';
    assert.equal(cacheFolder(), path.join(os.homedir(), '.cache/npt-checkpoints'));
  });

  it('makes a tool once and finds it afterwards', async () => {
    let made = 0;
    const make = (into: string): Promise<void> => {
      made += 1;
      writeFileSync(path.join(into, 'tool'), 'ready');
      return Promise.resolve();
    };
    assert.equal(installed('tool', 'k'), undefined);
    const first = await install('tool', 'k', quiet, make);
    assert.equal(await install('tool', 'k', quiet, make), first);
    assert.equal(installed('tool', 'k'), first);
    assert.equal(made, 1);
    assert.notEqual(await install('tool', 'other', quiet, make), first);
  });

  it('throws a half-done installation away and makes it anew', async () => {
    await assert.rejects(
      install('tool', 'k', quiet, (into) => {
        writeFileSync(path.join(into, 'half'), '');
        return Promise.reject(new Error('no network'));
      }),
      /no network/,
    );
    assert.equal(installed('tool', 'k'), undefined);
    const made = await install('tool', 'k', quiet, (into) => {
      writeFileSync(path.join(into, 'whole'), '');
      return Promise.resolve();
    });
    assert.deepEqual(
      readdirSync(made).filter((name) => !name.startsWith('.')),
      ['whole'],
    );
  });

  it('lets two that come at once make it once, and the second waits', async () => {
    let making = 0;
    const waits: string[] = [];
    const make = async (): Promise<void> => {
      making += 1;
      while (waits.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await Promise.all([install('tool', 'k', quiet, make), install('tool', 'k', (line) => waits.push(line), make)]);
    assert.equal(making, 1);
    assert.match(waits[0] ?? '', new RegExp(`waiting for process ${process.pid}`));
    assert.deepEqual(readdirSync(folder), ['tool-k']);
  });

  it('takes over the lock of a process that is gone', async () => {
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'tool-k.lock'), JSON.stringify({ pid: gone, host: os.hostname(), ticks: null }));
    const made = await install('tool', 'k', quiet, () => Promise.resolve());
    assert.ok(existsSync(made));
    assert.deepEqual(readdirSync(folder), ['tool-k']);
  });

  it('does not mistake a process that got the same number for the holder', async () => {
    const lock = path.join(folder, 'tool-k.lock');
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: os.hostname(), ticks: '1' }));
    if (process.platform !== 'linux') return;
    await install('tool', 'k', quiet, () => {
      assert.equal((JSON.parse(readFileSync(lock, 'utf8')) as { ticks: string }).ticks === '1', false);
      return Promise.resolve();
    });
  });
});
