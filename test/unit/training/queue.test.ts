import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Ajv from 'ajv/dist/2020';
import fc from 'fast-check';
import { queueFolder, readQueue, withQueue, type QueueEntry } from '../../../src/core/experiment/queueFiles';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { WorkspaceWatcher } from '../../../src/core/experiment/watch';
import { dispatch, hasWork, isDispatched, startNow } from '../../../src/core/training/queue/dispatcher';
import { enqueuePlans } from '../../../src/core/training/queue/enqueuePlans';
import {
  cancel,
  enqueue,
  move,
  MOVES,
  queueAgain,
  QueueError,
  readCpuSlots,
  setQueue,
} from '../../../src/core/training/queue/queue';
import { makePlan } from '../../../src/core/training/plan/makePlan';
import type { Plan } from '../../../src/core/training/plan/plan';
import { FixtureWorkspace } from '../experiment/fixtureWorkspace';

const PYTHON = process.env.NPT_TEST_PYTHON ?? 'python3';
const ROOT = path.join(__dirname, '../../..');
const SUPERVISOR = path.join(ROOT, 'supervisor/npt_supervise.py');
const SCRIPT = 'scripts/train_multi_layer_npt.py';
const HERE = { supervisor: SUPERVISOR, gpusHere: 0 };

describe("a workspace's queue", () => {
  let ws: FixtureWorkspace;
  let checkpoint: string;
  beforeEach(() => {
    ws = new FixtureWorkspace();
    fs.mkdirSync(path.join(ws.root, 'scripts'));
    // It writes down that it was started, and is a run.
    fs.writeFileSync(
      path.join(ws.root, SCRIPT),
      [
        'from npt.main import main',
        'import pathlib, sys',
        "run = pathlib.Path(sys.argv[sys.argv.index('--output_dir') + 1])",
        `(run / 'run.json').write_text('{"schema": 1, "id": "' + run.name + '"}')`,
        "open('starts', 'a').write(run.name + '\\n')",
      ].join('\n'),
    );
    fs.mkdirSync(path.join(ws.root, 'scripts/npt'));
    fs.writeFileSync(path.join(ws.root, 'scripts/npt/__init__.py'), '');
    fs.writeFileSync(path.join(ws.root, 'scripts/npt/main.py'), 'def main(): pass\n');
    ws.run('demo');
    checkpoint = ws.checkpoint('demo', 150);
  });
  afterEach(() => {
    ws.remove();
  });

  const plan = (name: string, more: Partial<Plan> = {}): Promise<Plan> =>
    makePlan({ kind: 'branch', checkpoint, name, interpreter: PYTHON, changes: { learning_rate: '1e-5' } }).then(
      (made) => ({ ...made, ...more }),
    );
  async function queued(...names: string[]): Promise<string[]> {
    return enqueue(ws.root, await Promise.all(names.map((name) => plan(name))), HERE);
  }
  const entries = async (): Promise<readonly QueueEntry[]> => (await readQueue(ws.root)).entries;
  const waiting = async (): Promise<string[]> =>
    (await entries()).filter(({ state }) => state === 'waiting').map(({ run }) => path.basename(run));
  const refused = (change: Promise<unknown>, message: RegExp): Promise<void> =>
    assert.rejects(change, (error: unknown) => error instanceof QueueError && message.test(error.message));

  it('entries are what the schema says, and hold the plan and how it is started', async () => {
    await queued('b');
    await setQueue(ws.root, { cpuSlots: 3 });
    const [entry] = await entries();
    const ajv = new Ajv({ allowUnionTypes: true });
    for (const [schema, file] of [
      ['queue-entry', entry!.file],
      ['queue', path.join(queueFolder(ws.root), 'queue.json')],
    ] as const) {
      const valid = ajv.compile(JSON.parse(fs.readFileSync(path.join(ROOT, `schemas/${schema}.schema.json`), 'utf8')));
      assert.ok(valid(JSON.parse(fs.readFileSync(file, 'utf8'))), JSON.stringify(valid.errors));
    }
    const { supervise, gpus } = entry!.content as { supervise: string[]; gpus: number };
    assert.deepEqual(supervise.slice(0, 5), [
      'run',
      '--stopped-ok',
      '--problems',
      '--run-dir',
      path.join(ws.experiments, 'b'),
    ]);
    assert.ok(supervise.includes('--learning_rate'));
    assert.equal(gpus, 0);
    assert.equal(entry!.failure, null);
    // Nothing of the environment travels with it.
    assert.doesNotMatch(fs.readFileSync(entry!.file, 'utf8'), new RegExp(process.env.PATH ?? 'no path'));
  });

  it('on a machine with GPUs an entry takes as many as its launch says, unless it trains on the CPU', async () => {
    const local = await plan('a');
    const several = await plan('b', {
      launch: { ...local.launch, options: { devices: ['GPU-aaaa', 'GPU-bbbb'] } },
    });
    const onCpu = await plan('c', {
      arguments: [...local.arguments, { name: 'device', value: 'cpu', source: 'changed', previous: null }],
    });
    const torchrun = await plan('d', {
      launch: { ...local.launch, kind: 'torchrun', options: { processes: 'gpu', devices: [] } },
    });
    await enqueue(ws.root, [local, several, onCpu, torchrun], { ...HERE, gpusHere: 4 });
    assert.deepEqual(
      (await entries()).map(({ gpus, devices }) => [gpus, devices]),
      [
        [1, []],
        [2, ['GPU-aaaa', 'GPU-bbbb']],
        [0, []],
        [4, []],
      ],
    );
  });

  it('what cannot be started is not queued: a plan with an error, a job of a cluster, a run twice', async () => {
    const made = await plan('a');
    await refused(
      enqueue(ws.root, [{ ...made, errors: [{ code: 'x', message: 'No such model.' }] }], HERE),
      /^No such model\.$/,
    );
    await refused(
      enqueue(ws.root, [{ ...made, launch: { ...made.launch, kind: 'slurm' } }], HERE),
      /a queue of its own/,
    );
    await enqueue(ws.root, [made], HERE);
    await refused(enqueue(ws.root, [made], HERE), /^a is in the queue already/);
    assert.deepEqual(await waiting(), ['a']);
  });

  it('a run that waits has its name: another plan is refused it, or takes the next', async () => {
    await queued('a');
    const [problem] = (await plan('a')).errors;
    assert.equal(problem?.message, 'A run named a is about to be started already.');
    const [remedy] = problem.remedies ?? [];
    assert.equal(remedy?.label, 'Name it a-2');
    const unnamed = await makePlan({ kind: 'branch', checkpoint, interpreter: PYTHON });
    await enqueue(ws.root, [unnamed], HERE);
    const next = await makePlan({ kind: 'branch', checkpoint, interpreter: PYTHON });
    assert.equal(path.basename(next.run), `${path.basename(unnamed.run)}-2`);
  });

  it('is ordered, and anything that waits can be moved and cancelled', async () => {
    const [, b, c] = await queued('a', 'b', 'c');
    await move(ws.root, c!, 'up');
    assert.deepEqual(await waiting(), ['a', 'c', 'b']);
    await move(ws.root, c!, 'first');
    assert.deepEqual(await waiting(), ['c', 'a', 'b']);
    await move(ws.root, c!, 'up');
    assert.deepEqual(await waiting(), ['c', 'a', 'b']);
    await move(ws.root, c!, 'last');
    await move(ws.root, b!, 'down');
    assert.deepEqual(await waiting(), ['a', 'c', 'b']);
    await cancel(ws.root, c!);
    assert.deepEqual(await waiting(), ['a', 'b']);
    await refused(cancel(ws.root, c!), /does not wait in the queue any more/);
    await refused(move(ws.root, c!, 'up'), /does not wait in the queue any more/);
  });

  it('what trains is not cancelled; what could not be started is queued again, or removed', async () => {
    const [a, b, c] = await queued('a', 'b', 'c');
    const folder = queueFolder(ws.root);
    const [first, second, third] = await entries();
    fs.renameSync(first!.file, path.join(folder, `started-${a}.json`));
    fs.renameSync(second!.file, path.join(folder, `failed-${b}.json`));
    fs.writeFileSync(third!.file, '{');
    await refused(cancel(ws.root, a!), /^a is training already: stop it instead\.$/);
    await refused(move(ws.root, a!, 'up'), /^a is training already/);
    await refused(queueAgain(ws.root, c!), /does not wait/);
    assert.deepEqual(
      (await entries()).map(({ id, state, failure }) => [id, state, failure]),
      [
        [c, 'waiting', 'its file is not JSON'],
        [a, 'started', null],
        [b, 'failed', 'why it could not be started was not written down: the disk may have been full'],
      ],
    );
    await queueAgain(ws.root, b!);
    assert.deepEqual(await waiting(), [c, 'b']);
    await cancel(ws.root, b!);
    await cancel(ws.root, c!);
    assert.deepEqual(await waiting(), []);
  });

  it('whatever several windows do at the same moment, nothing is lost or doubled and all see one order', async () => {
    // Processes of their own: in one, a change waits for the one before it.
    const program = [
      `import { move, cancel, enqueue } from '${path.join(ROOT, 'src/core/training/queue/queue.ts')}';`,
      'const [, , root, turns, plans] = process.argv;',
      'void (async () => {',
      `  await enqueue(root!, JSON.parse(plans!), { supervisor: '${SUPERVISOR}', gpusHere: 0 });`,
      '  for (const [id, where] of JSON.parse(turns!))',
      "    await (where === 'cancel' ? cancel(root!, id) : move(root!, id, where)).catch(() => undefined);",
      '})();',
    ].join('\n');
    const script = path.join(ws.root, 'window.mts');
    fs.writeFileSync(script, program);
    const ids = await queued('a', 'b', 'c', 'd', 'e', 'f');
    const doomed = ids[2]!;
    const turn = fc.tuple(fc.constantFrom(...ids), fc.constantFrom(...MOVES));
    const windows = fc.sample(fc.array(turn, { minLength: 8, maxLength: 12 }), { numRuns: 3, seed: 7 });
    const ended = await Promise.all(
      windows.map(async (turns, at) => {
        const plans = JSON.stringify([await plan(`new${at}`)]);
        const words = ['--import', 'tsx', script, ws.root, JSON.stringify([...turns, [doomed, 'cancel']]), plans];
        const child = spawn(process.execPath, words, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
        return new Promise<number | null>((resolve) => child.once('exit', resolve));
      }),
    );
    assert.deepEqual(ended, [0, 0, 0]);
    const left = await waiting();
    assert.deepEqual([...left].sort(), ['a', 'b', 'd', 'e', 'f', 'new0', 'new1', 'new2']);
    assert.deepEqual(await waiting(), left);
  });

  it('of two windows that queue the same run, one does', async () => {
    const made = await plan('same');
    const script = path.join(ws.root, 'window.mts');
    fs.writeFileSync(
      script,
      [
        `import { enqueue } from '${path.join(ROOT, 'src/core/training/queue/queue.ts')}';`,
        'const [, , root, plans] = process.argv;',
        `enqueue(root!, JSON.parse(plans!), { supervisor: '${SUPERVISOR}', gpusHere: 0 }).catch(() => undefined);`,
      ].join('\n'),
    );
    await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise((resolve) =>
            spawn(process.execPath, ['--import', 'tsx', script, ws.root, JSON.stringify([made])], {
              cwd: ROOT,
            }).once('exit', resolve),
          ),
      ),
    );
    assert.deepEqual(await waiting(), ['same']);
  });

  it('shows in the model: a new run, a run that goes on, and why one was not started', async () => {
    await queued('new');
    await enqueue(ws.root, [await makePlan({ kind: 'extend', checkpoint, interpreter: PYTHON })], HERE);
    const [failing] = await queued('failing');
    const { file } = (await entries()).find(({ id }) => id === failing)!;
    const content = JSON.parse(fs.readFileSync(file, 'utf8')) as object;
    fs.writeFileSync(file, JSON.stringify({ ...content, failure: { message: 'no such folder', time: 1 } }));
    fs.renameSync(file, path.join(queueFolder(ws.root), `failed-${failing}.json`));
    const { runs } = await scanWorkspace(ws.root);
    const seen = runs.map(({ name, state, queue, exit, parent, step, maxSteps }) => ({
      ...{ name, state, position: queue?.position, failure: queue?.failure, error: exit?.error ?? null },
      ...{ parent: parent?.run ?? null, step, maxSteps },
    }));
    const rest = { error: null, failure: null, step: 150 };
    assert.deepEqual(
      seen.sort((a, b) => (a.name < b.name ? -1 : 1)),
      [
        { name: 'demo', state: 'queued', position: 2, parent: null, ...rest, maxSteps: 300 },
        {
          ...{ name: 'failing', state: 'failed', position: null, parent: 'demo', step: 150, maxSteps: 300 },
          ...{ failure: 'no such folder', error: 'no such folder' },
        },
        { name: 'new', state: 'queued', position: 1, parent: 'demo', ...rest, maxSteps: 300 },
      ],
    );
  });

  it('shows runs that have not begun in the order in which they start, below what trains', async () => {
    await queued('a', 'b', 'c');
    const shown = async (): Promise<string[]> => (await scanWorkspace(ws.root)).runs.map(({ name }) => name);
    assert.deepEqual(await shown(), ['a', 'b', 'c', 'demo']);
    await move(ws.root, (await entries())[2]!.id, 'up');
    assert.deepEqual(await shown(), ['a', 'c', 'b', 'demo']);
    const { runs } = await scanWorkspace(ws.root);
    const [demo] = runs.filter(({ name }) => name === 'demo');
    assert.ok(demo);
    const withTraining = withQueue([{ ...demo, state: 'training' }, demo], await readQueue(ws.root), ws.experiments);
    assert.deepEqual(
      withTraining.map(({ name }) => name),
      ['demo', 'a', 'c', 'b', 'demo'],
    );
  });

  it("a copy of a workspace, and another machine's queue, say that nothing is started from here", async () => {
    await queued('a');
    const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'npt-copy-'));
    fs.cpSync(ws.root, copy, { recursive: true });
    const copied = await readQueue(copy);
    assert.match(copied.entries[0]!.failure ?? '', /another folder, of which this is a copy/);
    assert.equal(hasWork(copied), false);
    fs.rmSync(copy, { recursive: true });
    const [entry] = await entries();
    const content = JSON.parse(fs.readFileSync(entry!.file, 'utf8')) as object;
    fs.writeFileSync(entry!.file, JSON.stringify({ ...content, host: 'another' }));
    assert.match((await entries())[0]!.failure ?? '', /^it was queued on another, which starts it$/);
  });

  it('trains while nobody looks: a dispatcher, as many as are asked for, and one entry now; the model follows', async () => {
    const folder = queueFolder(ws.root);
    const ids = await queued('a', 'b', 'c');
    await setQueue(ws.root, { paused: true });
    const watcher = new WorkspaceWatcher(ws.root);
    try {
      await watcher.rescan();
      assert.equal(hasWork(await readQueue(ws.root)), false);
      assert.equal(await isDispatched(await readQueue(ws.root)), false);
      await startNow(folder, ids[1]!, PYTHON, SUPERVISOR);
      await until(() => starts().length === 1);
      await refused(startNow(folder, ids[1]!, PYTHON, SUPERVISOR), /does not wait in this queue/);
      await setQueue(ws.root, { paused: false });
      assert.equal(hasWork(await readQueue(ws.root)), true);
      await Promise.all([1, 2, 3].map(() => dispatch(folder, PYTHON, SUPERVISOR)));
      await until(() => starts().length === 3);
      assert.deepEqual(starts(), ['b', 'a', 'c']);
      await until(async () => (await entries()).length === 0 && !(await isDispatched(await readQueue(ws.root))));
      await until(() => watcher.current.runs.every(({ state }) => state !== 'queued'));
      assert.deepEqual(watcher.current.runs.map(({ name }) => name).sort(), ['a', 'b', 'c', 'demo']);
    } finally {
      watcher.dispose();
    }
  });

  it('plans are queued with the CPU slots of the settings; one that cannot be queued stops what is behind it', async () => {
    await setQueue(ws.root, { paused: true, cpuSlots: 3 });
    const [a, b] = await Promise.all(['a', 'b'].map((name) => plan(name)));
    const wrong = { ...b!, errors: [{ code: 'x', message: 'No such model.' }] };
    const { ids, problems } = await enqueuePlans([a!, wrong, b!], { ...HERE, cpuSlots: () => undefined });
    assert.deepEqual([ids.length, problems], [1, ['No such model.']]);
    assert.deepEqual(await waiting(), ['a']);
    assert.equal((await readQueue(ws.root)).cpuSlots, 3);
    const more = await enqueuePlans([b!], { ...HERE, cpuSlots: () => 2 });
    assert.deepEqual(more.problems, []);
    const { paused, cpuSlots } = await readQueue(ws.root);
    assert.deepEqual([paused, cpuSlots], [true, 2]);
    assert.deepEqual([1, 9999, 0, 2.5, '2', null].map(readCpuSlots), [1, 9999, ...Array<undefined>(4)]);
  });

  it('an interpreter that cannot be started is said in one line', async () => {
    await queued('a');
    await refused(
      dispatch(queueFolder(ws.root), '/no/such/python', SUPERVISOR),
      /^\/no\/such\/python could not start the queue: it cannot be started \(ENOENT\)\.$/,
    );
    await refused(dispatch('/no/such/queue', PYTHON, SUPERVISOR), /there is no queue at \/no\/such\/queue/);
  });

  function starts(): string[] {
    const file = path.join(ws.root, 'starts');
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  }
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 30));
}
