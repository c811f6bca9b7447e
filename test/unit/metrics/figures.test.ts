/** What a table shows of what a run logged: of a log's end, and of its evaluations. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { betterOf } from '../../../src/core/metrics/better';
import { metricsLoggedBy, RunFigures } from '../../../src/core/metrics/figures';
import { MetricsTail } from '../../../src/core/metrics/tail';

const EVAL = 'eval_loss/total';
const NORM = 'training/grad_norm';

function line(step: number, metrics: Readonly<Record<string, number | string>>, segment = 1): string {
  return `${JSON.stringify({ event: 'metrics', segment, step, time: step, metrics })}\n`;
}
const start = (segment: number, step: number): string =>
  `${JSON.stringify({ event: 'start', segment, resume_step: step })}\n`;

describe('figures of what a run logged', () => {
  let run: string;
  let file: string;

  beforeEach(() => {
    run = mkdtempSync(path.join(tmpdir(), 'npt-figures-'));
    file = path.join(run, 'metrics.jsonl');
  });
  afterEach(() => {
    rmSync(run, { recursive: true, force: true });
  });

  const read = async (...metrics: string[]): Promise<object> =>
    Object.fromEntries(await new RunFigures(run).read(metrics));

  it('are none where there is no log, and none of what it does not have', async () => {
    assert.deepEqual(await read(NORM, EVAL), { [EVAL]: { last: null, best: null } });
    writeFileSync(file, line(1, { 'loss/total': 2 }));
    assert.deepEqual(await read(NORM, EVAL), { [EVAL]: { last: null, best: null } });
  });

  it('are the last value, and of an evaluation the best by its name', async () => {
    writeFileSync(
      file,
      start(1, 0) +
        line(10, { [NORM]: 3, [EVAL]: 2.5, 'eval/agreement': 0.5, 'eval/things': 4 }) +
        line(20, { [NORM]: 1, [EVAL]: 2.1, 'eval/agreement': 0.9, 'eval/things': 1 }) +
        line(30, { [NORM]: 2, [EVAL]: 2.3, 'eval/agreement': 0.7, 'eval/things': 2 }) +
        line(40, { [NORM]: 'NaN' }),
    );
    assert.deepEqual(await read(NORM, EVAL, 'eval/agreement', 'eval/things'), {
      [NORM]: { last: Number.NaN, best: null },
      [EVAL]: { last: 2.3, best: 2.1 },
      'eval/agreement': { last: 0.7, best: 0.9 },
      // Its name does not tell which is better.
      'eval/things': { last: 2, best: null },
    });
  });

  it('are without what a resume took back', async () => {
    writeFileSync(
      file,
      start(1, 0) +
        line(10, { [NORM]: 1, [EVAL]: 2.5 }) +
        line(20, { [NORM]: 2, [EVAL]: 1.5 }) +
        start(2, 10) +
        line(20, { [NORM]: 3 }, 2),
    );
    assert.deepEqual(await read(NORM, EVAL), { [NORM]: { last: 3, best: null }, [EVAL]: { last: 2.5, best: 2.5 } });
  });

  it('go on from what was read, and begin anew with a file that is another', async () => {
    writeFileSync(file, line(10, { [EVAL]: 2.5, [NORM]: 1 }));
    const figures = new RunFigures(run);
    assert.deepEqual((await figures.read([EVAL])).get(EVAL), { last: 2.5, best: 2.5 });
    appendFileSync(file, line(20, { [EVAL]: 2 }));
    assert.deepEqual((await figures.read([EVAL])).get(EVAL), { last: 2, best: 2 });
    assert.deepEqual((await figures.read([NORM, EVAL])).get(NORM), { last: 1, best: null });
    writeFileSync(file, line(1, { [EVAL]: 9 }));
    assert.deepEqual((await figures.read([EVAL])).get(EVAL), { last: 9, best: 9 });
  });

  it('are of a long log’s last MB, but for evaluations, which are looked for in all of it', async () => {
    const filler = Array.from({ length: 12_000 }, (_, at) =>
      line(at + 2, { 'loss/total': 2, [NORM]: at, more: 'x'.repeat(60) }),
    );
    writeFileSync(file, line(1, { 'system/once': 7, [EVAL]: 2.5 }) + filler.join(''));
    assert.deepEqual(await read('system/once', NORM, EVAL), {
      [NORM]: { last: 11_999, best: null },
      [EVAL]: { last: 2.5, best: 2.5 },
    });
  });

  it('are those of the whole history, however it was resumed (property)', async () => {
    const piece = fc.record({
      back: fc.nat(40),
      rows: fc.array(fc.record({ value: fc.double({ noNaN: true, min: -9, max: 9 }), evaluated: fc.boolean() }), {
        maxLength: 12,
      }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async (pieces) => {
        let step = 0;
        let text = '';
        for (const [index, { back, rows }] of pieces.entries()) {
          step = Math.max(0, step - back);
          text += start(index + 1, step);
          for (const { value, evaluated } of rows) {
            step += 5;
            text += line(step, { [NORM]: value, ...(evaluated ? { [EVAL]: value } : {}) }, index + 1);
          }
        }
        writeFileSync(file, text);
        const whole = new MetricsTail(run);
        await whole.poll();
        const values = [...(whole.log.series.get(EVAL)?.values ?? [])];
        const norms = whole.log.series.get(NORM);
        const found = await new RunFigures(run).read([NORM, EVAL]);
        assert.deepEqual(found.get(EVAL), {
          last: values.at(-1) ?? null,
          best: values.length === 0 ? null : Math.min(...values),
        });
        assert.equal(found.get(NORM)?.last, norms === undefined || norms.length === 0 ? undefined : norms.lastValue);
      }),
      { numRuns: 60 },
    );
  });

  it('are of what the log’s end names', async () => {
    writeFileSync(file, line(1, { 'loss/total': 2 }) + line(2, { 'loss/total': 2, [EVAL]: 1 }));
    assert.deepEqual(await metricsLoggedBy(run), ['loss/total', EVAL]);
    assert.deepEqual(await metricsLoggedBy(path.join(run, 'nowhere')), []);
  });
});

it('a metric’s name tells which of its values is the best, or does not', () => {
  assert.deepEqual(
    [
      EVAL,
      'eval/cross_entropy',
      'eval/kl',
      'eval_mlp_direct_loss/layer_3',
      'eval/agreement',
      'test_accuracy',
      'epoch',
    ].map(betterOf),
    ['low', 'low', 'low', 'low', 'high', 'high', null],
  );
});
