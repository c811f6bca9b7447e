import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MetricsLog } from '../../../src/core/metrics/log';
import type { LogSource } from '../../../src/core/metrics/sources/source';
import { field } from '../../../src/core/metrics/sources/field';
import { ours } from '../../../src/core/metrics/sources/ours';

function metrics(step: number, value: number | string, segment = 1, name = 'loss/total'): string {
  return JSON.stringify({ event: 'metrics', segment, step, time: 100 + step, metrics: { [name]: value } });
}

function start(segment: number, resumeStep: number): string {
  return JSON.stringify({ event: 'start', segment, resume_step: resumeStep, changed: {}, time: 0 });
}

function read(text: string, cuts: readonly number[] = [], source: LogSource = ours): MetricsLog {
  const bytes = Buffer.from(text);
  const log = new MetricsLog(source);
  let from = 0;
  for (const cut of [...cuts.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    log.push(bytes.subarray(from, cut));
    from = cut;
  }
  return log;
}

function points(log: MetricsLog): unknown {
  return {
    series: [...log.series].map(([name, series]) => [name, [...series.steps], [...series.times], [...series.values]]),
    segments: log.segments,
    stages: log.stages,
    end: log.end,
  };
}

/** Lines as they come, whole and torn, in any order of steps. */
const anyLine = fc.oneof(
  fc
    .record({
      step: fc.integer({ min: 1, max: 200 }),
      value: fc.oneof(fc.double(), fc.constantFrom('NaN', 'Infinity')),
      segment: fc.integer({ min: 1, max: 3 }),
    })
    .map(({ step, value, segment }) =>
      metrics(step, Number.isFinite(value) || typeof value === 'string' ? (value as number) : 'NaN', segment),
    ),
  fc
    .record({ segment: fc.integer({ min: 1, max: 3 }), step: fc.integer({ min: 0, max: 200 }) })
    .map(({ segment, step }) => start(segment, step)),
  fc.constantFrom(
    '{"event":"stage","step":12,"stage":"mixed","index":1,"mixing_ratio":0.5}',
    '{"event":"metrics","st',
    '',
    'ünïcode ✓',
    '{"step": 7, "total_loss": NaN}',
    '{"event":"end","why":"done","step":9}',
  ),
);

describe('a metrics log', () => {
  it('reads the same whatever pieces the file comes in', () => {
    fc.assert(
      fc.property(
        fc.array(anyLine, { maxLength: 40 }),
        fc.array(fc.nat({ max: 5000 }), { maxLength: 30 }),
        (lines, cuts) => {
          const text = lines.join('\n') + '\n';
          assert.deepEqual(points(read(text, cuts)), points(read(text)));
        },
      ),
    );
  });

  it('never goes back: steps ascend in every series, whatever the file says', () => {
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 60 }), (lines) => {
        for (const series of read(lines.join('\n') + '\n').series.values()) {
          for (let index = 1; index < series.length; index += 1)
            assert.ok((series.steps[index] as number) > (series.steps[index - 1] as number));
        }
      }),
    );
  });

  it('drops what a resume took back', () => {
    const lines = [
      start(1, 0),
      metrics(10, 5),
      metrics(20, 4),
      metrics(30, 3),
      metrics(30, 9, 1, 'eval_loss/total'),
      start(2, 20),
      metrics(30, 2, 2),
      metrics(40, 1, 2),
    ];
    const log = read(lines.join('\n') + '\n');
    const loss = log.series.get('loss/total');
    assert.deepEqual([...(loss?.steps ?? [])], [10, 20, 30, 40]);
    assert.deepEqual([...(loss?.values ?? [])], [5, 4, 2, 1]);
    assert.equal(log.series.get('eval_loss/total')?.length, 0);
    assert.deepEqual(log.segments, [
      { segment: 1, from: 0, to: 20 },
      { segment: 2, from: 20, to: 40 },
    ]);
  });

  it('takes a resume whose start line is torn from the segment’s number', () => {
    const log = read(
      [start(1, 0), metrics(10, 5), metrics(20, 4), '{"event":"start","seg', metrics(15, 3, 2)].join('\n') + '\n',
    );
    assert.deepEqual([...(log.series.get('loss/total')?.steps ?? [])], [10, 15]);
    assert.deepEqual(
      log.segments.map((each) => each.segment),
      [1, 2],
    );
  });

  it('takes a step that goes back in the field’s log for a resume, in evaluations too', () => {
    const rows = [
      '{"step":10,"total_loss":5}',
      '{"step":20,"total_loss":4}',
      '{"step":20,"val_loss":8}',
      '{"step":12,"total_loss":3}',
      '{"step":12,"val_loss":7}',
    ];
    const log = read(rows.join('\n') + '\n', [], field);
    assert.deepEqual([...(log.series.get('loss/total')?.steps ?? [])], [10, 12]);
    assert.deepEqual([...(log.series.get('eval_loss/total')?.steps ?? [])], [12]);
    assert.equal(log.segments.length, 2);
  });

  it('counts a line only once its newline is there', () => {
    const log = new MetricsLog();
    log.push(Buffer.from(metrics(10, 5)));
    assert.equal(log.lastStep, null);
    log.push(Buffer.from('\n'));
    assert.equal(log.lastStep, 10);
  });

  it('does not keep what the caller’s buffer held', () => {
    const log = new MetricsLog();
    const buffer = Buffer.from(metrics(10, 5));
    log.push(buffer);
    buffer.fill(0x20);
    log.push(Buffer.from('\n'));
    assert.equal(log.lastStep, 10);
  });

  it('skips a line that is too long to be one, and reads on', () => {
    const log = read('x'.repeat(9 << 20) + '\n' + metrics(10, 5) + '\n', [1 << 20, 5 << 20]);
    assert.equal(log.lastStep, 10);
  });
});
