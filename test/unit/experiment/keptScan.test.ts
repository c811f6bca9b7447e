import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { allCheckpoints } from '../../../src/core/experiment/checkpoints';
import { openKeptScan } from '../../../src/core/experiment/keptScan';
import type { Run, Workspace } from '../../../src/core/experiment/model';
import { ScanContext, scanRunAt, scanRuns, scanWorkspace } from '../../../src/core/experiment/scan';
import { MOST_KEPT_LOOKS } from '../../../src/core/experiment/scanContext';
import { scanKeptWorkspace } from '../../../src/core/experiment/scanKept';
import { CountingDisk } from './countingDisk';
import { isSameState } from '../../../src/core/experiment/checkpointContent';
import { FixtureWorkspace } from './fixtureWorkspace';

/** An hour from now: what was just written is as firm as what is old. */
const now = (): number => Date.now() / 1000 + 3600;

const RUNS = ['a', 'b', 'c'];
const STEPS = [50, 100, 150];
/** More scans than it takes until each run was looked at. */
const ROUND = 21;

describe('what scans keep for the next process', () => {
  let ws: FixtureWorkspace;
  let cache: string;

  const inRun = (run: string, ...names: string[]): string => path.join(ws.experiments, run, ...names);
  const checkpointAt = (run: string, step: number): string => inRun(run, 'checkpoints', `checkpoint-${step}`);
  const fresh = (): Promise<Workspace> => scanWorkspace(ws.root, { context: new ScanContext({ now }) });
  const kept = (root = ws.root): Promise<Workspace> => scanKeptWorkspace(root, {}, { cache, fewest: 0, now });
  /** What a window shows: what was kept, and then what has changed unseen inside of checkpoints. */
  async function windowShows(): Promise<Run[]> {
    const context = new ScanContext({ now, kept: await openKeptScan(ws.experiments, { cache, fewest: 0 }) });
    const { runs } = await scanRuns(ws.experiments, context, 'changes');
    for (const [folder, states] of context.takeTrusted()) {
      const isTrue = [...states].every(([name, state]) => {
        const stats = fs.statSync(path.join(folder, name), { throwIfNoEntry: false });
        return stats !== undefined && isSameState(stats, state);
      });
      if (isTrue) continue;
      context.distrust(folder);
      const run = path.dirname(folder);
      runs.set(run, await scanRunAt(run, path.basename(run), context));
    }
    return runsOf({ runs });
  }
  const runsOf = ({ runs }: Pick<Awaited<ReturnType<typeof scanRuns>>, 'runs'>): Run[] =>
    [...runs.values()].flatMap(({ run }) => run ?? []).sort((a, b) => (a.path < b.path ? -1 : 1));
  const files = (): string[] =>
    (fs.existsSync(cache) ? fs.readdirSync(cache) : []).map((each) => path.join(cache, each));

  /** A scan as a new process makes it, and the checkpoints that it looked into. */
  async function lookedInto(look: 'folders' | 'everything' = 'folders'): Promise<string[]> {
    const disk = new CountingDisk();
    const opened = await openKeptScan(ws.experiments, { cache, fewest: 0 });
    await scanRuns(ws.experiments, new ScanContext({ disk, now, kept: opened }), look);
    return disk.lookedInto.map((each) => path.relative(ws.experiments, each)).sort();
  }

  function makeRuns(): void {
    fs.rmSync(ws.experiments, { recursive: true, force: true });
    for (const run of RUNS) {
      ws.run(run);
      for (const step of STEPS) dateBack(ws.checkpoint(run, step));
    }
    untilTimeGoesOn();
  }

  /** As archives and rsync leave a folder: with a time that is not the system's own. */
  function dateBack(folder: string): void {
    fs.utimesSync(folder, 1_700_000_000, 1_700_000_000);
  }

  /** Until the disk gives what changes another time than what changed so far. */
  function untilTimeGoesOn(): void {
    const probe = path.join(ws.root, 'probe');
    const timeNow = (): number => {
      fs.writeFileSync(probe, '');
      return fs.statSync(probe).ctimeMs;
    };
    const before = timeNow();
    while (timeNow() === before);
  }

  beforeEach(() => {
    ws = new FixtureWorkspace();
    cache = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-kept-'));
    makeRuns();
  });
  afterEach(() => {
    ws.remove();
    fs.rmSync(cache, { recursive: true, force: true });
  });

  it('spares a look into each checkpoint in whose folder nothing happened', async () => {
    const first = await kept();
    assert.deepEqual(await lookedInto(), []);
    fs.rmSync(path.join(checkpointAt('a', 100), 'config.json'));
    ws.checkpoint('b', 200);
    assert.deepEqual(await lookedInto(), [
      path.join('a', 'checkpoints', 'checkpoint-100'),
      path.join('b', 'checkpoints', 'checkpoint-200'),
    ]);
    const then = await kept();
    assert.deepEqual(then, await fresh());
    assert.notDeepEqual(then, first);
  });

  it('gives a window its first model without a look at any checkpoint where nothing came or went', async () => {
    fs.rmSync(path.join(checkpointAt('a', 150), 'npt_weights.pt'));
    fs.mkdirSync(inRun('b', 'checkpoints', '.tmp-checkpoint-200-host-1'));
    await kept();
    ws.checkpoint('c', 200);
    const disk = new CountingDisk();
    const context = new ScanContext({ disk, now, kept: await openKeptScan(ws.experiments, { cache, fewest: 0 }) });
    const found = runsOf(await scanRuns(ws.experiments, context, 'changes'));
    assert.deepEqual(found, runsOf(await scanRuns(ws.experiments, new ScanContext({ now }))));
    // The broken one was not kept, and in one folder something came.
    assert.deepEqual(disk.lookedInto.map((each) => path.relative(ws.experiments, each)).sort(), [
      path.join('a', 'checkpoints', 'checkpoint-150'),
      path.join('c', 'checkpoints', 'checkpoint-200'),
    ]);
    assert.deepEqual(
      [...context.takeTrusted()].map(([folder, states]) => [
        path.relative(ws.experiments, folder),
        [...states.keys()].sort(),
      ]),
      [
        [path.join('a', 'checkpoints'), ['checkpoint-100', 'checkpoint-50']],
        [path.join('b', 'checkpoints'), ['checkpoint-100', 'checkpoint-150', 'checkpoint-50']],
      ],
    );
    assert.ok(!context.trustsKept);
  });

  it('is not asked where everything is to be looked at', async () => {
    await kept();
    assert.equal((await lookedInto('everything')).length, RUNS.length * STEPS.length);
  });

  it('is looked at in a window, too, when a run has its turn: a file cut off in place is found then', async () => {
    await kept();
    const opened = await openKeptScan(ws.experiments, { cache, fewest: 0 });
    const context = new ScanContext({ now, kept: opened });
    fs.truncateSync(path.join(checkpointAt('b', 100), 'npt_weights.pt'), 3);
    const stateOf = (runs: Awaited<ReturnType<typeof scanRuns>>['runs']): unknown =>
      runs.get(inRun('b'))?.run?.checkpoints.find(({ step }) => step === 100)?.state;
    assert.equal(stateOf((await scanRuns(ws.experiments, context, 'folders')).runs), 'complete');
    let found: unknown = 'complete';
    let scans = 0;
    for (; scans < ROUND && found === 'complete'; scans += 1)
      found = stateOf((await scanRuns(ws.experiments, context, 'changes', () => true)).runs);
    assert.equal(found, 'broken');
    // Nor is it kept any longer, however recently that was done.
    await opened.keep(context);
    assert.deepEqual(await kept(), await fresh());
  });

  it('is looked at in a window a few at a time, and each once: opening costs little, and so does what comes after', async () => {
    ws.run('many');
    for (let step = 1; step <= MOST_KEPT_LOOKS; step += 1) ws.checkpoint('many', step);
    await kept();
    const disk = new CountingDisk();
    const opened = await openKeptScan(ws.experiments, { cache, fewest: 0 });
    const context = new ScanContext({ disk, now, kept: opened });
    await scanRuns(ws.experiments, context, 'folders');
    assert.deepEqual(disk.lookedInto, []);
    const looks: number[] = [];
    for (let scan = 0; scan < 2 * ROUND; scan += 1) {
      disk.lookedInto = [];
      await scanRuns(ws.experiments, context, 'changes', () => true);
      looks.push(disk.lookedInto.length);
    }
    assert.ok(Math.max(...looks) <= MOST_KEPT_LOOKS, looks.join(' '));
    assert.equal(
      looks.reduce((sum, each) => sum + each, 0),
      MOST_KEPT_LOOKS + RUNS.length * STEPS.length,
    );
  });

  it('gives the same answers as looking does, whatever changed and however the file was damaged', async () => {
    const run = fc.constantFrom(...RUNS);
    const step = fc.constantFrom(50, 100, 150, 200);
    const happening = fc.record({
      what: fc.constantFrom(
        ...([
          'saves',
          'goes',
          'loses a file',
          'gets a file',
          'gets another file of the name',
          'is put back as it was',
        ] as const),
        ...(['takes the name of another', 'changes places', 'is dated back', 'is pinned', 'is best', 'logs'] as const),
        ...([
          'run is renamed',
          'runs change places',
          'run is restored',
          'is being written',
          'is a link',
          'has no right',
        ] as const),
      ),
      run,
      step,
      other: step,
    });
    const damage = fc.oneof(
      { weight: 8, arbitrary: fc.constant({ kind: 'none' } as const) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('cut off' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('flipped' as const),
          at: fc.double({ min: 0, max: 1, noNaN: true }),
          bit: fc.nat(7),
        }),
      },
      { weight: 1, arbitrary: fc.constant({ kind: 'of another version' } as const) },
      { weight: 1, arbitrary: fc.constant({ kind: 'gone' } as const) },
      { weight: 1, arbitrary: fc.constant({ kind: 'a folder' } as const) },
      { weight: 1, arbitrary: fc.constant({ kind: 'an older one' } as const) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('anything' as const), bytes: fc.uint8Array({ maxLength: 200 }) }),
      },
    );
    let older: Buffer | undefined;
    const spoil = (how: typeof damage extends fc.Arbitrary<infer T> ? T : never): void => {
      for (const file of files()) {
        const bytes = fs.statSync(file).isFile() ? fs.readFileSync(file) : Buffer.alloc(0);
        const put = (content: Uint8Array): void => {
          fs.rmSync(file, { recursive: true, force: true });
          fs.writeFileSync(file, content);
        };
        if (how.kind === 'cut off') put(bytes.subarray(0, Math.floor(how.at * bytes.length)));
        else if (how.kind === 'flipped' && bytes.length > 0) {
          const at = Math.min(bytes.length - 1, Math.floor(how.at * bytes.length));
          bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << how.bit), at);
          put(bytes);
        } else if (how.kind === 'of another version') put(checked(uncheck(bytes).replace('npt-scan 2', 'npt-scan 1')));
        else if (how.kind === 'gone') fs.rmSync(file, { recursive: true, force: true });
        else if (how.kind === 'a folder') {
          fs.rmSync(file, { recursive: true, force: true });
          fs.mkdirSync(file);
        } else if (how.kind === 'anything') put(how.bytes);
        else if (how.kind === 'an older one' && older !== undefined) put(older);
        else if (how.kind === 'none' && bytes.length > 0) older = bytes;
      }
    };
    let names = 0;
    const happens = ({
      what,
      run: name,
      step: at,
      other,
    }: typeof happening extends fc.Arbitrary<infer T> ? T : never): void => {
      const folder = inRun(name);
      const checkpoint = checkpointAt(name, at);
      const aside = path.join(ws.root, `aside-${(names += 1)}`);
      if (!fs.existsSync(folder)) {
        ws.run(name);
        return;
      }
      if (what === 'is pinned') ws.write(`${name}/pins.json`, { schema: 1, checkpoints: [`checkpoint-${at}`] });
      else if (what === 'is best')
        ws.write(`${name}/checkpoints/best.json`, { schema: 1, checkpoint: `checkpoint-${at}` });
      else if (what === 'logs') ws.metrics(name, [{ event: 'metrics', segment: 1, step: at, time: 1, metrics: {} }]);
      else if (what === 'run is renamed') fs.renameSync(folder, `${folder}-${names}`);
      else if (what === 'run is restored') {
        // With all times but the system's own, as backups have them.
        fs.cpSync(folder, aside, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
        fs.rmSync(folder, { recursive: true });
        fs.renameSync(aside, folder);
      } else if (what === 'runs change places') {
        const with_ = inRun(RUNS[(RUNS.indexOf(name) + 1) % RUNS.length]!);
        fs.renameSync(folder, aside);
        if (fs.existsSync(with_)) fs.renameSync(with_, folder);
        fs.renameSync(aside, with_);
      } else if (what === 'saves' && !fs.existsSync(checkpoint))
        ws.checkpoint(name, at, { metrics: { 'loss/total': [NaN, -0, 1e308, 2.5][names % 4] } });
      else if (!fs.existsSync(checkpoint) || fs.lstatSync(checkpoint).isSymbolicLink()) return;
      else if (what === 'goes') fs.rmSync(checkpoint, { recursive: true });
      else if (what === 'loses a file') fs.rmSync(path.join(checkpoint, 'config.json'), { force: true });
      else if (what === 'gets a file') fs.writeFileSync(path.join(checkpoint, `notes ${names}\n.txt`), 'x');
      else if (what === 'gets another file of the name') {
        fs.writeFileSync(aside, 'other');
        fs.renameSync(aside, path.join(checkpoint, 'npt_weights.pt'));
      } else if (what === 'is put back as it was') {
        fs.cpSync(checkpoint, aside, { recursive: true, preserveTimestamps: true });
        fs.rmSync(path.join(aside, 'multi_layer_state.pt'), { force: true });
        fs.rmSync(checkpoint, { recursive: true });
        fs.renameSync(aside, checkpoint);
        dateBack(checkpoint);
      } else if (what === 'takes the name of another') {
        fs.rmSync(checkpointAt(name, other), { recursive: true, force: true });
        if (other !== at) fs.renameSync(checkpoint, checkpointAt(name, other));
      } else if (what === 'changes places' && fs.existsSync(checkpointAt(name, other)) && other !== at) {
        fs.renameSync(checkpoint, aside);
        fs.renameSync(checkpointAt(name, other), checkpoint);
        fs.renameSync(aside, checkpointAt(name, other));
      } else if (what === 'is dated back') {
        fs.rmSync(path.join(checkpoint, 'training_state.pt'), { force: true });
        dateBack(checkpoint);
      } else if (what === 'is being written')
        fs.renameSync(checkpoint, inRun(name, 'checkpoints', `.tmp-checkpoint-${at}-host-1`));
      else if (what === 'is a link') {
        fs.renameSync(checkpoint, aside);
        fs.symlinkSync(aside, checkpoint);
      } else if (what === 'has no right') fs.chmodSync(checkpoint, at === 100 ? 0o000 : 0o700);
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(happening, { maxLength: 4 }), damage), { minLength: 1, maxLength: 5 }),
        async (rounds) => {
          makeRuns();
          await kept();
          for (const [happenings, how] of rounds) {
            for (const each of happenings) happens(each);
            spoil(how);
            untilTimeGoesOn();
            const shown = await windowShows();
            assert.deepEqual(shown, runsOf(await scanRuns(ws.experiments, new ScanContext({ now }))));
            assert.deepEqual(await kept(), await fresh());
          }
        },
      ),
      { numRuns: Number(process.env['NPT_KEPT'] ?? 40) },
    );
  });

  it('is of this folder alone: a copy of the workspace, with all its times and what was kept, is looked at', async () => {
    await kept();
    const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-copy-'));
    try {
      fs.cpSync(ws.root, copy, { recursive: true, preserveTimestamps: true });
      await kept(copy);
      const [ours, theirs] = files().sort((a, b) => fs.statSync(a).mtimeMs - fs.statSync(b).mtimeMs);
      // What was kept of the one, in the place of what was kept of the other.
      fs.copyFileSync(ours!, theirs!);
      const disk = new CountingDisk();
      const opened = await openKeptScan(path.join(copy, 'experiments'), { cache, fewest: 0 });
      await scanRuns(path.join(copy, 'experiments'), new ScanContext({ disk, now, kept: opened }), 'folders');
      assert.equal(disk.lookedInto.length, RUNS.length * STEPS.length);
    } finally {
      fs.rmSync(copy, { recursive: true, force: true });
    }
  });

  it('has losses that are no numbers, names in any letters and the same list of files as they were', async () => {
    const losses = [NaN, Infinity, -Infinity, 5e-324, 1 / 3];
    for (const [at, loss] of losses.entries())
      ws.checkpoint('a', 1000 + at, { metrics: { 'loss/total': pythonNumber(loss) }, stage: 'µ\n"☃\ud83d\ude00' });
    await kept();
    assert.deepEqual(await lookedInto(), []);
    const found = (await kept()).runs.find(({ name }) => name === 'a');
    assert.deepEqual(
      found?.checkpoints.filter(({ step }) => step >= 1000).map(({ loss }) => loss),
      losses,
    );
    assert.deepEqual(await kept(), await fresh());
  });

  it('is nothing of another trainer’s checkpoints, whose files are written in place, nor of what changed just now', async () => {
    const theirs = inRun('theirs', 'checkpoints', 'checkpoint-5');
    fs.mkdirSync(theirs, { recursive: true });
    for (const name of ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt', 'config.json'])
      fs.copyFileSync(path.join(checkpointAt('a', 50), name), path.join(theirs, name));
    untilTimeGoesOn();
    await kept();
    assert.deepEqual(await lookedInto(), [path.join('theirs', 'checkpoints', 'checkpoint-5')]);
    fs.rmSync(cache, { recursive: true });
    const late = fs.statSync(checkpointAt('c', 150)).ctimeMs / 1000 + 1;
    await scanKeptWorkspace(ws.root, {}, { cache, fewest: 0, now: () => late });
    assert.deepEqual(files(), []);
  });

  it('is one whole file, however many write it at once, and no draft', async () => {
    await Promise.all(Array.from({ length: 8 }, () => kept()));
    assert.equal(files().length, 1);
    assert.deepEqual(await lookedInto(), []);
    assert.equal(fs.statSync(files()[0]!).mode & 0o777, 0o600);
  });

  it('is not kept again where nothing was found out, nor of a few checkpoints', async () => {
    await kept();
    const { mtimeMs } = fs.statSync(files()[0]!);
    await kept();
    assert.equal(fs.statSync(files()[0]!).mtimeMs, mtimeMs);
    fs.rmSync(cache, { recursive: true });
    await scanKeptWorkspace(ws.root, {}, { cache, now });
    assert.deepEqual(files(), []);
  });

  it('is not kept where that cannot be, and nobody is told', async () => {
    fs.rmSync(cache, { recursive: true });
    fs.writeFileSync(cache, 'a file where the folder belongs');
    assert.deepEqual(await kept(), await fresh());
  });

  it('takes little room: what was kept longest ago goes, and what a killed process left', async () => {
    const old = (name: string, hours: number): void => {
      fs.writeFileSync(path.join(cache, name), 'x');
      const then = Date.now() / 1000 - hours * 3600;
      fs.utimesSync(path.join(cache, name), then, then);
    };
    for (let each = 0; each < 40; each += 1) old(`kept-${each}`, each + 1);
    old('left.7-1.draft', 2);
    old('written-now.7-1.draft', 0.5);
    await kept();
    const names = fs.readdirSync(cache);
    assert.ok(names.includes('kept-0') && names.includes('written-now.7-1.draft'));
    assert.ok(!names.includes('kept-39') && !names.includes('left.7-1.draft'));
    assert.equal(names.filter((name) => !name.endsWith('.draft')).length, 32);
  });

  it('gives a window’s scans the very objects that its model has, as long as they are the same', async () => {
    await kept();
    const opened = await openKeptScan(ws.experiments, { cache, fewest: 0 });
    const context = new ScanContext({ now, kept: opened });
    const runsOf = async (look: 'folders' | 'everything'): Promise<Run[]> =>
      [...(await scanRuns(ws.experiments, context, look)).runs.values()].flatMap(({ run }) => run ?? []);
    const first = await runsOf('folders');
    opened.letGo();
    for (const look of ['folders', 'everything'] as const) {
      const again = await runsOf(look);
      assert.deepEqual(again, first);
      for (const [at, run] of again.entries())
        for (const [index, checkpoint] of allCheckpoints(run).entries())
          assert.equal(checkpoint, allCheckpoints(first[at]!)[index]);
    }
  });
});

/** Without its checksum, which is the last line. */
function uncheck(bytes: Buffer): string {
  return bytes.toString('utf8').split('\n').slice(0, -2).join('\n') + '\n';
}

function checked(content: string): Buffer {
  return Buffer.from(`${content}${createHash('sha256').update(content).digest('hex')}\n`);
}

/** JSON has no word for some; manifests write them as texts (contract). */
function pythonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
