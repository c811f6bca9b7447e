import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readMetrics } from '../../../src/core/metrics/read';
import { MetricsTail } from '../../../src/core/metrics/tail';

function line(step: number, value: number | string = step): string {
  return JSON.stringify({ event: 'metrics', segment: 1, step, time: step, metrics: { 'loss/total': value } }) + '\n';
}

describe('following a metrics file', () => {
  let run: string;
  let file: string;

  beforeEach(() => {
    run = mkdtempSync(path.join(tmpdir(), 'npt-tail-'));
    file = path.join(run, 'metrics.jsonl');
  });

  afterEach(() => {
    rmSync(run, { recursive: true, force: true });
  });

  const steps = (tail: MetricsTail): number[] => [...(tail.log.series.get('loss/total')?.steps ?? [])];

  it('is empty before there is a file, and reads only what was appended', async () => {
    const tail = new MetricsTail(run);
    assert.equal(await tail.poll(), false);
    writeFileSync(file, line(1) + line(2).slice(0, 20));
    assert.equal(await tail.poll(), true);
    assert.deepEqual(steps(tail), [1]);
    appendFileSync(file, line(2).slice(20) + line(3));
    assert.equal(await tail.poll(), true);
    assert.deepEqual(steps(tail), [1, 2, 3]);
    assert.equal(await tail.poll(), false);
    assert.equal(tail.epoch, 0);
  });

  it('reads an append larger than its buffer', async () => {
    const tail = new MetricsTail(run);
    writeFileSync(file, Array.from({ length: 30000 }, (_, index) => line(index + 1)).join(''));
    await tail.poll();
    assert.equal(steps(tail).length, 30000);
  });

  it('starts over when the file shrank', async () => {
    const tail = new MetricsTail(run);
    writeFileSync(file, line(1) + line(2) + line(3));
    await tail.poll();
    truncateSync(file, line(1).length);
    assert.equal(await tail.poll(), true);
    assert.deepEqual(steps(tail), [1]);
    assert.equal(tail.epoch, 1);
  });

  it('starts over when another file took its place, though it is longer', async () => {
    const tail = new MetricsTail(run);
    writeFileSync(file, line(1));
    await tail.poll();
    writeFileSync(`${file}.new`, line(5) + line(6));
    renameSync(`${file}.new`, file);
    await tail.poll();
    assert.deepEqual(steps(tail), [5, 6]);
  });

  it('starts over when the file was rewritten in place, though it is longer', async () => {
    const tail = new MetricsTail(run);
    writeFileSync(file, line(1));
    await tail.poll();
    writeFileSync(file, line(7) + line(8));
    await tail.poll();
    assert.deepEqual(steps(tail), [7, 8]);
  });

  it('is empty again when the file was deleted', async () => {
    const tail = new MetricsTail(run);
    writeFileSync(file, line(1));
    await tail.poll();
    rmSync(file);
    assert.equal(await tail.poll(), true);
    assert.deepEqual(steps(tail), []);
  });

  it('reads the field’s file where ours is not there', async () => {
    writeFileSync(
      path.join(run, 'training_log.jsonl'),
      '{"step":10,"total_loss":1.5}\n{"step":10,"val_loss":Infinity}\n',
    );
    assert.deepEqual(await readMetrics(run), {
      segments: [{ segment: 1, from: 10, to: 10 }],
      series: {
        'loss/total': { steps: [10], values: [1.5] },
        'eval_loss/total': { steps: [10], values: ['Infinity'] },
      },
    });
  });

  it('gives the whole as JSON can hold it', async () => {
    writeFileSync(
      file,
      '{"event":"start","segment":1,"resume_step":0}\n' +
        line(1, 'NaN') +
        line(2, '-Infinity') +
        line(3, 0.5) +
        '{"event":"metrics","st',
    );
    const document = await readMetrics(run);
    assert.deepEqual(JSON.parse(JSON.stringify(document)), {
      segments: [{ segment: 1, from: 0, to: 3 }],
      series: { 'loss/total': { steps: [1, 2, 3], values: ['NaN', '-Infinity', 0.5] } },
    });
  });
});
