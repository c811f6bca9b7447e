import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { CheckpointState } from '../../../src/core/experiment/model';
import { type Look, ScanContext, scanRunAt, scanRuns } from '../../../src/core/experiment/scan';
import { CountingDisk } from './countingDisk';
import { FixtureWorkspace } from './fixtureWorkspace';

/** More scans than it takes until each run's finished checkpoints were looked at. */
const ROUND = 21;

describe('a scan of everything, again', () => {
  let ws: FixtureWorkspace;
  let context: ScanContext;
  let disk: CountingDisk;
  /** Paths below the experiments folder that the disk was asked about, but for the small files of runs. */
  const asked = (): string[] => disk.asked.map((each) => path.relative(ws.experiments, each));

  const checkpoints = (run: string): string => path.join(ws.experiments, run, 'checkpoints');
  const file = (run: string, step: number, name: string): string =>
    path.join(checkpoints(run), `checkpoint-${step}`, name);
  /** As if nothing had come or gone for an hour. */
  const age = (run: string): void => {
    const old = Date.now() / 1000 - 3600;
    fs.utimesSync(checkpoints(run), old, old);
  };
  const scan = async (look: Look): Promise<Map<string, CheckpointState>> => {
    disk.asked = [];
    const { runs } = await scanRuns(ws.experiments, context, look);
    const states = [...runs.values()].flatMap(({ run }) =>
      (run?.checkpoints ?? []).map((each): [string, CheckpointState] => [
        `${run?.name ?? ''} ${each.step}`,
        each.state,
      ]),
    );
    return new Map(states);
  };
  const inCheckpoints = (): string[] => asked().filter((each) => /checkpoint-\d/.test(each));

  beforeEach(() => {
    ws = new FixtureWorkspace();
    disk = new CountingDisk();
    context = new ScanContext({ disk });
    for (const run of ['a', 'b']) {
      ws.run(run);
      for (let step = 1; step <= 30; step += 1) ws.checkpoint(run, step);
      age(run);
    }
  });
  afterEach(() => {
    ws.remove();
  });

  it('asks nothing of finished checkpoints where none came or went', async () => {
    const first = await scan('everything');
    assert.equal(first.size, 60);
    assert.ok(inCheckpoints().length >= 60);
    assert.deepEqual(await scan('changes'), first);
    assert.deepEqual(inCheckpoints(), []);
    disk.asked = [];
    await scanRunAt(path.join(ws.experiments, 'a'), 'a', context);
    assert.deepEqual(inCheckpoints(), []);
  });

  it('finds what came, went and was put in the place of another', async () => {
    await scan('everything');
    ws.checkpoint('a', 31);
    fs.rmSync(path.join(checkpoints('a'), 'checkpoint-2'), { recursive: true });
    const put = path.join(ws.experiments, 'put');
    fs.cpSync(path.join(checkpoints('a'), 'checkpoint-3'), put, { recursive: true });
    fs.rmSync(path.join(put, 'config.json'));
    fs.rmSync(path.join(checkpoints('a'), 'checkpoint-3'), { recursive: true });
    fs.renameSync(put, path.join(checkpoints('a'), 'checkpoint-3'));
    const states = await scan('changes');
    assert.equal(states.get('a 31'), 'complete');
    assert.equal(states.has('a 2'), false);
    assert.equal(states.get('a 3'), 'broken');
    assert.equal(inCheckpoints().filter((each) => each.startsWith('b')).length, 0);
  });

  it('does not take a folder that may change within the same time of its own for unchanged', async () => {
    // As on a file system that counts in seconds: a checkpoint that came gave the folder no other time.
    const moment = Math.floor(Date.now() / 1000);
    fs.utimesSync(checkpoints('a'), moment, moment);
    await scan('everything');
    ws.checkpoint('a', 31);
    fs.utimesSync(checkpoints('a'), moment, moment);
    assert.equal((await scan('changes')).get('a 31'), 'complete');
  });

  it('takes no folder dated in the future for unchanged', async () => {
    const ahead = Date.now() / 1000 + 86_400;
    fs.utimesSync(checkpoints('a'), ahead, ahead);
    await scan('everything');
    ws.checkpoint('a', 31);
    fs.utimesSync(checkpoints('a'), ahead, ahead);
    assert.equal((await scan('changes')).get('a 31'), 'complete');
  });

  it('looks at the folders when asked, and at every file when asked for everything', async () => {
    await scan('everything');
    fs.rmSync(file('a', 4, 'config.json'));
    fs.truncateSync(file('b', 5, 'npt_weights.pt'), 1);
    let states = await scan('changes');
    assert.deepEqual([states.get('a 4'), states.get('b 5')], ['complete', 'complete']);
    states = await scan('folders');
    assert.deepEqual([states.get('a 4'), states.get('b 5')], ['broken', 'complete']);
    states = await scan('everything');
    assert.deepEqual([states.get('a 4'), states.get('b 5')], ['broken', 'broken']);
  });

  it('looks at every folder within a round, whatever told of it', async () => {
    await scan('everything');
    for (const run of ['a', 'b']) fs.rmSync(file(run, 4, 'config.json'));
    let states = new Map<string, CheckpointState>();
    let most = 0;
    for (let each = 0; each < ROUND; each += 1) {
      states = await scan('changes');
      most = Math.max(most, inCheckpoints().length);
    }
    assert.deepEqual([states.get('a 4'), states.get('b 4')], ['broken', 'broken']);
    // A run's at a time, and what is looked into of the one that changed.
    assert.ok(most < 50, String(most));
  });

  it('looks again at what is not finished each time', async () => {
    fs.rmSync(file('a', 4, 'config.json'));
    assert.equal((await scan('everything')).get('a 4'), 'broken');
    fs.copyFileSync(file('a', 5, 'config.json'), file('a', 4, 'config.json'));
    assert.equal((await scan('changes')).get('a 4'), 'complete');
  });
});
