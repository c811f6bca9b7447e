/** The watcher of the runs that train: no page, no VS Code. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run } from '../../../src/core/experiment/model';
import type { Alert } from '../../../src/core/metrics/alerts/alert';
import { alertTail } from '../../../src/core/metrics/alerts/alertTail';
import { DEFAULT_THRESHOLDS } from '../../../src/core/metrics/alerts/thresholds';
import { GpuMonitor } from '../../../src/core/training/gpus/gpuMonitor';
import { AlertWatch } from '../../../src/features/alerts/watch';
import { eventually } from '../../eventually';
import { aCheckpoint, aRun } from '../model/builders';

const LIMIT_MS = 60_000;

/** As the trainer writes it: fifty metrics a line, one of which may be no number. */
function line(step: number, loss: number | 'NaN', norm: number | 'NaN' = 1): string {
  const layers = Object.fromEntries(Array.from({ length: 50 }, (_, layer) => [`v_a_norm/layer_${layer}`, step]));
  const metrics = { 'loss/total': loss, 'training/grad_norm': norm, ...layers };
  return `${JSON.stringify({ event: 'metrics', segment: 1, step, time: Date.now() / 1000, metrics })}\n`;
}

const healthy = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index, 2 + ((from + index) % 3) / 100)).join('');

describe('the watcher of runs that train', () => {
  let folder: string;
  let runs: Run[];
  let told: { readonly run: string; readonly alert: Alert }[];
  let watch: AlertWatch;
  let monitor: GpuMonitor;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'npt-alerts-'));
    runs = [];
    told = [];
    monitor = new GpuMonitor(() => Promise.resolve({ gpus: [], available: false, problem: null }));
    watch = new AlertWatch(
      {
        runs: () => runs,
        lineage: () => new Lineage([{ runs }]),
        thresholds: { ...DEFAULT_THRESHOLDS, diskFreeGB: 0 },
        notValid: () => new Map(),
        gpus: monitor,
        tell: (run, alerts) => told.push(...alerts.map((alert) => ({ run: run.name, alert }))),
        log: (message) => assert.fail(message),
      },
      5,
    );
  });
  afterEach(() => {
    watch.dispose();
    monitor.dispose();
    rmSync(folder, { recursive: true });
  });

  function addRun(name: string, lines: string, rest: Partial<Run> = {}): string {
    const runPath = path.join(folder, name);
    mkdirSync(runPath);
    writeFileSync(path.join(runPath, 'metrics.jsonl'), lines);
    runs.push(aRun(name, { path: runPath, state: 'training', checkpoints: [aCheckpoint(20, runPath)], ...rest }));
    watch.modelChanged();
    return path.join(runPath, 'metrics.jsonl');
  }
  const tellsOf = async (name: string, kind: string): Promise<Alert> =>
    eventually(
      `${kind} of ${name}`,
      LIMIT_MS,
      () => told.find(({ run, alert }) => run === name && alert.kind === kind)?.alert,
    );

  it('follows those that train alone, each alert once, and proposes the last checkpoint before it', async () => {
    const log = addRun('one', healthy(1, 40));
    addRun('rests', healthy(1, 30) + line(31, 'NaN'), { state: 'stopped' });
    assert.deepEqual(
      watch.followed.map((each) => path.basename(each)),
      ['one'],
    );
    appendFileSync(log, line(41, 'NaN'));
    const nan = await tellsOf('one', 'nan');
    assert.deepEqual([nan.step, nan.branchFrom, nan.present], [41, 20, true]);
    appendFileSync(log, line(42, 'NaN') + line(43, 2.01));
    const second = addRun('two', healthy(1, 40) + line(41, 2, 'NaN'));
    assert.equal((await tellsOf('two', 'nan')).title, 'Not a finite number in training/grad_norm');
    appendFileSync(second, line(42, 90));
    await tellsOf('two', 'spike');
    assert.equal(told.filter(({ run }) => run === 'one').length, 1, JSON.stringify(told));
    runs = [];
    watch.modelChanged();
    assert.deepEqual(watch.followed, []);
  });

  it('says nothing of what was over before anybody looked', async () => {
    const log = addRun('one', healthy(1, 40) + line(41, 'NaN') + healthy(42, 80));
    const marked = addRun('two', healthy(1, 40) + line(41, 'NaN'));
    await tellsOf('two', 'nan');
    appendFileSync(log, line(81, 'NaN'));
    appendFileSync(marked, line(42, 2));
    assert.equal((await tellsOf('one', 'nan')).step, 81);
  });

  it('holds a branch against its parent’s past', async () => {
    const parent = addRun('parent', healthy(1, 200), { state: 'finished' });
    const { id, name } = runs[0] as Run;
    addRun('branch', [201, 202, 203, 204].map((step) => line(step, 40)).join(''), {
      parent: { id, run: name, checkpoint: 'checkpoint-200', step: 200 },
    });
    assert.ok(parent.endsWith('metrics.jsonl'));
    assert.equal((await tellsOf('branch', 'divergence')).step, 201);
  });

  it('finds the same again with other thresholds, and tells it once', async () => {
    const log = addRun('one', healthy(1, 40) + line(41, 'NaN'));
    await tellsOf('one', 'nan');
    watch.setThresholds({ ...DEFAULT_THRESHOLDS, diskFreeGB: 0, spikeDeviations: 20 });
    appendFileSync(log, line(42, 2) + line(43, 99));
    await tellsOf('one', 'spike');
    assert.equal(told.length, 2);
  });

  it('keeps of a log what alerts need, however many metrics it has, and of a long one its end', async () => {
    const runPath = path.join(folder, 'many');
    mkdirSync(runPath);
    writeFileSync(path.join(runPath, 'metrics.jsonl'), healthy(1, 100) + line(101, 2, 'NaN') + line(102, 2));
    const tail = alertTail(runPath);
    await tail.poll();
    assert.deepEqual(
      [...tail.log.series].map(([name, series]) => [name, series.length]),
      [
        ['loss/total', 102],
        ['training/grad_norm', 2],
      ],
    );
  });
});
