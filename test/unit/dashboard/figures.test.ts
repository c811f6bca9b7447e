import assert from 'node:assert/strict';
import type { RunProcess } from '../../../src/core/experiment/model';
import { MetricsLog } from '../../../src/core/metrics/log';
import { alertsOf } from '../../../src/features/dashboard/figures';
import { aRun } from '../model/builders';

/** A run that logged a step a second for 40 s, the last at second 1040. */
function aLog(): MetricsLog {
  const log = new MetricsLog();
  const lines = Array.from({ length: 40 }, (_, index) =>
    JSON.stringify({
      event: 'metrics',
      segment: 1,
      step: index + 1,
      time: 1001 + index,
      metrics: { 'loss/total': 3 - index / 100 },
    }),
  );
  log.push(Buffer.from(`${lines.join('\n')}\n`));
  return log;
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
  const kinds = (started: number, now: number): string[] =>
    alertsOf(aRun('run', { state: 'training', process: trainedSince(started) }), aLog(), now).map(
      (alert) => alert.kind,
    );

  it('does not take the pause before a resume for a stall', () => {
    assert.deepEqual(kinds(5000, 5010), []);
  });

  it('says so when the resumed run is silent for long itself', () => {
    assert.deepEqual(kinds(5000, 5000 + 3600), ['stalled']);
  });
});
