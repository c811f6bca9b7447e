import assert from 'node:assert/strict';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import type { FolderWatches } from '../../../src/core/experiment/folderWatches';
import type { Run } from '../../../src/core/experiment/model';
import { WorkspaceWatcher, type WatchOptions, type WorkspaceChange } from '../../../src/core/experiment/watch';
import { procStat, thisHost } from '../../../src/core/thisHost';
import { FixtureWorkspace, metricsLine } from './fixtureWorkspace';

describe('watching a workspace', () => {
  let ws: FixtureWorkspace;
  let watcher: WorkspaceWatcher | undefined;
  let changes: WorkspaceChange[];
  let wake: () => void;

  beforeEach(() => {
    ws = new FixtureWorkspace();
    changes = [];
    wake = () => undefined;
  });
  afterEach(() => {
    watcher?.dispose();
    watcher = undefined;
    ws.remove();
  });

  async function start(options: WatchOptions = {}): Promise<WorkspaceWatcher> {
    watcher = new WorkspaceWatcher(ws.root, {
      ...options,
      onDidChange: (change) => {
        changes.push(change);
        wake();
      },
    });
    await watcher.rescan();
    return watcher;
  }

  const runOf = (name: string): Run | undefined => watcher?.current.runs.find((run) => run.name === name);

  /**
   * Resolves with the milliseconds until the model says so; rejects shortly before the scan that would find it without any
   * watch (30 s).
   */
  async function until(condition: () => boolean, within = 20_000): Promise<number> {
    const from = performance.now();
    while (!condition()) {
      const left = within - (performance.now() - from);
      if (left <= 0)
        assert.fail(`not within ${within} ms; runs: ${JSON.stringify(watcher?.current.runs.map((r) => r.name))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return performance.now() - from;
  }

  /** A busy machine may take longer than a limit by itself: one of several attempts is proof enough. */
  async function soon(limitMs: number, attempt: () => Promise<number>): Promise<void> {
    const took: number[] = [];
    while (took.length < 10 && !took.some((ms) => ms < limitMs)) took.push(await attempt());
    assert.ok(Math.min(...took) < limitMs, `${took.join(', ')} ms`);
  }

  /** Lets the scan that follows new watches pass: events are what these tests are about. */
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));

  it('has a new checkpoint within a second of its rename, and says which run changed', async () => {
    ws.run('a');
    ws.checkpoint('a', 50);
    ws.run('b');
    await start();
    assert.equal(watcher?.degraded, null);
    await settled();
    changes.length = 0;
    const other = runOf('b');
    let step = 50;
    await soon(1000, () => {
      ws.checkpoint('a', (step += 50));
      return until(() => runOf('a')?.checkpoints.length === step / 50);
    });
    assert.equal(runOf('a')?.checkpoints[1]?.state, 'complete');
    assert.deepEqual(changes.at(-1)?.changedRuns, [path.join(ws.experiments, 'a')]);
    assert.equal(runOf('b'), other, 'what did not change is the same object');
  });

  it('sees checkpoints and runs go', async () => {
    ws.run('a');
    const gone = ws.checkpoint('a', 50);
    ws.run('b');
    await start();
    await settled();
    fs.rmSync(gone, { recursive: true });
    await until(() => runOf('a')?.checkpoints.length === 0);
    fs.rmSync(path.join(ws.experiments, 'b'), { recursive: true });
    await until(() => runOf('b') === undefined);
    assert.ok(changes.at(-1)?.changedRuns.includes(path.join(ws.experiments, 'b')));
  });

  it('sees a checkpoint go that came between the look into its folder and the watch on it', async () => {
    ws.run('a');
    const folder = path.dirname(ws.checkpoint('a', 50));
    const { watch } = fs;
    let came: string | undefined;
    fs.watch = ((target: string, ...rest: unknown[]) => {
      if (target === folder) came ??= ws.checkpoint('a', 60);
      return (watch as (...all: unknown[]) => fs.FSWatcher)(target, ...rest);
    }) as typeof fs.watch;
    syncBuiltinESMExports();
    try {
      await start();
      await until(() => runOf('a')?.checkpoints.length === 2);
    } finally {
      fs.watch = watch;
      syncBuiltinESMExports();
    }
    await settled();
    assert.ok(came);
    fs.rmSync(came, { recursive: true });
    await until(() => runOf('a')?.checkpoints.length === 1);
  });

  it('sees a new run, its checkpoints, pins and the end of its process', async () => {
    ws.run('a');
    await start();
    await settled();
    ws.run('late');
    await until(() => runOf('late') !== undefined);
    ws.checkpoint('late', 50);
    await until(() => runOf('late')?.checkpoints.length === 1);
    ws.write('late/pins.json', { schema: 1, checkpoints: ['checkpoint-50'] });
    await until(() => runOf('late')?.checkpoints[0]?.pinned === true);
    // As editors save: in place, which gives the folder no other time.
    fs.writeFileSync(path.join(ws.experiments, 'late/notes.md'), '---\ntags: [keep]\n---\nGood');
    await until(() => runOf('late')?.notes?.tags[0] === 'keep');
    fs.writeFileSync(path.join(ws.experiments, 'late/notes.md'), 'Better');
    await until(() => runOf('late')?.notes?.summary === 'Better');
    ws.write('late/exit.json', { schema: 1, why: 'failed', step: 50, segment: 1, signal: null, error: 'x', time: 1 });
    await until(() => runOf('late')?.state === 'failed');
  });

  it('follows an experiments folder that comes, goes and comes again', async () => {
    await start();
    assert.deepEqual(watcher?.current.runs, []);
    ws.run('a');
    await until(() => runOf('a') !== undefined);
    fs.rmSync(ws.experiments, { recursive: true });
    await until(() => runOf('a') === undefined);
    ws.run('b');
    await until(() => runOf('b') !== undefined);
    await settled();
    ws.checkpoint('b', 50);
    await until(() => runOf('b')?.checkpoints.length === 1);
  });

  it('keeps the step of a training run live, though nothing watches its metrics', async () => {
    ws.run('a');
    ws.write('a/process.json', {
      schema: 1,
      host: thisHost().name,
      boot_id: thisHost().bootId,
      pid: process.pid,
      started: 1,
      start_ticks: procStat(process.pid)?.startTicks,
      launcher: 'local',
      job: null,
      segment: 1,
    });
    ws.metrics('a', [metricsLine(10, 1)]);
    await start();
    assert.equal(runOf('a')?.state, 'training');
    ws.metrics('a', [metricsLine(20, 0.5)]);
    await until(() => runOf('a')?.step === 20);
    assert.equal(runOf('a')?.loss, 0.5);
  });

  it('sees nested sequential runs get checkpoints', async () => {
    ws.write('seq/layer_14_x/checkpoints/checkpoint-5/npt_weights.pt', 'x');
    await start();
    await settled();
    ws.write('seq/layer_14_x/checkpoints/checkpoint-6/npt_weights.pt', 'x');
    await until(() => runOf('seq/layer_14_x')?.checkpoints.length === 2);
  });

  it('sees a branch that is started beside one run a layer', async () => {
    ws.write('seq/layer_14_x/checkpoints/checkpoint-5/npt_weights.pt', 'x');
    await start();
    await settled();
    ws.write('seq/mine/run.json', '{"schema":1,"id":"m","created":1,"argv":[],"cwd":"","git":null,"trainer":"npt"}');
    await until(() => runOf('seq/mine') !== undefined, 20_000);
  });

  it('follows an experiments folder that is a link', async () => {
    fs.mkdirSync(path.join(ws.root, 'big-disk'));
    fs.symlinkSync(path.join(ws.root, 'big-disk'), ws.experiments);
    ws.run('a');
    await start();
    await settled();
    let count = 0;
    await soon(1000, () => {
      ws.checkpoint('a', ++count * 50);
      return until(() => runOf('a')?.checkpoints.length === count);
    });
  });

  it('says that a folder named by a setting does not exist, until it does', async () => {
    const found = await start({ experimentsFolder: 'elsewhere', mustExist: 'npt.experimentsFolder' });
    assert.deepEqual(
      found.current.problems.map((problem) => problem.message),
      ['does not exist: the setting npt.experimentsFolder names it'],
    );
    fs.mkdirSync(path.join(ws.root, 'elsewhere'));
    await until(() => found.current.problems.length === 0);
  });

  it('says that a file stands where the folder of the runs belongs', async () => {
    fs.writeFileSync(path.join(ws.root, 'runs.txt'), '');
    const found = await start({ experimentsFolder: 'runs.txt' });
    assert.match(found.current.problems[0]?.message ?? '', /^is a file/);
  });

  it('without watches it scans, and says so', async () => {
    ws.run('a');
    await start({ scanOnly: true });
    assert.match(watcher?.degraded ?? '', /Watching is off: changes are found by scanning every 5 s\./);
    ws.checkpoint('a', 50);
    await watcher?.rescan();
    assert.equal(runOf('a')?.checkpoints.length, 1);
  });

  it('a system without watches left is said, and scanning goes on', async () => {
    ws.run('a');
    await start();
    await settled();
    // Exactly what happens when inotify_add_watch fails.
    const watches = Reflect.get(watcher!, 'watcher') as FolderWatches;
    watches.emit('error', Object.assign(new Error('System limit reached'), { code: 'ENOSPC' }));
    await until(() => changes.length > 0 && watcher?.degraded !== null);
    assert.match(watcher?.degraded ?? '', /no file watches left .*scanning every 5 s/);
    assert.ok(watches.closed);
    ws.checkpoint('a', 50);
    await watcher?.rescan('folders');
    assert.equal(runOf('a')?.checkpoints.length, 1);
    assert.notEqual(watcher?.degraded, null, 'it stays so');
    // Refresh asks the system again.
    await watcher?.rescan();
    assert.equal(watcher?.degraded, null);
  });

  it('an experiments folder that is replaced at once is watched again', async () => {
    ws.run('a');
    await start();
    await settled();
    fs.rmSync(ws.experiments, { recursive: true });
    ws.run('b');
    await until(() => runOf('b') !== undefined && runOf('a') === undefined);
    await settled();
    let count = 0;
    await soon(1500, () => {
      ws.checkpoint('b', ++count * 50);
      return until(() => runOf('b')?.checkpoints.length === count);
    });
  });

  it('watches little: run folders and names in checkpoints, not what is inside', async () => {
    for (let r = 0; r < 10; r++) {
      ws.run(`r${r}`);
      for (let c = 1; c <= 5; c++) ws.checkpoint(`r${r}`, c * 10);
    }
    await start();
    await settled();
    const watches = ownInotifyWatches();
    if (watches !== null) assert.ok(watches <= 10 * 4 + 10, `${watches} watches for 10 runs of 5 checkpoints`);
  });

  it('rescans that are asked for at once are one running and one queued', async () => {
    ws.run('a');
    await start();
    ws.checkpoint('a', 50);
    await Promise.all(Array.from({ length: 20 }, async () => watcher?.rescan()));
    assert.equal(runOf('a')?.checkpoints.length, 1);
  });

  it('says nothing after dispose', async () => {
    ws.run('a');
    await start();
    await settled();
    const said = changes.length;
    watcher?.dispose();
    ws.checkpoint('a', 50);
    await settled();
    assert.equal(changes.length, said);
  });
});

/** inotify watches that this process holds, from /proc (one `inotify wd:` line each); null where there is no /proc. */
function ownInotifyWatches(): number | null {
  if (process.platform !== 'linux') return null;
  let watches = 0;
  for (const fd of fs.readdirSync('/proc/self/fdinfo')) {
    try {
      watches += fs
        .readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('inotify')).length;
    } catch {
      // Closed meanwhile.
    }
  }
  return watches;
}
