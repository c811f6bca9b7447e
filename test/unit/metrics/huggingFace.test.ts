/** Hugging Face's Trainer's losses, from the files that it wrote (test/fixtures/huggingface) and as these change. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readMetrics } from '../../../src/core/metrics/read';
import { MetricsTail } from '../../../src/core/metrics/tail';

const FIXTURE = path.resolve('test/fixtures/huggingface/run');
const FILE = 'trainer_state.json';

describe('the metrics of Hugging Face’s Trainer', () => {
  let run: string;
  beforeEach(() => {
    run = mkdtempSync(path.join(tmpdir(), 'npt-hf-'));
  });
  afterEach(() => {
    rmSync(run, { recursive: true, force: true });
  });

  const write = (place: string, step: number, rows: readonly object[] | string): void => {
    const folder = path.join(run, place);
    mkdirSync(folder, { recursive: true });
    const text = typeof rows === 'string' ? rows : JSON.stringify({ global_step: step, log_history: rows });
    writeFileSync(path.join(folder, FILE), text);
  };
  const rows = (...steps: number[]): object[] => steps.map((step) => ({ step, epoch: step / 10, loss: step }));
  const losses = (tail: MetricsTail): number[] => [...(tail.log.series.get('loss/total')?.values ?? [])];

  it('are all that a run logged, over its resume, under our names', async () => {
    const { series, segments } = await readMetrics(FIXTURE);
    const real = JSON.parse(readFileSync(path.join(FIXTURE, FILE), 'utf8')) as {
      log_history: { step: number; loss?: number; eval_loss?: number }[];
    };
    const logged = real.log_history.filter(({ loss }) => loss !== undefined);
    assert.equal(logged.length, 8);
    assert.deepEqual(series['loss/total'], {
      steps: logged.map(({ step }) => step),
      values: logged.map(({ loss }) => loss),
    });
    assert.deepEqual(series['eval_loss/total']?.steps, [10, 20, 30, 40]);
    assert.deepEqual(segments, [{ segment: 1, from: 5, to: 40 }]);
    assert.deepEqual(Object.keys(series).sort(), [
      'eval_loss/total',
      'eval_runtime',
      'eval_samples_per_second',
      'eval_steps_per_second',
      'loss/total',
      'training/grad_norm',
      'training/learning_rate',
    ]);
  });

  for (const place of ['', 'checkpoints']) {
    it(`come from the newest checkpoint, in ${place || 'the run itself'}, and anew with each save`, async () => {
      cpSync(path.join(FIXTURE, 'checkpoint-20'), path.join(run, place, 'checkpoint-20'), { recursive: true });
      const tail = new MetricsTail(run);
      assert.equal(await tail.poll(), true);
      assert.equal(losses(tail).length, 4);
      assert.equal(await tail.poll(), false, 'nothing was written');
      // A save that is under way has no such file yet.
      mkdirSync(path.join(run, place, 'checkpoint-40'));
      assert.equal(await tail.poll(), false);
      cpSync(path.join(FIXTURE, 'checkpoint-40'), path.join(run, place, 'checkpoint-40'), { recursive: true });
      const { revision } = tail;
      assert.equal(await tail.poll(), true);
      assert.equal(losses(tail).length, 8);
      assert.deepEqual([tail.epoch, tail.revision > revision], [1, true]);
    });
  }

  it('come from whichever goes furthest, the one beside the checkpoints or the newest checkpoint’s', async () => {
    write('', 20, rows(10, 20));
    write('checkpoint-30', 30, rows(10, 20, 30));
    const tail = new MetricsTail(run);
    await tail.poll();
    assert.deepEqual(losses(tail), [10, 20, 30]);
    write('', 40, rows(10, 20, 30, 40));
    assert.equal(await tail.poll(), true);
    assert.deepEqual(losses(tail), [10, 20, 30, 40]);
  });

  it('stay as they were while one is being written', async () => {
    write('checkpoint-10', 10, rows(10));
    const tail = new MetricsTail(run);
    await tail.poll();
    write('checkpoint-20', 20, '{"global_step": 20, "log_history": [{"step": 10');
    assert.equal(await tail.poll(), false);
    assert.deepEqual(losses(tail), [10]);
    write('checkpoint-20', 20, rows(10, 20));
    assert.equal(await tail.poll(), true);
    assert.deepEqual(losses(tail), [10, 20]);
  });

  it('go when their files are deleted, and come back', async () => {
    write('checkpoint-10', 10, rows(10));
    const tail = new MetricsTail(run);
    await tail.poll();
    rmSync(path.join(run, 'checkpoint-10'), { recursive: true });
    assert.equal(await tail.poll(), true);
    assert.deepEqual(losses(tail), []);
    assert.equal(await tail.poll(), false);
    write('checkpoint-10', 10, rows(10));
    assert.equal(await tail.poll(), true);
    assert.deepEqual(losses(tail), [10]);
  });

  it('say which file is broken where no other is there', async () => {
    write('checkpoint-10', 10, '{"log_history": [\n1,,]}');
    await assert.rejects(readMetrics(run), {
      message: `${path.join(run, 'checkpoint-10', FILE)} is not JSON (line 2)`,
    });
    write('', 5, rows(5));
    assert.deepEqual((await readMetrics(run)).series['loss/total']?.steps, [5]);
  });

  it('may be of any kind that JSON has, and NaN as Python writes it', async () => {
    write('checkpoint-10', 10, '{"global_step": 10, "log_history": [{"step": 5, "loss": NaN}, {"step": 7, "eval_loss": -Infinity, "note": "x", "list": [1]}, {"loss": 1}, 3, null]}'); // prettier-ignore
    const { series } = await readMetrics(run);
    assert.deepEqual(series, {
      'loss/total': { steps: [5], values: ['NaN'] },
      'eval_loss/total': { steps: [7], values: ['-Infinity'] },
    });
    for (const strange of ['{}', '{"log_history": {}}', '{"log_history": [], "global_step": "7"}']) {
      write('checkpoint-10', 10, strange);
      assert.deepEqual((await readMetrics(run)).series, {});
    }
  });

  it('do not hide a log of ours or of the field', async () => {
    write('checkpoint-10', 10, rows(10));
    writeFileSync(path.join(run, 'training_log.jsonl'), '{"step": 3, "total_loss": 1}\n');
    assert.deepEqual((await readMetrics(run)).series['loss/total']?.steps, [3]);
  });
});
