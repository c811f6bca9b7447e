import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setPinned } from '../../../src/core/experiment/pins';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run, Workspace } from '../../../src/core/experiment/model';
import { planRename, RenameError, renameRun } from '../../../src/core/experiment/renameRun';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { thisHost } from '../../../src/core/thisHost';
import { FixtureWorkspace } from './fixtureWorkspace';

describe('renaming a run', () => {
  let ws: FixtureWorkspace;
  beforeEach(() => {
    ws = new FixtureWorkspace();
    ws.run('demo');
    ws.checkpoint('demo', 100);
    ws.checkpoint('demo', 200);
  });
  afterEach(() => {
    ws.remove();
  });

  const branch = (name: string, parent: string, id: string | null): string =>
    ws.run(name, { run: { parent: { id, run: parent, checkpoint: 'checkpoint-200', step: 200 } } });
  const named = ({ runs }: Workspace, name: string): Run => {
    const run = runs.find((each) => each.name === name);
    assert.ok(run, `${name} is not among ${runs.map((each) => each.name).join()}`);
    return run;
  };
  async function rename(from: string, to: string): Promise<Workspace> {
    const model = await scanWorkspace(ws.root);
    await renameRun(await planRename(named(model, from), to, [model]));
    return scanWorkspace(ws.root);
  }
  async function refused(from: string, to: string, message: RegExp, change = (run: Run): Run => run): Promise<void> {
    const model = await scanWorkspace(ws.root);
    const run = change(named(model, from));
    const changed = { ...model, runs: model.runs.map((each) => (each.path === run.path ? run : each)) };
    await assert.rejects(planRename(run, to, [changed]), (error: unknown) => {
      assert.ok(error instanceof RenameError);
      assert.match(error.message, message);
      assert.ok(!error.message.includes('\n'));
      return true;
    });
    assert.ok(fs.existsSync(path.join(ws.experiments, from)), 'it was renamed all the same');
  }

  it('keeps its branches, pins and checkpoints, and is undone by renaming it back', async () => {
    branch('child', 'demo', 'id-demo');
    await setPinned(path.join(ws.experiments, 'demo'), ['checkpoint-100'], true);
    const before = await scanWorkspace(ws.root);
    const model = await rename('demo', ' better name ');
    const run = named(model, 'better name');
    assert.equal(run.id, 'id-demo');
    assert.deepEqual(
      run.checkpoints.map(({ step, pinned, state }) => [step, pinned, state]),
      [
        [100, true, 'complete'],
        [200, false, 'complete'],
      ],
    );
    const lineage = new Lineage([model]);
    assert.equal(lineage.parentOf(named(model, 'child'))?.path, run.path);
    assert.equal(lineage.originOf(named(model, 'child'))?.step, 200);
    const back = await rename('better name', 'demo');
    assert.deepEqual(
      back.runs.map((each) => [each.name, each.checkpoints]),
      before.runs.map((each) => [each.name, each.checkpoints]),
    );
  });

  it('says which runs know it by its name alone, and which would take it for another', async () => {
    branch('child', 'demo', 'id-demo');
    branch('by-name', 'demo', null);
    branch('orphan', 'gone', null);
    const model = await scanWorkspace(ws.root);
    const plan = await planRename(named(model, 'demo'), 'gone', [model]);
    assert.deepEqual(
      [plan.loses, plan.gains].map((runs) => runs.map(({ name }) => name)),
      [['by-name'], ['orphan']],
    );
    const other = await planRename(named(model, 'demo'), 'other', [model]);
    assert.deepEqual([other.loses.length, other.gains.length], [1, 0]);
  });

  it('renames a nested run where it is, and those that are in a run’s folder with it', async () => {
    ws.run('demo/layer_3', { run: { id: 'nested' } });
    const moved = await rename('demo/layer_3', 'layer_4');
    assert.ok(named(moved, 'demo/layer_4'));
    const model = await rename('demo', 'outer');
    assert.equal(named(model, 'outer/layer_4').id, 'nested');
  });

  it('is refused, in one line, for a name that is none, or another’s', async () => {
    ws.run('other');
    for (const [name, message] of [
      ['', /Type a name/],
      ['demo', /its name/],
      ['other', /already a run named other/],
      ['../demo', /cannot be a run's name/],
      ['a/b', /cannot be a run's name/],
      ['.hidden', /cannot be a run's name/],
      ['a\nb', /cannot be a run's name/],
    ] as const)
      await refused('demo', name, message);
    fs.writeFileSync(path.join(ws.experiments, 'file'), '');
    await refused('demo', 'file', /already/);
  });

  it('is refused while it trains, waits or is being written', async () => {
    const elsewhere = { liveness: 'elsewhere', detail: null } as const;
    await refused('demo', 'x', /demo is training: stop it/, (run) => ({ ...run, state: 'training' }));
    await refused('demo', 'x', /cannot be asked from here/, (run) => ({ ...run, processState: elsewhere }));
    await refused('demo', 'x', /demo waits in the queue/, (run) => ({
      ...run,
      queue: { id: '1', position: 1, failure: null },
    }));
    await refused('demo', 'x', /checkpoint-200 of demo is being written/, (run) => ({
      ...run,
      checkpoints: run.checkpoints.map((each) => (each.step === 200 ? { ...each, state: 'writing' } : each)),
    }));
    ws.run('demo/layer_1', { run: { id: 'inner' } });
    const model = await scanWorkspace(ws.root);
    const runs = model.runs.map((run) => (run.id === 'inner' ? { ...run, state: 'training' as const } : run));
    await assert.rejects(planRename(named(model, 'demo'), 'x', [{ ...model, runs }]), /demo\/layer_1 is training/);
  });

  it('is refused for one that was started after the model was made', async () => {
    const model = await scanWorkspace(ws.root);
    const { name, bootId } = thisHost();
    ws.write('demo/process.json', {
      schema: 1,
      host: name,
      boot_id: bootId,
      pid: process.pid,
      started: 1,
      start_ticks: 1,
    });
    await assert.rejects(planRename(named(model, 'demo'), 'x', [model]), /has just been started/);
  });

  it('is refused while what waits in the queue starts from one of its checkpoints', async () => {
    const model = await scanWorkspace(ws.root);
    const run = named(model, 'demo');
    const entry = {
      schema: 1,
      run: path.join(ws.experiments, 'demo-lr1e-5'),
      plan: { kind: 'branch', checkpoint: run.checkpoints[1]?.path, step: 200 },
    };
    fs.mkdirSync(path.join(ws.root, '.npt/queue'), { recursive: true });
    const file = path.join(ws.root, '.npt/queue/5-abc.json');
    fs.writeFileSync(file, JSON.stringify(entry));
    await refused('demo', 'x', /demo-lr1e-5 in the queue starts from checkpoint-200 of demo/);
    fs.rmSync(file);
    assert.ok(named(await rename('demo', 'x'), 'x'));
  });

  it('replaces nothing that came there meanwhile, and touches no other folder of the old name', async () => {
    const model = await scanWorkspace(ws.root);
    const plan = await planRename(named(model, 'demo'), 'x', [model]);
    const there = path.join(ws.experiments, 'x');
    fs.mkdirSync(there);
    await assert.rejects(renameRun(plan), /already something/);
    fs.rmdirSync(there);
    fs.renameSync(path.join(ws.experiments, 'demo'), path.join(ws.experiments, 'moved'));
    ws.run('demo');
    await assert.rejects(renameRun(plan), /another one/);
    assert.ok(fs.existsSync(path.join(ws.experiments, 'demo')) && !fs.existsSync(there));
  });
});
