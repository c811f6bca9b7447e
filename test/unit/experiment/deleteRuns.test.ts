/** Deleting whole runs: what is refused, what is said of the rest, and what is gone afterwards. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DeletionError } from '../../../src/core/experiment/deleteCheckpoints';
import {
  deleteRunForGood,
  planRunDeletion,
  stillGoes,
  type DoomedRun,
  type RunDeletionPlan,
} from '../../../src/core/experiment/deleteRuns';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Liveness, Run, RunProcess } from '../../../src/core/experiment/model';
import { Held } from '../../../src/core/experiment/retention/held';
import { aCheckpoint, aRun } from '../model/builders';

describe('deleting runs', () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-delete-runs-'));
  });
  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  /** A run whose folder is there, with a file of so many bytes. */
  function onDisk(name: string, rest: Partial<Run> = {}, bytes = 5000): Run {
    const folder = path.join(root, name);
    fs.mkdirSync(path.join(folder, 'checkpoints/checkpoint-100'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'checkpoints/checkpoint-100/npt_weights.pt'), Buffer.alloc(bytes, 1));
    fs.writeFileSync(path.join(folder, 'metrics.jsonl'), '{}\n');
    return aRun(name, { path: folder, checkpoints: [aCheckpoint(100, folder)], ...rest });
  }

  const from = (parent: Run, rest: Partial<Run> = {}): Partial<Run> => ({
    parent: { id: parent.id, run: parent.name, checkpoint: 'checkpoint-100', step: 100 },
    ...rest,
  });
  const plan = (chosen: readonly Run[], all: readonly Run[]): Promise<RunDeletionPlan> =>
    planRunDeletion(chosen, all, new Held([{ runs: all, problems: [] }], new Lineage([{ runs: all }])));
  const names = (runs: readonly Run[]): string[] => runs.map(({ name }) => name);
  const why = ({ refused }: RunDeletionPlan): string[] =>
    refused.map(({ run, why: reason }) => `${run.name} ${reason}`);
  const alive = (liveness: Liveness) => () => Promise.resolve({ liveness, detail: null });

  it('takes the folders, and says what they take of the disk', async () => {
    const [a, b] = [onDisk('a'), onDisk('b', {}, 90_000)];
    fs.linkSync(path.join(b.path, 'checkpoints/checkpoint-100/npt_weights.pt'), path.join(b.path, 'again'));
    const before = fs.readdirSync(root, { recursive: true });
    const made = await plan([a, b], [a, b]);
    assert.deepEqual(names(made.doomed.map(({ run }) => run)), ['a', 'b']);
    assert.equal(made.checkpoints, 2);
    assert.ok(made.bytes > 95_000 && made.bytes < 150_000, `${made.bytes}`);
    assert.deepEqual(fs.readdirSync(root, { recursive: true }), before, 'a plan changes nothing');
    for (const doomed of made.doomed) {
      await stillGoes(doomed, alive('dead'));
      await deleteRunForGood(doomed);
    }
    assert.deepEqual(fs.readdirSync(root), []);
  });

  it('refuses what trains, waits or cannot be asked, each with why', async () => {
    const process: RunProcess = {
      ...{ host: 'far', bootId: 'b', pid: 7, started: 1, startTicks: 1, launcher: 'local', job: null, segment: 1 },
    };
    const runs = [
      onDisk('training', { state: 'training' }),
      onDisk('queued', { state: 'queued' }),
      onDisk('waits', { queue: { id: 'q', position: 1, failure: null } }),
      onDisk('far', { process, processState: { liveness: 'elsewhere', detail: null } }),
      onDisk('ended', { process, processState: { liveness: 'dead', detail: null } }),
    ];
    const made = await plan(runs, runs);
    assert.deepEqual(why(made), [
      'training stays: the run is training',
      'queued stays: the run is in the queue',
      'waits stays: the run is in the queue',
      'far stays: nothing here can tell whether its process on far trains',
    ]);
    assert.deepEqual(names(made.doomed.map(({ run }) => run)), ['ended']);
  });

  it('names who branched from it, but refuses what a branch is still to start from', async () => {
    const parent = onDisk('parent');
    const child = onDisk('child', from(parent));
    const nameless = onDisk('nameless', {
      ...from(parent),
      parent: { id: null, run: 'old', checkpoint: 'checkpoint-100', step: 100 },
    });
    const all = [parent, child, nameless];
    assert.deepEqual(names((await plan([parent], all)).branches), ['child']);
    assert.deepEqual((await plan([parent, child], all)).branches, []);
    const waiting = aRun('waiting', {
      ...from(parent),
      path: path.join(root, 'waiting'),
      state: 'queued',
      checkpoints: [],
    });
    assert.deepEqual(why(await plan([parent, child], [...all, waiting])), [
      'parent stays: waiting is to start from it',
    ]);
    // A branch that has saved what it began with needs no parent.
    const training = onDisk('training', from(parent, { state: 'training' }));
    assert.deepEqual(names((await plan([parent], [...all, training])).branches), ['child', 'training']);
  });

  it('takes the runs in its folder along, says so, and stays where one of them trains', async () => {
    const outer = onDisk('outer');
    const inner = onDisk('outer/inner');
    const beside = onDisk('outer-2');
    const made = await plan([outer, inner], [outer, inner, beside]);
    assert.deepEqual(names(made.doomed.map(({ run }) => run)), ['outer']);
    assert.deepEqual(names(made.doomed[0]?.inside ?? []), ['outer/inner']);
    const busy: Run = { ...inner, state: 'training' };
    assert.deepEqual(why(await plan([outer], [outer, busy])), [
      'outer stays: of outer/inner, which is in its folder, the run is training',
    ]);
  });

  it('says what somebody marked: pinned checkpoints and stars', async () => {
    const folder = path.join(root, 'kept');
    const kept = onDisk('kept', {
      checkpoints: [aCheckpoint(100, folder, { pinned: true }), aCheckpoint(200, folder)],
      notes: { tags: ['star'], summary: '' },
    });
    const made = await plan([kept], [kept]);
    assert.deepEqual([made.pinned.length, names(made.starred)], [1, ['kept']]);
  });

  it('looks once more before it takes one: another folder, or one in which something trains by now, stays', async () => {
    const run = onDisk('run');
    const [doomed] = (await plan([run], [run])).doomed as [DoomedRun];
    const began = {
      ...{ schema: 1, host: os.hostname(), boot_id: 'b', pid: 1, started: 1, start_ticks: 1, launcher: 'local' },
      ...{ job: null, segment: 1 },
    };
    fs.writeFileSync(path.join(run.path, 'process.json'), JSON.stringify(began));
    await assert.rejects(stillGoes(doomed, alive('alive')), /run stays: the run is training\./);
    await stillGoes(doomed, alive('dead'));
    fs.renameSync(run.path, path.join(root, 'moved'));
    await assert.rejects(stillGoes(doomed, alive('dead')), DeletionError);
    fs.mkdirSync(run.path);
    await assert.rejects(stillGoes(doomed, alive('dead')), /it is another folder now/);
  });

  it('unlinks a run that is a link, and leaves what it leads to', async () => {
    const real = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-delete-real-'));
    try {
      fs.writeFileSync(path.join(real, 'metrics.jsonl'), 'kept');
      fs.symlinkSync(real, path.join(root, 'link'));
      const run = aRun('link', { path: path.join(root, 'link'), checkpoints: [] });
      const [doomed] = (await plan([run], [run])).doomed as [DoomedRun];
      await deleteRunForGood(doomed);
      assert.deepEqual(fs.readdirSync(root), []);
      assert.equal(fs.readFileSync(path.join(real, 'metrics.jsonl'), 'utf8'), 'kept');
    } finally {
      fs.rmSync(real, { recursive: true, force: true });
    }
  });
});
