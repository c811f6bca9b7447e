import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PacedDisk } from '../../../src/core/experiment/disk';
import { openKeptScan } from '../../../src/core/experiment/keptScan';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { WorkspaceWatcher, type Kept, type WorkspaceChange } from '../../../src/core/experiment/watch';
import { FixtureWorkspace } from './fixtureWorkspace';

describe('the first scan of a window', () => {
  let ws: FixtureWorkspace;
  let watcher: WorkspaceWatcher;
  const list = Object.getOwnPropertyDescriptor(PacedDisk.prototype, 'list')?.value as PacedDisk['list'];

  beforeEach(() => {
    ws = new FixtureWorkspace();
  });
  afterEach(() => {
    PacedDisk.prototype.list = list;
    watcher.dispose();
    ws.remove();
  });

  /** Each look into a run's folder takes so long. */
  function slowDisk(ms: number): void {
    PacedDisk.prototype.list = async function (folder: string) {
      if (path.dirname(folder) === ws.experiments) await new Promise((resolve) => setTimeout(resolve, ms));
      return list.call(this, folder);
    };
  }

  it('shows the runs so far where it takes long, those that changed last first, and says when it is complete', async () => {
    for (const [at, name] of ['old', 'newest', 'middle', 'older'].entries()) {
      ws.run(name);
      ws.checkpoint(name, 50);
      const changed = 1_700_000_000 + [2, 9, 5, 1][at]!;
      fs.utimesSync(path.join(ws.experiments, name), changed, changed);
    }
    slowDisk(200);
    const shown: { names: string[]; complete: boolean }[] = [];
    watcher = new WorkspaceWatcher(ws.root, {
      onDidChange: ({ workspace }: WorkspaceChange) => {
        shown.push({ names: workspace.runs.map(({ name }) => name).sort(), complete: watcher.isComplete });
      },
    });
    assert.ok(!watcher.isComplete);
    await watcher.rescan('folders');
    assert.ok(watcher.isComplete);
    const [first] = shown;
    assert.ok(first !== undefined && !first.complete && first.names.length < 4, JSON.stringify(shown));
    assert.deepEqual(first.names, ['newest', 'middle', 'old', 'older'].slice(0, first.names.length).sort());
    const last = shown.at(-1);
    assert.deepEqual(last, { names: ['middle', 'newest', 'old', 'older'], complete: true });
    assert.deepEqual(watcher.current, await scanWorkspace(ws.root));
  });

  it('takes over what another process kept, and keeps what it finds, unless everything is to be looked at', async () => {
    const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-kept-'));
    try {
      ws.run('run');
      for (let step = 10; step <= 50; step += 10) ws.checkpoint('run', step);
      const newest = fs.statSync(path.join(ws.experiments, 'run', 'checkpoints', 'checkpoint-50')).ctimeMs;
      // What changed within the last seconds is not kept.
      while (Date.now() - newest < 2100) await new Promise((resolve) => setTimeout(resolve, 50));
      const asked: string[] = [];
      const looked: string[] = [];
      let saved: () => void;
      const saving = new Promise<void>((resolve) => (saved = resolve));
      const keep = async (experiments: string): Promise<Kept> => {
        const opened = await openKeptScan(experiments, { cache, fewest: 1 });
        return {
          in: (folder, layout) => {
            const known = opened.in(folder, layout);
            return {
              listing: known?.listing ?? null,
              isNew: false,
              find: (name) => {
                asked.push(name);
                const found = known?.find(name) ?? null;
                if (found === null) looked.push(name);
                return found;
              },
            };
          },
          scanned: () => {
            opened.scanned();
          },
          letGo: () => {
            opened.letGo();
          },
          keep: async (findings) => {
            await opened.keep(findings);
            saved();
          },
        };
      };
      watcher = new WorkspaceWatcher(ws.root, { keep });
      await watcher.rescan('folders');
      assert.equal(looked.length, 5);
      await saving;
      const first = watcher.current;
      watcher.dispose();

      [asked.length, looked.length] = [0, 0];
      watcher = new WorkspaceWatcher(ws.root, { keep });
      await watcher.rescan('folders');
      assert.deepEqual([asked.length, looked.length], [5, 0]);
      assert.deepEqual(watcher.current, first);
      watcher.dispose();

      asked.length = 0;
      watcher = new WorkspaceWatcher(ws.root, { keep });
      await watcher.rescan();
      assert.deepEqual(asked, []);
      assert.deepEqual(watcher.current, first);
    } finally {
      fs.rmSync(cache, { recursive: true, force: true });
    }
  });
});
