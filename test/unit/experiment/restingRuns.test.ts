import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import type { Run } from '../../../src/core/experiment/model';
import { ScanContext, scanRuns } from '../../../src/core/experiment/scan';
import { CountingDisk } from './countingDisk';
import { FixtureWorkspace } from './fixtureWorkspace';

/** An hour from now: what was just written is as firm as what is old. */
const now = (): number => Date.now() / 1000 + 3600;

/** More scans than it takes until each run was looked at. */
const ROUND = 21;

describe('runs in which nothing goes on', () => {
  let ws: FixtureWorkspace;
  let context: ScanContext;
  let disk: CountingDisk;
  /** Paths below the experiments folder that the disk was asked about. */
  const asked = (): string[] => disk.asked.map((each) => path.relative(ws.experiments, each));

  /** As a window scans whose folders are all watched. */
  const again = async (): Promise<Run[]> => {
    disk.asked = [];
    const { runs } = await scanRuns(ws.experiments, context, 'changes', () => true);
    return [...runs.values()].flatMap(({ run }) => (run === null ? [] : [run]));
  };
  const fresh = async (): Promise<Run[]> => {
    const { runs } = await scanRuns(ws.experiments, new ScanContext({ now }));
    return [...runs.values()].flatMap(({ run }) => (run === null ? [] : [run]));
  };

  beforeEach(() => {
    ws = new FixtureWorkspace();
    disk = new CountingDisk();
    context = new ScanContext({ disk, now });
    for (const run of ['a', 'b', 'c']) {
      ws.run(run);
      for (const step of [50, 100, 150]) ws.checkpoint(run, step);
      log(run, 150);
    }
  });
  afterEach(() => {
    ws.remove();
  });

  const log = (run: string, step: number): void => {
    ws.metrics(run, [{ event: 'metrics', segment: 1, step, time: 1, metrics: { 'loss/total': 1 + step / 100 } }]);
  };

  it('are taken over as they were, for the price of a few looks', async () => {
    await again();
    const first = await again();
    const second = await again();
    assert.deepEqual(second, await fresh());
    for (const [at, run] of second.entries()) assert.equal(run, first[at]);
    // Its folder, once for its runs inside; its checkpoints'; and what logs it may have.
    assert.deepEqual(
      asked()
        .filter((each) => each.split(path.sep)[0] === 'a')
        .sort(),
      ['a', 'a', 'a/checkpoints', 'a/metrics.jsonl', 'a/training_log.jsonl'],
    );
  });

  it('are looked at where nobody watches them, and once in a round', async () => {
    await again();
    disk.asked = [];
    await scanRuns(ws.experiments, context, 'changes', () => false);
    assert.ok(asked().includes(path.join('a', 'config.json')));
    const looked = new Set<string>();
    for (let each = 0; each < ROUND; each += 1) {
      await again();
      for (const run of ['a', 'b', 'c']) if (asked().includes(path.join(run, 'config.json'))) looked.add(run);
    }
    assert.deepEqual([...looked].sort(), ['a', 'b', 'c']);
  });

  it('are not all looked at in the same scan, also after one that looked at all of them', async () => {
    await again();
    await scanRuns(ws.experiments, context, 'folders', () => true);
    const scans: string[][] = [];
    for (let each = 0; each < 2 * ROUND; each += 1) {
      await again();
      scans.push(['a', 'b', 'c'].filter((run) => asked().includes(path.join(run, 'config.json'))));
    }
    assert.deepEqual([...new Set(scans.flat())].sort(), ['a', 'b', 'c']);
    assert.ok(
      scans.every((runs) => runs.length <= 1),
      JSON.stringify(scans),
    );
  });

  it('are looked at after something told that they changed', async () => {
    await again();
    // Written in place: the folder's time stays, and only an event tells.
    fs.writeFileSync(path.join(ws.experiments, 'a', 'config.json'), JSON.stringify({ max_steps: 999 }));
    assert.equal((await again()).find(({ name }) => name === 'a')?.maxSteps, 300);
    context.disturb(path.join(ws.experiments, 'a'));
    assert.equal((await again()).find(({ name }) => name === 'a')?.maxSteps, 999);
  });

  it('are found as a fresh scan finds them, whatever happened in them', async () => {
    const run = fc.constantFrom('a', 'b', 'c');
    const step = fc.constantFrom(50, 100, 150, 200, 250);
    const happening = fc.oneof(
      fc.tuple(fc.constant('logs' as const), run, step),
      fc.tuple(fc.constant('saves' as const), run, step),
      fc.tuple(fc.constant('loses' as const), run, step),
      fc.tuple(fc.constant('ends' as const), run, step),
      fc.tuple(fc.constant('pins' as const), run, step),
      fc.tuple(fc.constant('is noted' as const), run, step),
      fc.tuple(fc.constant('is best' as const), run, step),
      fc.tuple(fc.constant('moves' as const), run, step),
      fc.tuple(fc.constant('breaks' as const), run, step),
      fc.tuple(fc.constant('nothing' as const), run, step),
    );
    const happens = ([what, name, at]: readonly [string, string, number]): void => {
      const folder = path.join(ws.experiments, name);
      const checkpoint = path.join(folder, 'checkpoints', `checkpoint-${at}`);
      if (!fs.existsSync(folder)) {
        if (what === 'moves') ws.run(name);
        return;
      }
      if (what === 'logs') log(name, at);
      else if (what === 'saves' && !fs.existsSync(checkpoint)) ws.checkpoint(name, at);
      else if (what === 'loses') fs.rmSync(checkpoint, { recursive: true, force: true });
      else if (what === 'ends')
        ws.write(`${name}/exit.json`, { ...EXIT, step: at, why: at % 100 === 0 ? 'stopped' : 'failed' });
      else if (what === 'pins') ws.write(`${name}/pins.json`, { schema: 1, checkpoints: [`checkpoint-${at}`] });
      else if (what === 'is noted') {
        const notes = path.join(folder, 'notes.md');
        fs.writeFileSync(`${notes}.new`, `---\ntags: [t${at}]\n---\n`);
        fs.renameSync(`${notes}.new`, notes);
      } else if (what === 'is best')
        ws.write(`${name}/checkpoints/best.json`, { schema: 1, checkpoint: `checkpoint-${at}`, step: at });
      else if (what === 'moves') fs.renameSync(folder, path.join(ws.experiments, `${name}-moved-${(moved += 1)}`));
      else if (what === 'breaks' && fs.existsSync(checkpoint)) {
        fs.rmSync(path.join(checkpoint, 'config.json'), { force: true });
        // As the time of a folder of checkpoints that it was put back into.
        fs.renameSync(checkpoint, `${checkpoint}.aside`);
        fs.renameSync(`${checkpoint}.aside`, checkpoint);
      }
    };
    let moved = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(happening, { maxLength: 3 }), { minLength: 1, maxLength: 6 }),
        async (rounds) => {
          for (const round of rounds) {
            for (const each of round) happens(each);
            assert.deepEqual(byName(await again()), byName(await fresh()));
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

const EXIT = { schema: 1, why: 'stopped', step: 100, segment: 1, signal: null, error: null, time: 5 };

const byName = (runs: readonly Run[]): Run[] => [...runs].sort((a, b) => (a.name < b.name ? -1 : 1));
