/** TensorBoard's event files as metrics: those that its own libraries wrote (test/fixtures/tensorboard), and as they grow, tear and break. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { PbfWriter } from 'pbf';
import { readMetrics } from '../../../src/core/metrics/read';
import { MetricsTail } from '../../../src/core/metrics/tail';
import { maskedCrc32c } from '../../../src/core/metrics/tfevents/crc32c';
import { TfRecords } from '../../../src/core/metrics/tfevents/records';

const FIXTURE = path.resolve('test/fixtures/tensorboard');
const RESUMED = path.join(FIXTURE, 'resumed');
const started = 1_700_000_000;

/** The record of one value, as a SummaryWriter writes it. */
function scalar(tag: string, step: number, value: number): Buffer {
  const event = new PbfWriter();
  event.writeDoubleField(1, started + step);
  event.writeVarintField(2, step);
  event.writeMessage(
    5,
    (_, summary) => {
      summary.writeMessage(
        1,
        (__, each) => {
          each.writeStringField(1, tag);
          each.writeFloatField(2, value);
        },
        null,
      );
    },
    null,
  );
  return record(event.finish());
}

/** The record by which a writer says that it begins again at a step. */
function beginning(step: number): Buffer {
  const event = new PbfWriter();
  event.writeVarintField(2, step);
  event.writeMessage(
    7,
    (_, session) => {
      session.writeVarintField(1, 1);
    },
    null,
  );
  return record(event.finish());
}

function record(data: Uint8Array): Buffer {
  const header = Buffer.alloc(12);
  header.writeBigUInt64LE(BigInt(data.length), 0);
  header.writeUInt32LE(maskedCrc32c(header.subarray(0, 8)), 8);
  const end = Buffer.alloc(4);
  end.writeUInt32LE(maskedCrc32c(data), 0);
  return Buffer.concat([header, data, end]);
}

const eventFile = (folder: string): string => {
  const [name = ''] = readdirSync(folder);
  return path.join(folder, name);
};

describe('the metrics of TensorBoard', () => {
  let run: string;
  beforeEach(() => {
    run = mkdtempSync(path.join(tmpdir(), 'npt-tb-'));
  });
  afterEach(() => {
    rmSync(run, { recursive: true, force: true });
  });

  const losses = (tail: MetricsTail, name = 'loss'): number[] => [...(tail.log.series.get(name)?.values ?? [])];
  const begin = (time: number, ...records: readonly Buffer[]): string => {
    const file = path.join(run, `events.out.tfevents.${time}.host.1.0`);
    writeFileSync(file, Buffer.concat(records));
    return file;
  };

  it('are those of a run and of its resume, under our names and without what is none', async () => {
    const { series, segments } = await readMetrics(RESUMED);
    const steps = Array.from({ length: 15 }, (_, index) => 10 * (index + 1));
    assert.deepEqual(series['loss/total'], {
      steps,
      values: steps.map((step) => Math.fround((step < 60 ? 100 : 50) / step)),
    });
    assert.deepEqual(series['eval_loss/total'], {
      steps: [50, 100, 150],
      values: [2.5, 1, 50 / 150 + 0.5].map(Math.fround),
    });
    assert.deepEqual(Object.keys(series).sort(), [
      'eval_loss/total',
      'loss/total',
      'training/grad_norm',
      'training/learning_rate',
    ]);
    assert.deepEqual(segments, [
      { segment: 1, from: 10, to: 59 },
      { segment: 2, from: 59, to: 150 },
    ]);
    const tail = new MetricsTail(RESUMED);
    await tail.poll();
    assert.equal(tail.log.series.get('loss/total')?.times[14], started + 3600 + 150);
  });

  it('are read where scalars are tensors, and taken back where a writer says so', async () => {
    const { series } = await readMetrics(path.join(FIXTURE, 'tensors'));
    assert.deepEqual(series['loss'], { steps: [1, 2, 3, 4], values: [2, 1, 2 / 3, 9].map(Math.fround) });
  });

  it('stay where a writer begins again at the very step that was logged last', async () => {
    begin(1_700_000_000, scalar('loss', 3, 1), scalar('loss', 4, 2), beginning(4), scalar('loss', 4, 9));
    assert.deepEqual((await readMetrics(run)).series['loss'], { steps: [3, 4], values: [1, 9] });
  });

  it('grow with the file, a torn record counting once it is whole, and a value that is no number as well', async () => {
    const file = begin(1_700_000_000, scalar('loss', 1, 3));
    const tail = new MetricsTail(run);
    assert.equal(await tail.poll(), true);
    assert.equal(await tail.poll(), false, 'nothing was written');
    const next = scalar('loss', 2, Number.NaN);
    appendFileSync(file, next.subarray(0, 20));
    await tail.poll();
    assert.deepEqual(losses(tail), [3]);
    appendFileSync(file, next.subarray(20));
    await tail.poll();
    assert.deepEqual(losses(tail), [3, Number.NaN]);
  });

  it('of one step are one row, whose steps and times they share', async () => {
    begin(1_700_000_000, ...[1, 2, 3].flatMap((step) => [scalar('a', step, step), scalar('b', step, -step)]));
    const tail = new MetricsTail(run);
    await tail.poll();
    const [a, b] = ['a', 'b'].map((name) => tail.log.series.get(name));
    assert.ok(a !== undefined && a.axis === b?.axis && a.length === 3);
  });

  it('of one tag do not take others back: epochs are counted beside steps', async () => {
    begin(
      1_700_000_000,
      ...[10, 20, 30].flatMap((step) => [scalar('loss', step, step), scalar('epoch_loss', step / 10, 1)]),
    );
    const { series, segments } = await readMetrics(run);
    assert.deepEqual(series['loss']?.steps, [10, 20, 30]);
    assert.deepEqual(series['epoch_loss']?.steps, [1, 2, 3]);
    assert.equal(segments.length, 1);
  });

  it('go on in the file of a resume, and are read anew where a file was replaced or is gone', async () => {
    const first = begin(1_700_000_000, scalar('loss', 1, 1), scalar('loss', 2, 2), scalar('rare', 2, 7));
    const tail = new MetricsTail(run);
    await tail.poll();
    begin(1_700_000_100, scalar('loss', 2, 5), scalar('loss', 3, 6));
    await tail.poll();
    assert.deepEqual(losses(tail), [1, 5, 6]);
    assert.deepEqual(losses(tail, 'rare'), [], 'what the killed process logged from there on is no past of this curve');
    assert.equal(tail.epoch, 0);
    rmSync(first);
    await tail.poll();
    assert.deepEqual(losses(tail), [5, 6]);
    assert.equal(tail.epoch, 1);
  });

  it('are our own log’s where there is one', async () => {
    begin(1_700_000_000, scalar('loss', 1, 3));
    writeFileSync(path.join(run, 'metrics.jsonl'), '{"event":"metrics","step":1,"metrics":{"loss/total":2}}\n');
    assert.deepEqual(Object.keys((await readMetrics(run)).series), ['loss/total']);
  });

  it('come before trainer_state.json, which is only written at saves; one without them counts alone', async () => {
    cpSync(RESUMED, run, { recursive: true });
    writeFileSync(path.join(run, 'trainer_state.json'), '{"global_step":1,"log_history":[{"step":1,"loss":4}]}');
    assert.equal((await readMetrics(run)).series['loss/total']?.steps.length, 15);
    rmSync(path.join(run, 'runs'), { recursive: true });
    mkdirSync(path.join(run, 'runs'));
    writeFileSync(path.join(run, 'logs'), 'a file of that name');
    assert.equal((await readMetrics(run)).series['loss/total']?.steps.length, 1);
  });

  it('end where a file is damaged, and what was read before stays', async () => {
    const damaged = scalar('loss', 2, 2);
    damaged[damaged.length - 6] = 0xff;
    begin(1_700_000_000, scalar('loss', 1, 1), damaged, scalar('loss', 3, 3));
    begin(1_700_000_100, scalar('loss', 4, 4));
    assert.deepEqual((await readMetrics(run)).series['loss'], { steps: [1, 4], values: [1, 4] });
  });

  it('are the same however the bytes come', () => {
    const file = readFileSync(eventFile(path.join(RESUMED, 'runs/Nov28_10-00-00_node1')));
    const whole = new TfRecords().push(file).map((data) => Buffer.from(data).toString('hex'));
    assert.ok(whole.length > 30);
    fc.assert(
      fc.property(fc.array(fc.nat(file.length), { maxLength: 12 }), (cuts) => {
        const reader = new TfRecords();
        const places = [0, ...cuts.sort((a, b) => a - b), file.length];
        const found = places.slice(1).flatMap((end, at) => reader.push(file.subarray(places[at], end)));
        assert.deepEqual(
          found.map((data) => Buffer.from(data).toString('hex')),
          whole,
        );
      }),
    );
  });

  it('of a file with any byte changed are those before it, and nothing fails', async () => {
    const records = [1, 2, 3, 4].map((step) => scalar('loss', step, step));
    const file = begin(1_700_000_000, ...records);
    const whole = Buffer.concat(records);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] ?? 0) ^ change;
        writeFileSync(file, changed);
        const intact = Math.floor(at / (records[0]?.length ?? 1));
        assert.deepEqual((await readMetrics(run)).series['loss']?.steps ?? [], [1, 2, 3, 4].slice(0, intact));
      }),
    );
  });

  it('are found behind a record that is far too long, and no message is one as well', async () => {
    const picture = record(Buffer.alloc(3 << 20, 7));
    const bytes = Buffer.concat([picture, record(Buffer.from([0xff, 0xff, 0xff])), scalar('loss', 1, 1)]);
    const reader = new TfRecords();
    let found = 0;
    for (let at = 0; at < bytes.length; at += 100_000) found += reader.push(bytes.subarray(at, at + 100_000)).length;
    assert.equal(found, 2);
    begin(1_700_000_000, bytes);
    assert.deepEqual((await readMetrics(run)).series['loss']?.values, [1]);
  });
});
