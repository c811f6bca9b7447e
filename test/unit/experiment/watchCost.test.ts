import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { PacedDisk } from '../../../src/core/experiment/disk';
import { ScanContext, scanRunAt, scanRuns } from '../../../src/core/experiment/scan';
import { WorkspaceWatcher } from '../../../src/core/experiment/watch';
import { meaningOf, type KnownRuns } from '../../../src/core/experiment/watchScope';
import { CountingDisk } from './countingDisk';
import { FixtureWorkspace } from './fixtureWorkspace';

describe('what a name in a watched folder means', () => {
  const known: KnownRuns = {
    isRun: (each) => /\/(a|seq\/layer_1)$/.test(each),
    holdsRuns: (each) => each === '/e/seq',
  };
  const kindOf = (folder: string, name: string | null, written = false): string => {
    const meaning = meaningOf('/e', folder, name, written, known);
    return meaning === null ? 'nothing' : meaning.kind === 'all' ? 'all' : `${meaning.kind} ${meaning.path}`;
  };

  const cases: [folder: string, name: string | null, written: boolean, meaning: string][] = [
    ['/e', 'new', false, 'place /e/new'],
    ['/e', '.hidden', false, 'nothing'],
    ['/e', 'notes.txt', true, 'nothing'],
    ['/e', null, false, 'all'],
    ['/e/a', 'run.json', true, 'run /e/a'],
    ['/e/a', 'pins.json', false, 'run /e/a'],
    ['/e/a', 'checkpoints', false, 'run /e/a'],
    ['/e/a', 'metrics.jsonl', false, 'run /e/a'],
    ['/e/a', 'metrics.jsonl', true, 'nothing'],
    ['/e/a', 'train.log', true, 'nothing'],
    ['/e/a', 'scratch', false, 'nothing'],
    ['/e/a/checkpoints', 'checkpoint-5', false, 'run /e/a'],
    ['/e/a/checkpoints', '.tmp-checkpoint-5-host-7', false, 'run /e/a'],
    ['/e/a/checkpoints', 'best.json', true, 'run /e/a'],
    ['/e/a/checkpoints', 'other', false, 'nothing'],
    ['/e/data', '00001.txt', false, 'nothing'],
    ['/e/data', 'run.json', false, 'place /e/data'],
    ['/e/data', 'layer_3', false, 'place /e/data/layer_3'],
    ['/e/data/checkpoints', 'checkpoint-5', false, 'place /e/data'],
    ['/e/seq', 'mine', false, 'place /e/seq/mine'],
    ['/e/seq/layer_1', 'exit.json', false, 'run /e/seq/layer_1'],
    ['/e/seq/layer_1', 'layer_2', false, 'nothing'],
    ['/e/seq/layer_1/checkpoints', 'final', false, 'run /e/seq/layer_1'],
  ];
  for (const [folder, name, written, meaning] of cases) {
    it(`${folder}: ${name ?? 'something'}${written ? ' written' : ''} is ${meaning}`, () => {
      assert.equal(kindOf(folder, name, written), meaning);
    });
  }
});

describe('the cost of watching', () => {
  let ws: FixtureWorkspace;
  let watcher: WorkspaceWatcher;
  /** Paths of folders that were listed. */
  let listed: string[];
  let segments = 0;
  const list = Object.getOwnPropertyDescriptor(PacedDisk.prototype, 'list')?.value as PacedDisk['list'];

  beforeEach(async () => {
    ws = new FixtureWorkspace();
    ws.run('a');
    ws.checkpoint('a', 50);
    fs.mkdirSync(path.join(ws.experiments, 'data'));
    listed = [];
    PacedDisk.prototype.list = function (folder: string) {
      listed.push(path.relative(ws.experiments, folder));
      return list.call(this, folder);
    };
    watcher = new WorkspaceWatcher(ws.root);
    await watcher.rescan();
    await seen('a');
    listed = [];
  });

  afterEach(() => {
    PacedDisk.prototype.list = list;
    watcher.dispose();
    ws.remove();
  });

  /** Resolves when the scan that follows new watches is over, or an event about that run came through. */
  async function seen(run: string): Promise<void> {
    const last = segments;
    for (;;) {
      segments += 1;
      const segment = segments;
      ws.write(`${run}/exit.json`, { schema: 1, why: 'stopped', step: 5, segment, signal: null, error: null, time: 1 });
      const deadline = performance.now() + 400;
      while (performance.now() < deadline) {
        if (watcher.current.runs.find((each) => each.name === run)?.exit?.segment === segment) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.ok(segments < last + 50, 'the watcher says nothing');
    }
  }

  it('is nothing for files that come beside the runs, and in folders that are no runs', async () => {
    for (let file = 0; file < 200; file += 1) {
      fs.writeFileSync(path.join(ws.experiments, `beside-${file}`), '');
      fs.writeFileSync(path.join(ws.experiments, 'data', `${file}.txt`), '');
    }
    // Events come in order: when this one was taken, those before it were.
    await seen('a');
    assert.deepEqual(
      listed.filter((folder) => folder === '' || folder === 'data'),
      [],
    );
    assert.equal(watcher.current.runs.length, 1);
  });

  it('of a folder that becomes a run is that folder', async () => {
    ws.run('data');
    await seen('data');
    assert.deepEqual(
      listed.filter((folder) => folder === ''),
      [],
    );
    fs.rmSync(path.join(ws.experiments, 'data'), { recursive: true });
    while (watcher.current.runs.some((each) => each.name === 'data')) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(
      listed.filter((folder) => folder === ''),
      [],
    );
  });

  it('of a checkpoint more is its run', async () => {
    ws.run('b');
    await seen('b');
    // What follows the new run's watches is over when two events after it came through.
    await seen('a');
    await seen('a');
    listed = [];
    ws.checkpoint('a', 100);
    while (watcher.current.runs.find((each) => each.name === 'a')?.checkpoints.length !== 2) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual([...new Set(listed.map((folder) => folder.split(path.sep)[0]))], ['a']);
  });

  it('finds what comes into a folder that is no run, after any number of scans that trust its watch', async () => {
    await watcher.rescan();
    ws.write('data/run.json', { schema: 1, id: 'd', created: 1, argv: [], cwd: '', git: null, trainer: 'npt' });
    await seen('data');
    assert.equal(watcher.current.runs.length, 2);
  });
});

describe('the cost of scanning a run again', () => {
  it('is no look into its finished checkpoints, until everything is scanned or one of them changes', async () => {
    const ws = new FixtureWorkspace();
    const disk = new CountingDisk();
    const looked = (): string[] => disk.lookedInto.splice(0).map((each) => path.basename(each));
    try {
      ws.run('a');
      for (let step = 1; step <= 50; step += 1) ws.checkpoint('a', step);
      const context = new ScanContext({ disk });
      const run = path.join(ws.experiments, 'a');
      await scanRunAt(run, 'a', context);
      assert.equal(looked().length, 50);
      ws.checkpoint('a', 51);
      fs.rmSync(path.join(run, 'checkpoints', 'checkpoint-7', 'config.json'));
      const scanned = await scanRunAt(run, 'a', context);
      assert.deepEqual(looked().sort(), ['checkpoint-51', 'checkpoint-7']);
      assert.deepEqual(
        scanned.run?.checkpoints.filter((each) => each.state !== 'complete').map((each) => each.name),
        ['checkpoint-7'],
      );
      await scanRuns(ws.experiments, context);
      assert.equal(looked().length, 51);
    } finally {
      ws.remove();
    }
  });
});
