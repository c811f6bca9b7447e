/** The processes beside a window's first scan, from their bundle: they find what the scan finds, and where they cannot work nothing is lost. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildSync } from 'esbuild';
import { openLookAhead } from '../../../src/core/experiment/lookAhead';
import type { Checkpoint } from '../../../src/core/experiment/model';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { type Kept, WorkspaceWatcher } from '../../../src/core/experiment/watch';
import { FixtureWorkspace } from './fixtureWorkspace';

/** More than it takes for a process to be worth it, after those that the scan does while it starts. */
const RUNS = 40;
const STEPS = [50, 100];
const PROGRAMS = {
  'ends at once': 'process.exit(1)',
  'says nothing sensible and ends': `process.on('message', () => process.send({ kind: 'found', folder: '/', line: '[' }, () => process.exit()))`,
  'ends in the middle': `process.on('message', ({ folders }) => process.send({ kind: 'found', folder: folders[0], line: 'null' }, () => process.exit()))`,
} as const;

describe('processes beside the first scan', function () {
  let ws: FixtureWorkspace;
  let dist: string;
  let cache: string;
  const watchers: WorkspaceWatcher[] = [];

  before(function () {
    // On a single processor there are none.
    if (os.availableParallelism() < 2) this.skip();
    dist = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-dist-'));
    buildSync({
      entryPoints: [path.join(__dirname, '../../../src/core/experiment/lookAheadProcess.ts')],
      outfile: path.join(dist, 'look-ahead.js'),
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      logLevel: 'error',
    });
  });
  after(() => {
    if (dist) fs.rmSync(dist, { recursive: true, force: true });
  });
  beforeEach(() => {
    ws = new FixtureWorkspace();
    cache = path.join(ws.root, 'cache');
    for (let run = 0; run < RUNS; run += 1) {
      ws.run(`run ${run}`);
      for (const step of STEPS) ws.checkpoint(`run ${run}`, step);
    }
  });
  afterEach(() => {
    for (const watcher of watchers.splice(0)) watcher.dispose();
    ws.remove();
  });

  const folderOf = (run: number): string => path.join(ws.experiments, `run ${run}`, 'checkpoints');

  /** A window that knows only what was kept, and which folders of checkpoints processes looked into for it. */
  async function open(
    how: { dist?: string } = {},
  ): Promise<{ watcher: WorkspaceWatcher; helped: string[]; kept: Promise<void> }> {
    const helped: string[] = [];
    let saved: () => void;
    const kept = new Promise<void>((resolve) => (saved = resolve));
    const keep = async (experiments: string): Promise<Kept> => {
      const opened = await openLookAhead(experiments, { cache, fewest: 1, long: 0, dist, ...how });
      return {
        expect: (folders) => opened.expect?.(folders),
        in: async (folder, layout) => {
          const found = await opened.in(folder, layout);
          if (found?.isNew === true) helped.push(folder);
          return found;
        },
        scanned: () => {
          opened.scanned();
        },
        differing: async (folders, onDiffers) => (await opened.differing?.(folders, onDiffers)) ?? false,
        letGo: () => {
          opened.letGo();
        },
        keep: async (findings) => {
          await opened.keep(findings);
          saved();
        },
      };
    };
    const watcher = new WorkspaceWatcher(ws.root, { keep });
    watchers.push(watcher);
    await watcher.rescan('changes');
    return { watcher, helped, kept };
  }

  const firm = async (): Promise<void> => {
    // What changed within the last two seconds may change again at the same time of its own.
    const newest = Math.max(
      ...STEPS.map((step) => fs.statSync(path.join(folderOf(RUNS - 1), `checkpoint-${step}`)).ctimeMs),
    );
    while (Date.now() - newest < 2100) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const checkpoint = (watcher: WorkspaceWatcher, run: number, step: number): Checkpoint | undefined =>
    watcher.current.runs.find(({ name }) => name === `run ${run}`)?.checkpoints.find((each) => each.step === step);

  it('find what the scan would have found, in whatever state the checkpoints are', async () => {
    const last = RUNS - 1;
    fs.rmSync(path.join(folderOf(last), 'checkpoint-50', 'config.json'));
    fs.writeFileSync(path.join(folderOf(last - 1), 'checkpoint-100', 'manifest.json'), '{');
    fs.mkdirSync(path.join(folderOf(last - 2), '.tmp-checkpoint-150-host-1'));
    fs.rmSync(path.join(folderOf(last - 3), 'checkpoint-50', 'manifest.json'));
    fs.renameSync(path.join(folderOf(last - 4), 'checkpoint-50'), path.join(ws.root, 'elsewhere'));
    fs.symlinkSync(path.join(ws.root, 'elsewhere'), path.join(folderOf(last - 4), 'checkpoint-50'));
    fs.rmSync(folderOf(last - 5), { recursive: true });
    fs.writeFileSync(folderOf(last - 5), 'a file where the folder belongs');
    ws.write(`run ${last - 6}/pins.json`, { schema: 1, checkpoints: ['checkpoint-50'] });
    ws.write(`run ${last - 7}/checkpoints/best.json`, { schema: 1, checkpoint: 'checkpoint-100' });
    await firm();
    const { watcher, helped } = await open();
    assert.ok(helped.length > RUNS / 2, `${helped.length} runs were looked into beside the scan`);
    assert.deepEqual(watcher.current, await scanWorkspace(ws.root));
  });

  for (const [what, program] of Object.entries(PROGRAMS))
    it(`are not needed: one that ${what} leaves its part to the scan`, async () => {
      const folder = path.join(ws.root, 'dist');
      fs.mkdirSync(folder);
      fs.writeFileSync(path.join(folder, 'look-ahead.js'), program);
      await firm();
      const { watcher } = await open({ dist: folder });
      assert.deepEqual(watcher.current, await scanWorkspace(ws.root));
    });

  it('notice what went out of a checkpoint while no window was open, and that all else is as it was', async () => {
    await firm();
    const first = await open();
    await first.kept;
    first.watcher.dispose();
    fs.rmSync(path.join(folderOf(7), 'checkpoint-100', 'npt_weights.pt'));
    const { watcher, helped } = await open();
    assert.deepEqual(helped, []);
    const before = checkpoint(watcher, 8, 100);
    while (checkpoint(watcher, 7, 100)?.state !== 'broken') await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(watcher.current, await scanWorkspace(ws.root));
    assert.equal(checkpoint(watcher, 8, 100), before);
  });

  it('are missed by nobody where there are none: what went is noticed all the same', async () => {
    await firm();
    const none = { dist: path.join(ws.root, 'nowhere') };
    const first = await open(none);
    await first.kept;
    first.watcher.dispose();
    fs.rmSync(path.join(folderOf(7), 'checkpoint-100', 'npt_weights.pt'));
    const { watcher } = await open(none);
    while (checkpoint(watcher, 7, 100)?.state !== 'broken') await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(watcher.current, await scanWorkspace(ws.root));
  });
});
