/** What something takes of the disk: what du says, and what is free afterwards is what was said before. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { deleteCheckpoints } from '../../../src/core/experiment/deleteCheckpoints';
import { bytesFreed, bytesUsed, diskItems } from '../../../src/core/experiment/diskUse';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { bytesOf, planRunCleanUp, type RunCleanUp } from '../../../src/core/experiment/retention/cleanUp';
import { Held } from '../../../src/core/experiment/retention/held';
import { aCheckpoint, aRun } from '../model/builders';

const HISTORIES = Number(process.env['NPT_STRESS'] ?? 40);
const always = (): Promise<boolean> => Promise.resolve(true);

/** As `du` counts: every file once, in blocks. Another way than diskItems goes, and synchronous. */
function du(place: string): number {
  const seen = new Set<string>();
  const look = (at: string): number => {
    const found = fs.lstatSync(at, { bigint: true });
    const key = `${found.dev}:${found.ino}`;
    const bytes = seen.has(key) ? 0 : Number(found.blocks) * 512;
    seen.add(key);
    if (!found.isDirectory()) return bytes;
    return fs.readdirSync(at).reduce((sum, name) => sum + look(path.join(at, name)), bytes);
  };
  return look(place);
}

describe('the use of a disk', () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-disk-'));
  });
  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  const write = (name: string, bytes: number): string => {
    const file = path.join(root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, Buffer.alloc(bytes, 1));
    return file;
  };

  it('is what du says: blocks, files with holes, each file once, links as what they are', async () => {
    fs.linkSync(write('a/weights', 100_000), path.join(root, 'a/again'));
    write('a/inside/small', 1);
    write('outside', 50_000);
    fs.symlinkSync('../outside', path.join(root, 'a/link'));
    fs.truncateSync(write('a/holes', 0), 10_000_000);
    const items = await diskItems(path.join(root, 'a'));
    assert.equal(bytesUsed(items), du(path.join(root, 'a')));
    assert.ok(bytesUsed(items) < 1_000_000, 'a hole takes nothing');
  });

  it('frees nothing of a file that is still named elsewhere, and all of it with its last name', async () => {
    const file = write('a/weights', 100_000);
    fs.mkdirSync(path.join(root, 'b'));
    fs.linkSync(file, path.join(root, 'b/weights'));
    const [a, b] = [await diskItems(path.join(root, 'a')), await diskItems(path.join(root, 'b'))];
    const folder = Number(fs.lstatSync(path.join(root, 'a'), { bigint: true }).blocks) * 512;
    assert.equal(bytesFreed(a), folder);
    assert.equal(bytesFreed([...a, ...b]), du(path.join(root, 'a')) + folder);
    assert.equal(bytesUsed([...a, ...b]), bytesFreed([...a, ...b]));
  });

  it('is nothing of what is not there, and can be given up', async () => {
    assert.deepEqual(await diskItems(path.join(root, 'nothing')), []);
    await assert.rejects(diskItems(root, AbortSignal.abort()), { name: 'AbortError' });
  });

  const step = fc.integer({ min: 1, max: 9 });
  const runs = fc.array(
    fc.record({
      steps: fc.uniqueArray(step, { minLength: 1, maxLength: 6 }),
      sizes: fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 3 }),
      /** Whose files are those of the checkpoint before it. */
      shares: fc.uniqueArray(step, { maxLength: 3 }),
      linked: fc.uniqueArray(step, { maxLength: 2 }),
      final: fc.boolean(),
      /** Its files are another run's, as of `cp -al`. */
      copied: fc.boolean(),
      unticked: fc.uniqueArray(step, { maxLength: 2 }),
    }),
    { minLength: 1, maxLength: 3 },
  );

  it(`of ${HISTORIES} random clean-ups was what was said before: hard links within a run, with final, and between runs`, async () => {
    let freed = 0;
    await fc.assert(
      fc.asyncProperty(runs, fc.integer({ min: 1, max: 3 }), async (drawn, last) => {
        const top = fs.mkdtempSync(path.join(root, 'case-'));
        const models = drawn.map((each, at): Run => {
          const folder = path.join(top, `r${at}`, 'checkpoints');
          fs.mkdirSync(folder, { recursive: true });
          const steps = each.steps.sort((a, b) => a - b);
          const copyOf = (from: string, to: string): void => {
            fs.mkdirSync(to);
            for (const name of fs.readdirSync(from)) fs.linkSync(path.join(from, name), path.join(to, name));
          };
          steps.forEach((now, index) => {
            const place = path.join(folder, `checkpoint-${now}`);
            const before = path.join(folder, `checkpoint-${steps[index - 1] ?? 0}`);
            const original = path.join(top, 'r0/checkpoints', `checkpoint-${now}`);
            const real = (from: string): boolean =>
              fs.lstatSync(from, { throwIfNoEntry: false })?.isDirectory() === true;
            if (each.linked.includes(now)) {
              const target = path.join(top, `elsewhere-${at}-${now}`);
              fs.mkdirSync(target);
              fs.writeFileSync(path.join(target, 'npt_weights.pt'), Buffer.alloc(9000, 1));
              fs.symlinkSync(target, place);
            } else if (each.copied && at > 0 && real(original)) copyOf(original, place);
            else if (each.shares.includes(now) && real(before)) copyOf(before, place);
            else {
              fs.mkdirSync(place);
              each.sizes.forEach((size, file) => {
                fs.writeFileSync(path.join(place, `file-${file}`), Buffer.alloc(size, 1));
              });
            }
          });
          const newest = path.join(folder, `checkpoint-${steps.at(-1) ?? 0}`);
          if (each.final && fs.lstatSync(newest).isDirectory()) copyOf(newest, path.join(folder, 'final'));
          const run = aRun(`r${at}`, { path: path.join(top, `r${at}`) });
          return { ...run, checkpoints: steps.map((now) => aCheckpoint(now, run.path)) };
        });
        const workspace = { runs: models, problems: [] };
        const held = new Held([workspace], new Lineage([workspace]));
        const policy = { last, best: 0, every: 0, broken: false };
        const cleanUps: RunCleanUp[] = [];
        for (const [at, run] of models.entries()) {
          const { goes } = await planRunCleanUp(run, policy, held, always);
          const ticked = goes.filter(({ checkpoint }) => drawn[at]?.unticked.includes(checkpoint.step) !== true);
          const chosen = new Set(ticked.map(({ checkpoint }) => checkpoint.path));
          cleanUps.push(await planRunCleanUp(run, policy, held, always, chosen));
        }
        const said = bytesOf(cleanUps.flatMap(({ goes }) => goes));
        const before = du(top);
        for (const { plan, goes } of cleanUps) {
          if (plan === null) continue;
          const { deleted, kept } = await deleteCheckpoints(plan, always);
          assert.deepEqual([[...deleted].sort(), kept], [goes.map(({ checkpoint }) => checkpoint.name).sort(), []]);
        }
        assert.equal(before - du(top), said);
        freed += said;
        fs.rmSync(top, { recursive: true });
      }),
      { numRuns: HISTORIES },
    );
    assert.ok(freed > 0);
  });
});
