/** The model of folders that links, renames and very many files make strange. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { PacedDisk } from '../../../../src/core/experiment/disk';
import type { Workspace } from '../../../../src/core/experiment/model';
import type { WatchOptions } from '../../../../src/core/experiment/watch';
import { FixtureWorkspace } from '../fixtureWorkspace';
import { LIMIT_MS, Shown } from './shown';

const CIRCLE = 'cannot be read: its symbolic links go in a circle';
const MANY = 10_000;

describe('a model of strange folders', function () {
  this.timeout(4 * LIMIT_MS);
  let ws: FixtureWorkspace;
  let shown: Shown | undefined;
  let above: string | undefined;

  beforeEach(() => {
    ws = new FixtureWorkspace();
    ws.run('a');
    ws.checkpoint('a', 50);
  });
  afterEach(() => {
    shown?.watcher.dispose();
    shown = undefined;
    ws.remove();
    if (above !== undefined) fs.rmSync(above, { recursive: true, force: true });
    above = undefined;
  });

  const at = (...parts: string[]): string => path.join(ws.experiments, ...parts);
  async function watched(options: WatchOptions = {}, root = ws.root): Promise<Shown> {
    shown = new Shown(root, options);
    await shown.isTheDisk();
    return shown;
  }

  describe('links', () => {
    it('in circles are no runs, or say so, and what is beside them is as it is', async () => {
      fs.symlinkSync('..', at('up'));
      fs.symlinkSync('.', at('here'));
      fs.symlinkSync('itself', at('itself'));
      fs.symlinkSync('two', at('one'));
      fs.symlinkSync('one', at('two'));
      ws.run('b');
      fs.symlinkSync('checkpoints', at('b/checkpoints'));
      ws.run('c');
      ws.checkpoint('c', 10);
      fs.symlinkSync('checkpoint-20', at('c/checkpoints/checkpoint-20'));
      fs.symlinkSync('checkpoint-40', at('c/checkpoints/checkpoint-30'));
      fs.symlinkSync('checkpoint-30', at('c/checkpoints/checkpoint-40'));
      fs.symlinkSync('..', at('c/checkpoints/checkpoint-50'));
      const model = await watched();
      assert.deepEqual(model.names, ['a', 'b', 'c']);
      assert.deepEqual(model.problems, [
        ['b/checkpoints/best.json', CIRCLE],
        ['b/checkpoints', CIRCLE],
      ]);
      assert.deepEqual(
        model
          .run('c')
          ?.checkpoints.map(({ step, state, stateReason }) => [step, state, stateReason])
          .slice(0, 4),
        [[10, 'complete', null], ...[20, 30, 40].map((step) => [step, 'broken', CIRCLE])],
      );
      assert.equal(model.run('c')?.checkpoints[4]?.state, 'broken');

      fs.rmSync(at('b/checkpoints'));
      ws.checkpoint('b', 50);
      for (const step of [20, 30, 40, 50]) fs.rmSync(at(`c/checkpoints/checkpoint-${step}`));
      await model.isTheDisk();
      assert.deepEqual(model.problems, []);
      assert.deepEqual(
        model.run('c')?.checkpoints.map(({ step }) => step),
        [10],
      );
    });

    it('among runs of one layer each lead around once and no further', async () => {
      fs.mkdirSync(at('seq'));
      ws.run('seq/layer_1_x');
      fs.symlinkSync('.', at('seq/again'));
      fs.symlinkSync('..', at('seq/layer_2_up'));
      const model = await watched();
      assert.deepEqual(model.names, ['a', 'seq/layer_1_x']);
      ws.checkpoint('seq/layer_1_x', 50);
      await model.isTheDisk();
      assert.equal(model.run('seq/layer_1_x')?.checkpoints.length, 1);
    });

    it('to a run elsewhere are that run, from both places, and gone with it', async () => {
      const elsewhere = new FixtureWorkspace();
      try {
        elsewhere.run('far');
        fs.symlinkSync(path.join(elsewhere.experiments, 'far'), at('near'));
        fs.symlinkSync('a', at('also-a'));
        const model = await watched();
        assert.deepEqual(model.names, ['a', 'also-a', 'near']);
        elsewhere.checkpoint('far', 70);
        ws.checkpoint('a', 100);
        await model.isTheDisk();
        assert.deepEqual(
          ['a', 'also-a', 'near'].map((name) => model.run(name)?.checkpoints.map(({ step }) => step)),
          [[50, 100], [50, 100], [70]],
        );
        assert.match(
          model.problems.map(([, message]) => message).join(),
          /has the same id as a(lso-a)?: a copied folder/,
        );
        fs.rmSync(path.join(elsewhere.experiments, 'far'), { recursive: true });
        fs.rmSync(at('also-a'));
        await model.due();
        await model.isTheDisk();
        assert.deepEqual(model.names, ['a']);
      } finally {
        elsewhere.remove();
      }
    });

    it('in place of the experiments folder, to itself: says so, until there is a folder', async () => {
      fs.renameSync(ws.experiments, `${ws.experiments}-aside`);
      fs.symlinkSync('experiments', ws.experiments);
      const model = await watched();
      assert.deepEqual([model.names, model.problems], [[], [['', CIRCLE]]]);
      fs.rmSync(ws.experiments);
      fs.renameSync(`${ws.experiments}-aside`, ws.experiments);
      await model.isTheDisk();
      assert.deepEqual([model.names, model.problems], [['a'], []]);
    });
  });

  describe('renames', () => {
    it('of the experiments folder, there and back: its runs go, come again, and are watched', async () => {
      const model = await watched();
      fs.renameSync(ws.experiments, `${ws.experiments}-old`);
      await model.isTheDisk();
      assert.deepEqual(model.names, []);
      fs.renameSync(`${ws.experiments}-old`, ws.experiments);
      await model.isTheDisk();
      assert.deepEqual(model.names, ['a']);
      ws.checkpoint('a', 100);
      await model.isTheDisk();
      // Faster than anybody looks.
      for (let times = 0; times < 20; times += 1) {
        fs.renameSync(ws.experiments, `${ws.experiments}-old`);
        fs.renameSync(`${ws.experiments}-old`, ws.experiments);
      }
      ws.checkpoint('a', 150);
      await model.isTheDisk();
      assert.equal(model.run('a')?.checkpoints.length, 3);
      // Another one in its place.
      fs.renameSync(ws.experiments, `${ws.experiments}-old`);
      ws.run('b');
      await model.isTheDisk();
      assert.deepEqual(model.names, ['b']);
      ws.checkpoint('b', 50);
      await model.isTheDisk();
      assert.equal(model.watcher.degraded, null);
    });

    it('of the folder that the workspace is in', async () => {
      above = fs.mkdtempSync(path.join(path.dirname(ws.root), 'npt-above-'));
      const inner = new FixtureWorkspace(path.join(above, 'lab/ws'));
      inner.run('x');
      inner.checkpoint('x', 50);
      const model = await watched({}, inner.root);
      assert.deepEqual(model.names, ['x']);
      fs.renameSync(path.join(above, 'lab'), path.join(above, 'moved'));
      await model.isTheDisk();
      assert.deepEqual(model.names, []);
      fs.renameSync(path.join(above, 'moved'), path.join(above, 'lab'));
      await model.isTheDisk();
      assert.deepEqual(model.names, ['x']);
      inner.checkpoint('x', 60);
      await model.isTheDisk();
      assert.equal(model.run('x')?.checkpoints.length, 2);
    });

    it('of a run while it is scanned: it is shown whole, under either name, or not', async () => {
      for (let step = 60; step < 100; step += 10) ws.checkpoint('a', step);
      const wrong: string[] = [];
      let changes = 0;
      const look = ({ runs }: Workspace): void => {
        changes += 1;
        for (const { name, id, checkpoints, maxSteps } of runs)
          if (id !== 'id-a' || maxSteps !== 300 || checkpoints.some(({ state }) => state !== 'complete'))
            wrong.push(`${name}: ${id ?? 'no id'}, ${checkpoints.length} checkpoints`);
      };
      const model = await watched({
        onDidChange: ({ workspace }) => {
          look(workspace);
        },
      });
      const { statSync } = fs;
      let name = 'a';
      let calls = 0;
      // At another place of the scan each time.
      let next = 1;
      Object.assign(fs, {
        statSync: (...args: Parameters<typeof statSync>) => {
          calls += 1;
          if (calls === next) {
            const other = name === 'a' ? 'renamed' : 'a';
            fs.renameSync(at(name), at(other));
            name = other;
          }
          return statSync(...args);
        },
      });
      syncBuiltinESMExports();
      try {
        for (next = 1; next < 60; next += 1) {
          calls = 0;
          await model.watcher.rescan('everything');
        }
      } finally {
        Object.assign(fs, { statSync });
        syncBuiltinESMExports();
      }
      await model.isTheDisk();
      assert.deepEqual(model.names, [name]);
      assert.equal(model.run(name)?.checkpoints.length, 5);
      assert.deepEqual(wrong, []);
      assert.ok(changes > 10, `${changes} changes`);
    });
  });

  describe(`${MANY.toLocaleString('en')} files`, () => {
    // In memory where there is such a place: what is tried is not how fast a disk makes files.
    const memory = '/dev/shm';
    let quick: FixtureWorkspace;
    beforeEach(() => {
      quick = new FixtureWorkspace(
        fs.mkdtempSync(path.join(fs.existsSync(memory) ? memory : os.tmpdir(), 'npt-many-')),
      );
      quick.run('a');
      quick.checkpoint('a', 50);
    });
    afterEach(() => {
      quick.remove();
    });
    const inMany = (...parts: string[]): string => path.join(quick.experiments, ...parts);
    const fill = (folder: string): void => {
      for (let file = 0; file < MANY; file += 1) fs.writeFileSync(path.join(folder, `part ${file}.bin`), 'x');
    };

    it('in a run, beside its checkpoints and in one of them: the run is as it is, and goes on', async () => {
      for (const folder of ['a', 'a/checkpoints', 'a/checkpoints/checkpoint-50']) fill(inMany(folder));
      const model = await watched({}, quick.root);
      const [checkpoint] = model.run('a')?.checkpoints ?? [];
      assert.deepEqual([model.problems, checkpoint?.state, checkpoint?.files.length], [[], 'complete', MANY + 5]);
      for (const folder of ['a', 'a/checkpoints', 'a/checkpoints/checkpoint-50'])
        fs.rmSync(inMany(folder, 'part 77.bin'));
      quick.checkpoint('a', 100);
      await model.isTheDisk();
      assert.equal(model.run('a')?.checkpoints.length, 2);
      fs.rmSync(inMany('a'), { recursive: true });
      await model.isTheDisk();
      assert.deepEqual(model.names, []);
    });

    it('of a checkpoint are not looked at all in one go: the window has other things to do', async () => {
      fill(inMany('a/checkpoints/checkpoint-50'));
      let asked = 0;
      let most = 0;
      const { statSync } = fs;
      Object.assign(fs, {
        statSync: (...args: Parameters<typeof statSync>) => {
          most = Math.max(most, (asked += 1));
          return statSync(...args);
        },
      });
      let looking = true;
      const turn = (): void => {
        asked = 0;
        if (looking) setImmediate(turn);
      };
      turn();
      try {
        const entries = await new PacedDisk().listWithStats(inMany('a/checkpoints/checkpoint-50'));
        assert.equal(entries?.length, MANY + 5);
      } finally {
        looking = false;
        Object.assign(fs, { statSync });
      }
      assert.ok(most > 0 && most < MANY, `${most} in one go`);
    });
  });
});
