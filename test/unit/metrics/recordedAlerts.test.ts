/** Alerts of runs that the trainer made, and of a few of those on which docs/benchmarks.md has figures (tools/bench/alerts.ts). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Curriculum } from '../../../src/core/curriculum/curriculum';
import type { Alert } from '../../../src/core/metrics/alerts/alert';
import { RunAlerts } from '../../../src/core/metrics/alerts/runAlerts';
import { LOSS } from '../../../src/core/metrics/catalogue';
import { JoinedSeries } from '../../../src/core/metrics/joined';
import { MetricsLog } from '../../../src/core/metrics/log';
import { EVENTS, makeRun } from '../../../tools/bench/alertSeries';
import { follow, isFound, recordedRuns } from '../../../tools/bench/alerts';

const FIXTURES = path.resolve(__dirname, '../../fixtures/alerts');
/** The demo's model with teacher:200,mixed:200:0.5,student:200. */
const CURRICULUM: Curriculum = {
  stages: [
    { name: 'teacher', from: 0, until: 200, mixingRatio: 0, mlpMixingRatio: null },
    { name: 'mixed', from: 200, until: 400, mixingRatio: 0.5, mlpMixingRatio: null },
    { name: 'student', from: 400, until: 600, mixingRatio: 1, mlpMixingRatio: null },
  ],
};

const linesOf = (name: string): string[] => readFileSync(path.join(FIXTURES, name), 'utf8').trim().split('\n');

/** The alerts after each line of a run that goes on from step `origin` of the healthy one. */
function alertsOf(name: string, origin: number): { readonly step: number; readonly alerts: readonly Alert[] }[] {
  const past = new MetricsLog();
  for (const line of linesOf('demo-1.jsonl')) past.push(Buffer.from(`${line}\n`));
  const log = new MetricsLog();
  const kept = new RunAlerts();
  const joined = new JoinedSeries();
  return linesOf(name).map((line) => {
    log.push(Buffer.from(`${line}\n`));
    const loss = joined.sync([
      { series: origin === 0 ? undefined : past.series.get(LOSS), until: origin },
      { series: log.series.get(LOSS), until: Number.POSITIVE_INFINITY },
    ]);
    const { lastTime } = log;
    const about = { curriculum: CURRICULUM, checkpointSteps: [100], training: true, now: lastTime, lastTime };
    const alerts = kept.find({ series: log.series, line: { loss, origin }, ...about });
    return { step: log.lastStep ?? 0, alerts: alerts.filter(({ kind }) => kind !== 'stage') };
  });
}

describe('alerts of recorded runs', () => {
  it('are none for a healthy one through three stages', () => {
    assert.deepEqual(
      alertsOf('demo-1.jsonl', 0).flatMap(({ alerts }) => alerts),
      [],
    );
  });

  it('call a branch at ten times the learning rate diverged within 20 steps, and so to its end, through a stage’s change', () => {
    const diverged = alertsOf('branch-at-0.05.jsonl', 100).map(({ step, alerts }) => ({
      step,
      present: alerts.some(({ kind, present }) => kind === 'divergence' && present),
    }));
    const first = diverged.find(({ present }) => present)?.step ?? Number.POSITIVE_INFINITY;
    assert.ok(first <= 120, `called at ${first}`);
    assert.ok((diverged.at(-1)?.step ?? 0) > 300, 'it went on into the mixed stage');
    assert.ok(diverged.every(({ step, present }) => step < first || present));
  });

  it('find what is planted, of each kind, and nothing in healthy runs', () => {
    const recorded = recordedRuns();
    for (const kind of EVENTS) {
      for (const seed of [1001, 1002, 1003]) {
        const run = makeRun(seed, recorded, kind);
        assert.ok(isFound(run, follow(run)), `${kind} in ${seed}: ${JSON.stringify(run.planted)}`);
      }
    }
    for (const seed of [2001, 2002, 2003])
      assert.deepEqual(follow(makeRun(seed, recorded)).raised, [], `healthy ${seed}`);
  });
});
