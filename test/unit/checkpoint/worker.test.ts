/** The worker thread and its client: the bundle as the extension ships it. */
import { buildSync } from 'esbuild';
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { compareCheckpoints } from '../../../src/core/checkpoint/compare/compare';
import { CheckpointPathError } from '../../../src/core/checkpoint/pathErrors';
import { CheckpointWorker } from '../../../src/core/checkpoint/worker/workerClient';
import { CHECKPOINTS, pickle, text, torchEntries, Workbench, zip } from './fixtures';

describe('CheckpointWorker', () => {
  const bench = new Workbench();
  let script = '';
  let worker: CheckpointWorker;

  before(() => {
    script = join(bench.root, 'worker.js');
    buildSync({
      entryPoints: [join(__dirname, '../../../src/core/checkpoint/worker/worker.ts')],
      outfile: script,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      external: ['onnxruntime-node'],
      logLevel: 'error',
    });
  });
  beforeEach(() => {
    worker = new CheckpointWorker(script);
  });
  afterEach(() => {
    worker.dispose();
  });
  after(() => {
    bench.dispose();
  });

  /** A torch file with a float tensor of `megabytes`. */
  function largeFile(megabytes: number, fill = 1): string {
    const numel = megabytes * 262_144;
    const values = pickle(
      '\x80\x02}',
      text('w'),
      'ctorch._utils\n_rebuild_tensor_v2\n',
      '((',
      text('storage'),
      'ctorch\nFloatStorage\n',
      text('0'),
      text('cpu'),
      `I${numel}\n`,
      `tQK\x00I${numel}\n\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.`,
    );
    return bench.file('large.pt', zip(torchEntries(values, { 0: Buffer.alloc(numel * 4, fill) })));
  }

  it('validates as the core does', async () => {
    const report = await worker.validate(bench.copy(CHECKPOINTS.oursDual), {});
    assert.equal(report.verdict, 'valid');
    assert.equal(report.step, 30);
    assert.equal((await worker.validate(bench.copy(CHECKPOINTS.field), { level: 'files' })).level, 'files');
  });

  it('compares as the core does, between validations', async () => {
    const [a, b] = [bench.copy(CHECKPOINTS.oursDual), bench.copy(CHECKPOINTS.oursDual)];
    const [before, comparison, after] = await Promise.all([
      worker.validate(a),
      worker.compare(a, b),
      worker.validate(b),
    ]);
    assert.deepEqual(comparison, await compareCheckpoints(a, b));
    assert.deepEqual([before.verdict, after.verdict], ['valid', 'valid']);
    await assert.rejects(worker.compare(a, join(bench.root, 'nowhere')), CheckpointPathError);
  });

  it('backs up, verifies and restores as the core does, and says what cannot be copied', async () => {
    const checkpoint = bench.copy(CHECKPOINTS.oursDual);
    const destination = join(bench.root, 'backups');
    mkdirSync(destination);
    const source = {
      id: 'id',
      run: 'demo',
      path: bench.root,
      checkpoint: 'checkpoint-30',
      place: 'checkpoints',
      step: 30,
    };
    const request = { checkpoint, source, ofRun: [], destination, outside: [] };
    const told: number[] = [];
    const { folder } = await worker.request<'backUp'>(
      { kind: 'backUp', request },
      { onProgress: (done, total) => told.push(done / total) },
    );
    assert.equal(told.at(-1), 1);
    assert.deepEqual((await worker.request<'verifyBackup'>({ kind: 'verifyBackup', folder })).problems, []);
    const run = join(bench.root, 'restored');
    const back = await worker.request<'restore'>({
      kind: 'restore',
      request: { backup: folder, run, place: null, without: [] },
    });
    assert.equal((await worker.validate(back.checkpoint)).verdict, 'valid');
    const nowhere = { ...request, destination: join(bench.root, 'nowhere') };
    await assert.rejects(worker.request<'backUp'>({ kind: 'backUp', request: nowhere }), CheckpointPathError);
    const abort = new AbortController();
    const reason = new Error('not wanted any more');
    const cancelled = worker.request<'backUp'>(
      { kind: 'backUp', request: { ...request, source: { ...source, checkpoint: 'checkpoint-31' } } },
      { signal: abort.signal },
    );
    abort.abort(reason);
    await assert.rejects(cancelled, reason);
  });

  it('stops comparing when cancelled', async () => {
    const large = (fill: number): string => {
      const folder = join(bench.root, `large-${fill}`);
      mkdirSync(folder);
      renameSync(largeFile(60, fill), join(folder, 'npt_weights.pt'));
      return folder;
    };
    const controller = new AbortController();
    const reason = new Error('not wanted any more');
    const [a, b] = [large(1), large(2)];
    const told: number[] = [];
    const cancelled = worker.compare(a, b, {
      signal: controller.signal,
      onProgress: (done, total) => told.push(done / total),
    });
    // Before the thread has even started: however fast it is, it finds the work cancelled.
    controller.abort(reason);
    await assert.rejects(cancelled, reason);
    assert.deepEqual(
      told.filter((share) => share === 1),
      [],
    );
  });

  it('gives no answer that came after the cancel', async () => {
    const controller = new AbortController();
    const reason = new Error('not wanted any more');
    const checkpoint = bench.copy(CHECKPOINTS.oursDual);
    const cancelled = worker.validate(checkpoint, {
      signal: controller.signal,
      onProgress: () => {
        controller.abort(reason);
      },
    });
    await assert.rejects(cancelled, reason);
  });

  it('answers many at once, each with its own', async () => {
    const damaged = bench.copy(CHECKPOINTS.field);
    truncateSync(join(damaged, 'npt_weights.pt'), 200);
    bench.age(damaged);
    const reports = await Promise.all([
      worker.validate(damaged, {}),
      worker.validate(bench.copy(CHECKPOINTS.field), {}),
      worker.validate(damaged, {}),
    ]);
    assert.deepEqual(
      reports.map((report) => report.verdict),
      ['invalid', 'valid', 'invalid'],
    );
  });

  it('says that a path leads nowhere, and goes on', async () => {
    await assert.rejects(worker.validate(join(bench.root, 'nowhere'), {}), CheckpointPathError);
    assert.equal((await worker.validate(bench.copy(CHECKPOINTS.field), {})).verdict, 'valid');
  });

  it('tells progress and leaves the caller’s thread free', async () => {
    const path = largeFile(60);
    // A busy machine may take the thread away for longer than that by itself: one undisturbed attempt is proof enough.
    const attempts: number[] = [];
    while (attempts.length < 50 && !attempts.some((longest) => longest < 50)) {
      let longest = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 2);
      const told: number[] = [];
      const report = await worker.validate(path, { onProgress: (done, total) => told.push(done / total) });
      clearInterval(timer);
      assert.equal(report.verdict, 'valid', JSON.stringify(report.findings));
      assert.equal(told.at(-1), 1);
      attempts.push(longest);
    }
    assert.ok(Math.min(...attempts) < 50, `the thread was held for ${attempts.join(', ')} ms`);
  });

  it('stops when cancelled, with the caller’s reason, and serves the next', async () => {
    const path = largeFile(60);
    const controller = new AbortController();
    const reason = new Error('not wanted any more');
    // At once, not at the first progress: a fast machine may be done before it tells any.
    const cancelled = worker.validate(path, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(cancelled, reason);
    const before = new AbortController();
    before.abort(reason);
    await assert.rejects(worker.validate(path, { signal: before.signal }), reason);
    assert.equal((await worker.validate(bench.copy(CHECKPOINTS.field), {})).verdict, 'valid');
  });

  it('rejects what is under way when it is disposed, and everything after', async () => {
    const pending = worker.validate(bench.copy(CHECKPOINTS.field), {});
    worker.dispose();
    await assert.rejects(pending, /has ended/);
    await assert.rejects(worker.validate('x', {}), /has ended/);
  });

  it('says why the forward check is off where the native module is not installed', async () => {
    // The bundle lies in a temporary folder, with no node_modules above it.
    const report = await worker.validate(bench.copy(CHECKPOINTS.field), { level: 'forward' });
    assert.equal(report.verdict, 'valid');
    const note = report.findings.find((finding) => finding.code === 'forward-unavailable');
    assert.equal(note?.severity, 'info');
    assert.match(note.message, /ONNX Runtime is not packaged for \S+-\S+\.$/);
  });

  it('survives a worker that dies', async () => {
    const dying = join(bench.root, 'dying.js');
    writeFileSync(dying, 'require("node:worker_threads").parentPort.on("message", () => process.exit(3));');
    const client = new CheckpointWorker(dying);
    await assert.rejects(client.validate('x', {}), /ended with code 3/);
    await assert.rejects(client.validate('x', {}), /ended with code 3/);
    client.dispose();
  });
});
