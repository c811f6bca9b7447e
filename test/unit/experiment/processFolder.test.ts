import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { parseDocument } from '../../../src/core/jsonText';
import type { Run, RunProcess } from '../../../src/core/experiment/model';
import { processIn, speaksFor } from '../../../src/core/experiment/processFolder';
import { readProcess } from '../../../src/core/experiment/runFiles';
import { procStat, thisHost } from '../../../src/core/thisHost';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { treatAsEnded } from '../../../src/core/experiment/treatAsEnded';
import { FixtureWorkspace, metricsLine } from './fixtureWorkspace';

describe('the folder that a process.json speaks for', () => {
  let ws: FixtureWorkspace;
  let trainer: ChildProcess;
  beforeEach(() => {
    ws = new FixtureWorkspace();
    trainer = spawn('sleep', ['60']);
  });
  afterEach(() => {
    trainer.kill('SIGKILL');
    ws.remove();
  });

  /** A run that trains, as the supervisor says it. */
  function training(name: string, more: object = {}): string {
    const run = ws.run(name);
    ws.checkpoint(name, 100);
    ws.metrics(name, [{ event: 'start', segment: 1, resume_step: 0 }, metricsLine(110, 0.5)]);
    const pid = trainer.pid ?? 0;
    const { dev, ino } = fs.statSync(run);
    ws.write(`${name}/process.json`, {
      schema: 1,
      host: thisHost().name,
      boot_id: thisHost().bootId,
      pid,
      started: Date.now() / 1000,
      start_ticks: procStat(pid)?.startTicks ?? 0,
      launcher: 'local',
      job: null,
      segment: 1,
      folder: { device: dev, inode: ino, path: run },
      ...more,
    });
    return run;
  }

  async function states(): Promise<Record<string, Run['state']>> {
    const { runs } = await scanWorkspace(ws.root);
    return Object.fromEntries(runs.map((run) => [run.name, run.state]));
  }

  it('is the one that trains: a copy of it never does', async () => {
    const run = training('a');
    for (const copy of ['copied', 'a-backup']) fs.cpSync(run, path.join(ws.experiments, copy), { recursive: true });
    fs.mkdirSync(path.join(ws.experiments, 'copied/checkpoints/.tmp-checkpoint-120-host-1'));
    assert.deepEqual(await states(), { a: 'training', copied: 'interrupted', 'a-backup': 'interrupted' });
    assert.equal(await processIn(path.join(ws.experiments, 'copied')), null);
    assert.equal((await processIn(run))?.pid, trainer.pid);
    const { runs } = await scanWorkspace(ws.root);
    const copied = runs.find((each) => each.name === 'copied')!;
    assert.equal(copied.process, null);
    assert.deepEqual(
      copied.checkpoints.map((checkpoint) => checkpoint.name),
      ['checkpoint-100'],
      'a save that the copy caught half-way is none of its own',
    );
  });

  it('is followed where it is renamed or moved, also when another takes its place', async () => {
    const run = training('a');
    fs.renameSync(run, path.join(ws.experiments, 'renamed'));
    assert.deepEqual(await states(), { renamed: 'training' });
    ws.run('a');
    fs.copyFileSync(path.join(ws.experiments, 'renamed/process.json'), path.join(run, 'process.json'));
    assert.deepEqual(await states(), { renamed: 'training', a: 'interrupted' });
    fs.renameSync(ws.experiments, `${ws.experiments}-moved`);
    fs.mkdirSync(ws.experiments);
    fs.renameSync(path.join(`${ws.experiments}-moved`, 'renamed'), path.join(ws.experiments, 'again'));
    assert.deepEqual(await states(), { again: 'training' });
  });

  it('is the same through a symbolic link', async () => {
    const run = training('a', { folder: { device: 0, inode: 0, path: path.join(ws.root, 'elsewhere/a') } });
    fs.mkdirSync(path.join(ws.root, 'elsewhere'));
    fs.renameSync(run, path.join(ws.root, 'elsewhere/a'));
    fs.symlinkSync(path.join(ws.root, 'elsewhere/a'), run);
    assert.deepEqual(await states(), { a: 'training' });
  });

  it('is not told by older trainers, which are believed; a folder that cannot be read is nobody’s', async () => {
    training('older', { folder: undefined });
    training('odd', { folder: 'experiments/odd' });
    training('empty', { folder: {} });
    assert.deepEqual(await states(), { older: 'training', odd: 'interrupted', empty: 'interrupted' });
  });

  const named = (folder: { device: number; inode: number; path: string } | undefined, host = 'here'): RunProcess => ({
    host,
    bootId: 'b',
    pid: 1,
    started: 1,
    startTicks: 1,
    launcher: 'local',
    job: null,
    segment: 1,
    ...(folder === undefined ? {} : { folder }),
  });
  const host = { name: 'here', bootId: 'b' };

  it('on a local disk is device and inode and nothing else, whatever the paths', () => {
    const number = fc.integer({ min: 1, max: 3 });
    const place = fc.record({ device: number, inode: number, path: fc.constantFrom('/e/a', '/e/b') });
    fc.assert(
      fc.property(place, place, (said, here) => {
        const same = said.device === here.device && said.inode === here.inode;
        assert.equal(speaksFor(named(said), here, null, host), same);
      }),
    );
  });

  it('on disks whose inodes are made up, or that have none, is told by its path', () => {
    const said = { device: 5, inode: 70, path: '/e/a' };
    const here = { device: 9, inode: 71, path: '/e/a' };
    for (const disk of ['FUSE', 'SMB', 'CIFS', '9p']) {
      assert.ok(speaksFor(named(said), here, disk, host), disk);
      assert.ok(!speaksFor(named(said), { ...here, path: '/e/a-copy' }, disk, host), disk);
      assert.ok(speaksFor(named(said, 'node1'), { ...here, path: '/mnt/e/a' }, disk, host), 'mounted elsewhere');
      assert.ok(!speaksFor(named(said, 'node1'), { ...here, path: '/mnt/e/a-copy' }, disk, host), disk);
    }
    assert.ok(speaksFor(named({ ...said, inode: 0 }), here, null, host));
    assert.ok(!speaksFor(named({ ...said, inode: 0 }), { ...here, path: '/e/b' }, null, host));
    // NFS: the inode is the server's, the device each mount's own.
    assert.ok(speaksFor(named(said, 'node1'), { device: 1, inode: 70, path: '/mnt/x' }, 'NFS', host));
    assert.ok(!speaksFor(named(said, 'node1'), { device: 1, inode: 71, path: '/e/a' }, 'NFS', host));
  });

  it('a process that is treated as ended is forgotten, and no other', async () => {
    const run = training('a', { host: 'a-container-that-is-gone' });
    assert.deepEqual(await states(), { a: 'training' });
    const process = (await processIn(run))!;
    assert.equal(await treatAsEnded(run, { ...process, pid: process.pid + 1 }), false);
    assert.deepEqual(await states(), { a: 'training' });
    assert.equal(await treatAsEnded(run, process), true);
    assert.deepEqual(await states(), { a: 'interrupted' });
    assert.equal(await treatAsEnded(run, process), false);
  });

  it('reads what schemas/process.schema.json describes', () => {
    // Python writes inodes exactly; Node's stat rounds those beyond 2^53, as JSON.parse does.
    const text =
      '{"host":"h","pid":3,"folder":{"device":2,"inode":9007199254740993,"path":"/r"},"supervisor":{"pid":4,"start_ticks":5}}';
    const read = readProcess(parseDocument(text))!;
    assert.deepEqual(read.folder, { device: 2, inode: 2 ** 53, path: '/r' });
    assert.deepEqual(read.supervisor, { pid: 4, startTicks: 5 });
    const stopping = (value: string): unknown =>
      readProcess(parseDocument(`{"host":"h","pid":3,"stopping":${value}}`))?.stopping;
    assert.deepEqual(stopping('{"signal":"SIGINT","since":12.5}'), { signal: 'SIGINT', since: 12.5 });
    for (const none of ['null', 'true', '{"signal":"SIGINT"}', '{"signal":2,"since":1}']) {
      assert.equal(stopping(none), undefined);
    }
  });
});
