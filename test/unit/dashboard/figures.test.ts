import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RunProcess } from '../../../src/core/experiment/model';
import { RunAlerts } from '../../../src/core/metrics/alerts/runAlerts';
import { LOSS } from '../../../src/core/metrics/catalogue';
import { RunMetrics } from '../../../src/core/metrics/runMetrics';
import { alertsOf } from '../../../src/features/dashboard/figures';
import { aRun } from '../model/builders';

/** A run that logged a step a second for 40 s, the last at second 1040. */
async function loggedIn(folder: string): Promise<RunMetrics> {
  const lines = Array.from({ length: 40 }, (_, index) =>
    JSON.stringify({
      event: 'metrics',
      segment: 1,
      step: index + 1,
      time: 1001 + index,
      metrics: { 'loss/total': 3 - index / 100 },
    }),
  );
  writeFileSync(path.join(folder, 'metrics.jsonl'), `${lines.join('\n')}\n`);
  const metrics = new RunMetrics(folder);
  await metrics.poll();
  return metrics;
}

function trainedSince(started: number): RunProcess {
  return {
    host: 'here',
    bootId: 'boot',
    pid: 1,
    started,
    startTicks: 1,
    launcher: 'local',
    job: null,
    segment: 2,
  };
}

describe('alerts of a run', () => {
  let metrics: RunMetrics;
  const kinds = (started: number, now: number): string[] =>
    alertsOf(
      aRun('run', { state: 'training', process: trainedSince(started) }),
      metrics,
      metrics.series(LOSS),
      new RunAlerts(),
      now,
    ).map((alert) => alert.kind);

  before(async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'npt-figures-'));
    metrics = await loggedIn(folder);
    rmSync(folder, { recursive: true });
  });

  it('does not take the pause before a resume for a stall', () => {
    assert.deepEqual(kinds(5000, 5010), []);
  });

  it('says so when the resumed run is silent for long itself', () => {
    assert.deepEqual(kinds(5000, 5000 + 3600), ['stalled']);
  });
});
