import assert from 'node:assert/strict';
import fc from 'fast-check';
import { answerText } from '../../../src/core/assistant/answer';
import { metricAnswer, metricsAnswer, type Line, type MetricsInput } from '../../../src/core/assistant/metrics';
import type { Ancestor } from '../../../src/core/experiment/lineage';
import { Series } from '../../../src/core/metrics/series';
import { aRun } from '../model/builders';

function seriesOf(values: readonly number[], every = 10, from = every): Series {
  const series = new Series();
  values.forEach((value, at) => {
    series.push(from + at * every, Number.NaN, value);
  });
  return series;
}

interface Curve {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (number | string | null)[])[];
}
interface Metric {
  readonly metric: string;
  readonly kind: string;
  readonly points: number;
  readonly last?: { readonly step: number; readonly value: number | string };
  readonly min?: { readonly step: number; readonly value: number };
  readonly max?: { readonly step: number; readonly value: number };
  readonly notFinite?: {
    readonly count: number;
    readonly steps?: readonly number[];
    readonly firstSteps?: readonly number[];
  };
  readonly curve?: Curve;
}
const ALL = [-Infinity, Infinity] as const;
const told = (series: Series, range: readonly [number, number] = ALL, points?: number): Metric =>
  JSON.parse(answerText(metricAnswer('loss/total', series, range, points))) as Metric;

describe('npt_get_metrics: a metric', () => {
  it('is summed up as it was logged', () => {
    const { last, min, max, notFinite, points } = told(seriesOf([3, 1, Number.NaN, 9, 2, Infinity]));
    assert.deepEqual([points, last], [6, { step: 60, value: 'Infinity' }]);
    assert.deepEqual(
      [min, max],
      [
        { step: 20, value: 1 },
        { step: 40, value: 9 },
      ],
    );
    assert.deepEqual(notFinite, { count: 2, steps: [30, 60] });
    assert.deepEqual(told(seriesOf(Array.from({ length: 50 }, () => Number.NaN))).notFinite, {
      count: 50,
      firstSteps: [10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
    });
  });

  it('counts within the steps that are asked for alone', () => {
    const { points, min, curve } = told(seriesOf([5, 4, 3, 2, 1]), [20, 40], 32);
    assert.deepEqual([points, min?.value], [3, 2]);
    assert.deepEqual(curve, {
      columns: ['step', 'value'],
      rows: [
        [20, 4],
        [30, 3],
        [40, 2],
      ],
    });
    assert.deepEqual(told(seriesOf([1]), [50, 60], 32), { metric: 'loss/total', kind: 'training', points: 0 });
  });

  it('of many points loses no spike and gives no more than were asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 33, max: 3000 }),
        fc.integer({ min: 32, max: 500 }),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        (length, points, where, from, width) => {
          const values = Array.from({ length }, (_, at) => Math.sin(at));
          values[where % length] = 1000;
          const range = [(from % length) * 10, ((from % length) + 33 + (width % length)) * 10] as const;
          const { curve, max, points: there } = told(seriesOf(values, 10, 0), range, points);
          const rows = curve?.rows ?? [];
          const isIn = where % length >= range[0] / 10 && where % length <= range[1] / 10;
          const figures = curve?.columns.length === 4 ? 2 : 1;
          assert.ok(rows.length * figures <= points, `${rows.length} rows`);
          assert.ok(there >= rows.length);
          if (isIn) {
            assert.equal(max?.value, 1000);
            assert.ok(
              rows.some((row) => row.includes(1000)),
              'the spike',
            );
          }
        },
      ),
    );
  });

  it('of a stretch without a finite value says so', () => {
    const values = Array.from({ length: 4096 }, (_, at) => (at < 2048 ? Number.NaN : 1));
    const { curve } = told(seriesOf(values), ALL, 32);
    assert.deepEqual(curve?.rows[0]?.slice(2), [null, null]);
    assert.deepEqual(curve.rows.at(-1)?.slice(2), [1, 1]);
  });
});

describe('npt_get_metrics: a run', () => {
  const parent = aRun('demo');
  const run = aRun('branch');
  const series = new Map([
    ['loss/total', seriesOf([9, 8])],
    ['eval_loss/total', seriesOf([7], 100)],
    ...[10, 2, 3].map((layer) => [`mlp_direct_loss/layer_${layer}`, seriesOf([layer])] as const),
  ]);
  const past = new Map([['loss/total', seriesOf([100, 50, 40], 5)]]);
  const line = (ancestors: readonly Ancestor[] = []): Line => ({
    run,
    ancestors,
    series: (path, metric) => (path === run.path ? series : past).get(metric),
    names: (path) => [...(path === run.path ? series : past).keys()],
  });
  const asked = async (input: Partial<MetricsInput>, ancestors: readonly Ancestor[] = []): Promise<Asked> =>
    JSON.parse(answerText(await metricsAnswer({ run: 'branch', ...input }, line(ancestors)))) as Asked;
  interface Asked {
    readonly metrics?: readonly (Metric & { readonly layers?: readonly number[] })[];
    readonly ancestors?: readonly object[];
    readonly note?: string;
    readonly leftOut?: string;
  }

  it('lists what was logged, layers in one', async () => {
    const { metrics } = await asked({});
    assert.deepEqual(
      metrics?.map(({ metric, layers }) => [metric, layers]),
      [
        ['eval_loss/total', undefined],
        ['loss/total', undefined],
        ['mlp_direct_loss', [2, 3, 10]],
      ],
    );
  });

  it('tells what kind a figure is of; a metric of layers stands for all of them', async () => {
    const { metrics } = await asked({ metrics: ['EVAL_LOSS/total', 'mlp_direct_loss'] });
    assert.deepEqual(
      metrics?.map(({ metric, kind }) => [metric, kind]),
      [
        ['eval_loss/total', 'evaluation'],
        ...['10', '2', '3'].map((layer) => [`mlp_direct_loss/layer_${layer}`, 'training']),
      ],
    );
  });

  it("has its ancestors' past up to where it left them, where that is asked for", async () => {
    const { metrics, ancestors } = await asked({ metrics: ['loss/total'], points: 32 }, [{ run: parent, until: 5 }]);
    assert.deepEqual(ancestors, [{ run: 'demo', untilStep: 5 }]);
    assert.deepEqual(metrics?.[0]?.curve?.rows, [
      [5, 100],
      [10, 9],
      [20, 8],
    ]);
  });

  it('says which metrics there are where one is not', async () => {
    await assert.rejects(asked({ metrics: ['loss'] }), {
      message: 'branch logged no metric “loss”. It logged eval_loss/total, loss/total, mlp_direct_loss.',
    });
    await assert.rejects(asked({ metrics: ['xyz'] }), { message: /It logged eval_loss/ });
    await assert.rejects(asked({ metrics: ['loss/total'], fromStep: 9, toStep: 1 }), { message: /above "toStep"/ });
    const nothing = await metricsAnswer({ run: 'x' }, { ...line(), names: () => [] });
    assert.match(answerText(nothing), /Nothing was logged yet/);
  });

  it('stays short of many metrics with long curves', async () => {
    const long = seriesOf(Array.from({ length: 20_000 }, (_, at) => at * 1.2345678));
    const names = Array.from({ length: 60 }, (_, at) => `metric-${at}`);
    const answer = await metricsAnswer(
      { run: 'x', metrics: names, points: 500 },
      { run, ancestors: [], series: () => long, names: () => names },
    );
    const text = answerText(answer);
    assert.ok(text.length < 25_000, `${text.length} characters`);
    assert.match(text, /"leftOut":"20 metrics: ask for fewer at once. The curves of the last 20 metrics/);
  });
});
