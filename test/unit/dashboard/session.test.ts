import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import { thisHost } from '../../../src/core/thisHost';
import { DEFAULT_THRESHOLDS } from '../../../src/core/metrics/alerts/thresholds';
import { GpuMonitor } from '../../../src/core/training/gpus/gpuMonitor';
import type { Gpu } from '../../../src/core/training/gpus/gpu';
import { DashboardSession } from '../../../src/features/dashboard/session';
import { parseHostMessage, type Curve, type HostMessage, type RunCommand } from '../../../src/protocol/dashboard';
import type { Addressed } from '../../../src/protocol/requests';

function line(step: number, loss: number): string {
  return (
    JSON.stringify({ event: 'metrics', segment: 1, step, time: 1000 + step, metrics: { 'loss/total': loss } }) + '\n'
  );
}

function steps(curve: Curve | undefined): number[] {
  return curve === undefined ? [] : [...new Float64Array(curve.x)];
}

describe('a dashboard’s session', () => {
  let experiments: string;
  let runs: Run[];
  let posted: (HostMessage & Addressed)[];
  let acts: [RunCommand, string][];
  let logged: string[];
  let saved: (() => Promise<string | Uint8Array>)[];
  let session: DashboardSession;
  /** What nvidia-smi says at this moment. */
  let gpus: Gpu[];
  let monitor: GpuMonitor;

  function addRun(name: string, lines: string, parent: Run['parent'] = null): Run {
    const folder = path.join(experiments, name);
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'metrics.jsonl'), lines);
    const run: Run = {
      name,
      id: name,
      path: folder,
      state: 'training',
      step: 0,
      maxSteps: 1000,
      stage: null,
      created: 0,
      parent,
      config: { seed: name },
      curriculum: null,
      process: null,
      processState: null,
      exit: null,
      loss: null,
      checkpoints: [],
      final: null,
    };
    runs.push(run);
    return run;
  }

  function open(run: Run): void {
    session = new DashboardSession(run.path, {
      post: (message) => {
        // As the page does it.
        assert.ok(parseHostMessage(message), `refused: ${JSON.stringify(message)}`);
        posted.push(message);
      },
      runs: () => runs,
      lineage: () => new Lineage([{ runs }]),
      scanning: () => false,
      canTrain: () => true,
      gpus: monitor,
      thresholds: () => DEFAULT_THRESHOLDS,
      notValid: () => new Map(),
      act: (command, target) => acts.push([command, target]),
      save: (_message, content) => saved.push(content),
      focused: () => undefined,
      log: (message) => logged.push(message),
    });
    session.receive({ type: 'ready' });
  }

  async function message<T extends HostMessage['type']>(
    type: T,
    accept: (message: Extract<HostMessage, { type: T }> & Addressed) => boolean = () => true,
  ): Promise<Extract<HostMessage, { type: T }> & Addressed> {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const index = posted.findIndex(
        (each) => each.type === type && accept(each as Extract<HostMessage, { type: T }> & Addressed),
      );
      if (index !== -1) return posted.splice(index, 1)[0] as Extract<HostMessage, { type: T }> & Addressed;
      if (Date.now() > deadline)
        throw new Error(`No ${type} came; there were: ${posted.map((each) => each.type).join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  const curveOf = (run: Run): object => ({ run: run.path, metric: 'loss/total', smoothing: 0, width: 400 });

  const watch = (request: number, run: Run, range: [number, number] | null = null): unknown => ({
    type: 'watch',
    request,
    axis: 'step',
    range,
    smoothing: null,
    curves: [{ run: run.path, metric: 'loss/total', smoothing: 0, width: 400 }],
  });

  beforeEach(() => {
    experiments = mkdtempSync(path.join(tmpdir(), 'npt-session-'));
    runs = [];
    posted = [];
    acts = [];
    logged = [];
    saved = [];
    gpus = [];
    monitor = new GpuMonitor(() => Promise.resolve({ gpus, available: true, problem: null }), 20);
  });

  afterEach(() => {
    session.dispose();
    monitor.dispose();
    rmSync(experiments, { recursive: true, force: true });
  });

  it('has the page draw other runs over it, once it is there and once more when asked again', async () => {
    const run = addRun('a', line(10, 5));
    open(run);
    session.overlay(['/x/b', '/x/c']);
    await message('snapshot');
    assert.deepEqual((await message('overlay')).runs, ['/x/b', '/x/c']);
    session.overlay(['/x/d']);
    assert.deepEqual((await message('overlay')).runs, ['/x/d']);
    session.setVisible(false);
    session.setVisible(true);
    await message('snapshot');
    assert.ok(!posted.some(({ type }) => type === 'overlay'));
  });

  it('sends a snapshot, then the curves asked for, then only what was appended', async () => {
    const run = addRun('a', line(10, 5) + line(20, 4));
    open(run);
    const snapshot = await message('snapshot');
    assert.deepEqual(snapshot.metrics, ['loss/total']);
    assert.equal(snapshot.figures.step, 20);
    session.receive(watch(1, run));
    const curves = await message('curves');
    assert.deepEqual(steps(curves.curves[0]), [10, 20]);
    appendFileSync(path.join(run.path, 'metrics.jsonl'), line(30, 3) + line(40, 2));
    const points = await message('points');
    assert.equal(points.request, 1);
    assert.deepEqual(steps(points.curves[0]), [30, 40]);
    assert.equal((await message('figures')).figures.step, 40);
  });

  it('draws the losses of Hugging Face’s Trainer, and more with its next checkpoint', async () => {
    const run = addRun('a', '');
    rmSync(path.join(run.path, 'metrics.jsonl'));
    const save = (name: string): void => {
      cpSync(path.join('test/fixtures/huggingface/run', name), path.join(run.path, name), { recursive: true });
    };
    save('checkpoint-20');
    open(run);
    const snapshot = await message('snapshot');
    assert.ok(snapshot.metrics.includes('eval_loss/total'));
    assert.deepEqual([snapshot.figures.step, snapshot.hasTimes], [20, false]);
    session.receive(watch(1, run));
    assert.deepEqual(steps((await message('curves')).curves[0]), [5, 10, 15, 20]);
    save('checkpoint-40');
    const points = await message('curves');
    assert.deepEqual(steps(points.curves[0]), [5, 10, 15, 20, 25, 30, 35, 40]);
  });

  it('sends a curve whole again when a resume took points back', async () => {
    const run = addRun('a', line(10, 5) + line(20, 4) + line(30, 3));
    open(run);
    await message('snapshot');
    session.receive(watch(1, run));
    await message('curves');
    appendFileSync(
      path.join(run.path, 'metrics.jsonl'),
      '{"event":"start","segment":2,"resume_step":10}\n' + line(15, 1).replace('"segment":1', '"segment":2'),
    );
    assert.deepEqual(steps((await message('curves')).curves[0]), [10, 15]);
  });

  it('sends nothing that lies past the window', async () => {
    const run = addRun('a', Array.from({ length: 50 }, (_, index) => line(index + 1, 1)).join(''));
    open(run);
    await message('snapshot');
    session.receive(watch(1, run, [5, 20]));
    await message('curves');
    appendFileSync(path.join(run.path, 'metrics.jsonl'), line(51, 3));
    await message('figures');
    assert.equal(
      posted.some((each) => each.type === 'points'),
      false,
    );
  });

  it('sends each curve in buffers of its own', async () => {
    const run = addRun('a', line(10, 5) + line(20, 4));
    open(run);
    await message('snapshot');
    session.receive(watch(1, run));
    const [curve] = (await message('curves')).curves;
    assert.equal(curve?.x.byteLength, 16);
    assert.equal(curve.line.byteLength, 8);
  });

  it('shows a branch with its parent’s past', async () => {
    const parent = addRun('a', line(10, 5) + line(20, 4) + line(30, 3));
    const branch = addRun('b', line(25, 9), { id: 'a', run: 'a', checkpoint: 'checkpoint-20', step: 20 });
    open(branch);
    assert.equal((await message('snapshot')).run.parentPath, parent.path);
    session.receive(watch(1, branch));
    assert.deepEqual(steps((await message('curves')).curves[0]), [10, 20, 25]);
    // The same run seen from its parent's dashboard is only what it trained itself.
    session.receive({ type: 'focus', run: parent.path });
    await message('snapshot');
    session.receive(watch(2, branch));
    assert.deepEqual(steps((await message('curves', (each) => each.request === 2)).curves[0]), [25]);
  });

  it('reads and sends nothing while it is not seen', async () => {
    const run = addRun('a', line(10, 5));
    open(run);
    await message('snapshot');
    session.setVisible(false);
    posted.length = 0;
    appendFileSync(path.join(run.path, 'metrics.jsonl'), line(20, 4));
    session.modelChanged();
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.deepEqual(posted, []);
    session.setVisible(true);
    assert.equal((await message('snapshot')).figures.step, 20);
  });

  it('tells what the run uses of its GPUs while it trains here and is seen, and that there is no more of it', async () => {
    const run = addRun('a', line(10, 5));
    const gpu: Gpu = {
      ...{ uuid: 'GPU-1', index: '0', name: 'NVIDIA H100', memoryBytes: 80e9, usedBytes: 61.2e9, utilisation: 0.5 },
      processes: [{ pid: process.pid, memoryBytes: 61e9 }],
    };
    gpus = [gpu, { ...gpu, uuid: 'GPU-2', index: '1', processes: [{ pid: 1, memoryBytes: null }] }];
    const trains: Run = {
      ...run,
      process: {
        ...{ host: thisHost().name, bootId: thisHost().bootId, started: 0, startTicks: 1, launcher: 'local' },
        // The process on the GPU is one below the run's, as torchrun's are.
        ...{ pid: process.ppid, job: null, segment: 1 },
      },
    };
    runs = [trains];
    open(trains);
    await message('snapshot');
    const use = { names: ['GPU 0: NVIDIA H100'], usedBytes: 61.2e9, memoryBytes: 80e9, utilisation: 0.5 };
    assert.deepEqual((await message('gpus')).use, use);
    session.setVisible(false);
    posted.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(posted, []);
    session.setVisible(true);
    await message('snapshot');
    assert.deepEqual((await message('gpus')).use, use);
    runs = [{ ...trains, state: 'stopped' }];
    session.modelChanged();
    await message('gpus', (each) => each.use === null);
  });

  it('answers a page that was made anew, though it counts from the beginning', async () => {
    const run = addRun('a', line(10, 5));
    open(run);
    await message('snapshot');
    session.receive(watch(40, run));
    await message('curves');
    session.receive({ type: 'ready' });
    await message('snapshot');
    session.receive(watch(1, run));
    assert.equal((await message('curves')).request, 1);
  });

  it('goes on live in a page that was made anew while a large run was read for the one before', async () => {
    const run = addRun('a', line(10, 5));
    const large = addRun('large', Array.from({ length: 100_000 }, (_, index) => line(index + 1, 1)).join(''));
    open(run);
    await message('snapshot');
    session.receive(watch(40, run));
    await message('curves');
    // Overlaid in the old page; before it is read, the tab is hidden and shown, and VS Code has made another page.
    session.receive({ ...(watch(41, run) as object), curves: [curveOf(run), curveOf(large)] });
    session.setVisible(false);
    session.setVisible(true);
    session.receive({ type: 'ready', page: 'second' });
    session.receive({ ...(watch(1, run) as object), page: 'second' });
    await message('curves', (each) => each.request === 1);
    // Asked by the new page too, so that an answer tells when the large run was read.
    session.receive({ ...(watch(2, run) as object), page: 'second', curves: [curveOf(run), curveOf(large)] });
    await message('curves', (each) => each.curves.some((curve) => steps(curve).length > 100));
    appendFileSync(path.join(run.path, 'metrics.jsonl'), line(20, 4));
    const points = await message('points');
    assert.deepEqual([points.request, points.page], [2, 'second']);
    assert.ok(
      posted.every((each) => (each.type !== 'curves' && each.type !== 'points') || each.request <= 2),
      'no answer to a page that is gone',
    );
  });

  it('answers no page but the one that listens', async () => {
    const run = addRun('a', line(10, 5));
    const other = addRun('b', line(10, 5));
    open(run);
    await message('snapshot');
    session.receive({ type: 'ready', page: 'new' });
    await message('snapshot', (each) => each.page === 'new');
    session.receive({ ...(watch(7, run) as object), page: 'old' });
    session.receive({ type: 'compare', request: 9, other: other.path, page: 'old' });
    session.receive({ type: 'compare', request: 1, other: other.path, page: 'new' });
    const { request, rows } = await message('difference');
    assert.deepEqual([request, rows], [1, [{ name: 'seed', before: 'a', after: 'b' }]]);
    session.receive({ ...(watch(1, run) as object), page: 'new' });
    assert.equal((await message('curves')).request, 1);
  });

  it('acts only on what the workspace has, and ignores what is no message', async () => {
    const run = addRun('a', line(10, 5));
    open(run);
    await message('snapshot');
    session.receive({ type: 'act', command: 'stop', path: '/etc/passwd' });
    session.receive({ type: 'act', command: 'stop', path: run.path });
    session.receive({ type: 'act', command: 'format', path: run.path });
    assert.deepEqual(acts, [['stop', run.path]]);
    assert.equal(logged.length, 1);
  });

  it('tells of the run as the model has it when its files were read, not as it was before', async () => {
    const run = addRun('a', line(10, 5));
    open(run);
    const stopped: Run = { ...run, state: 'stopped' };
    runs = [stopped];
    assert.equal((await message('snapshot')).run.state, 'stopped');
    const other = addRun('b', line(10, 5));
    await session.focus(other.path);
    await message('snapshot', (each) => each.run.path === other.path);
    const focused = session.focus(stopped.path);
    runs = [{ ...stopped, state: 'finished' }, other];
    session.modelChanged();
    await focused;
    assert.equal((await message('model')).run.state, 'finished');
    assert.equal((await message('snapshot')).run.state, 'finished');
  });

  it('tells names of metrics only when there are others', async () => {
    const run = addRun('a', line(10, 5));
    open(run);
    await message('snapshot');
    appendFileSync(path.join(run.path, 'metrics.jsonl'), line(20, 4));
    assert.equal((await message('figures', ({ figures }) => figures.step === 20)).metrics, undefined);
    appendFileSync(path.join(run.path, 'metrics.jsonl'), line(30, 4).replace('loss/total', 'training/grad_norm'));
    const named = await message('figures', ({ metrics }) => metrics !== undefined);
    assert.deepEqual(named.metrics, ['loss/total', 'training/grad_norm']);
  });

  it('saves what the page drew as it came, and the points of runs that there are as CSV', async () => {
    const run = addRun('a, "b"', line(10, 5) + line(20, 4.5));
    open(run);
    await message('snapshot');
    const name = 'loss';
    session.receive({ type: 'save', format: 'csv', name, metric: 'loss/total', runs: [run.path, '/elsewhere'] });
    session.receive({ type: 'save', format: 'svg', name, content: '<svg/>' });
    session.receive({ type: 'save', format: 'png', name, content: Buffer.from('png').toString('base64') });
    assert.deepEqual((await Promise.all(saved.map((content) => content()))).map(String), [
      'run,step,time,value\n"a, ""b""",10,1010,5\n"a, ""b""",20,1020,4.5\n',
      '<svg/>',
      'png',
    ]);
  });

  it('says so when the run is gone, and comes back with it', async () => {
    const run = addRun('a', line(10, 5));
    open(run);
    await message('snapshot');
    runs = [];
    session.modelChanged();
    assert.equal((await message('missing')).path, run.path);
    runs = [run];
    session.modelChanged();
    await message('snapshot');
  });

  it('follows a run that is renamed, and does not take a copy for it', async () => {
    const run = addRun('a', line(10, 5));
    const copy = { ...addRun('copy', line(10, 5)), id: run.id };
    runs = [run, copy];
    open(run);
    await message('snapshot');
    const renamed = { ...addRun('b', line(10, 5)), id: run.id };
    runs = [copy];
    session.modelChanged();
    assert.equal((await message('missing')).path, run.path);
    // The new name may be seen in a scan of its own.
    runs = [copy, renamed];
    session.modelChanged();
    assert.equal((await message('snapshot')).run.path, renamed.path);
    assert.equal(session.runPath, renamed.path);
  });

  it('tells the page where the runs are that it draws over its own, once they are renamed', async () => {
    const run = addRun('a', line(10, 5));
    const overlaid = addRun('o', line(10, 7));
    open(run);
    await message('snapshot');
    session.receive({ ...(watch(1, run) as object), curves: [curveOf(run), curveOf(overlaid)] });
    await message('curves');
    const renamed = { ...addRun('o-2', line(10, 7)), id: overlaid.id };
    runs = [run, renamed];
    posted = [];
    session.modelChanged();
    assert.deepEqual((await message('renamed')).runs, [{ from: overlaid.path, to: renamed.path }]);
    assert.equal(posted[0]?.type, 'model', 'the page knows where they are before it is told that they are gone');
    // Once more; and a page that was thrown away meanwhile, and kept the first name.
    const again = { ...addRun('o-3', line(10, 7)), id: overlaid.id };
    session.receive({ ...(watch(2, run) as object), curves: [curveOf(run), curveOf(renamed)] });
    await message('curves', ({ request }) => request === 2);
    runs = [run, again];
    session.setVisible(false);
    session.modelChanged();
    posted = [];
    session.setVisible(true);
    session.receive({ type: 'ready', page: 'another' });
    assert.deepEqual((await message('renamed', ({ page }) => page === 'another')).runs, [
      { from: overlaid.path, to: again.path },
      { from: renamed.path, to: again.path },
    ]);
    await message('snapshot', ({ page }) => page === 'another');
    // Another run that gets the old name is another run.
    runs = [run, again, { ...overlaid, id: 'new' }];
    posted = [];
    session.receive({ type: 'ready', page: 'third' });
    assert.deepEqual((await message('renamed', ({ page }) => page === 'third')).runs, [
      { from: renamed.path, to: again.path },
    ]);
  });
});
