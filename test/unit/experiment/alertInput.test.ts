import assert from 'node:assert/strict';
import { alertInput, siblingLosses, siblingsOf } from '../../../src/core/experiment/alertInput';
import { Lineage } from '../../../src/core/experiment/lineage';
import type { Run, RunProcess } from '../../../src/core/experiment/model';
import { RunAlerts } from '../../../src/core/metrics/alerts/runAlerts';
import { LOSS } from '../../../src/core/metrics/catalogue';
import { MetricsLog } from '../../../src/core/metrics/log';
import { Series } from '../../../src/core/metrics/series';
import { aRun } from '../model/builders';

/** A run that logged a step a second for 40 s, the last at second 1040. */
function logged(): MetricsLog {
  const log = new MetricsLog();
  for (let index = 0; index < 40; index += 1) {
    const metrics = { 'loss/total': 3 - index / 100 };
    const line = { event: 'metrics', segment: 1, step: index + 1, time: 1001 + index, metrics };
    log.push(Buffer.from(`${JSON.stringify(line)}\n`));
  }
  return log;
}

function trainedSince(started: number): RunProcess {
  return { host: 'here', bootId: 'boot', pid: 1, started, startTicks: 1, launcher: 'local', job: null, segment: 2 };
}

function find(run: Run, now: number): string[] {
  const log = logged();
  const line = log.series.get(LOSS);
  const input = alertInput(run, { log, line, siblings: [], room: {}, notValid: new Map(), now });
  return new RunAlerts().find(input).map((alert) => alert.kind);
}

describe('alerts of a run that was started again', () => {
  const kinds = (started: number, now: number): string[] =>
    find(aRun('run', { state: 'training', process: trainedSince(started) }), now);

  it('do not take the pause before a resume for a stall, nor the time in which a model is loaded', () => {
    assert.deepEqual(kinds(5000, 5010), []);
    assert.deepEqual(kinds(5000, 5000 + 600), []);
  });

  it('say so when the resumed run is silent for long itself', () => {
    assert.deepEqual(kinds(5000, 5000 + 3600), ['stalled']);
  });
});

describe('a run’s siblings', () => {
  const parent = aRun('parent', { config: { fidelity_weight: 1 } });
  const branch = (name: string, rest: Partial<Run> = {}): Run =>
    aRun(name, {
      parent: { id: parent.id, run: parent.name, checkpoint: 'checkpoint-100', step: 100 },
      config: { fidelity_weight: 1, learning_rate: name },
      ...rest,
    });

  it('are those of the same checkpoint and the parent, with the same objective', () => {
    const one = branch('one');
    const other = branch('other');
    const later = branch('later', {
      parent: { id: parent.id, run: parent.name, checkpoint: 'checkpoint-200', step: 200 },
    });
    const differently = branch('differently', { config: { fidelity_weight: 2 } });
    const lineage = new Lineage([{ runs: [one, other, later, differently, parent] }]);
    assert.deepEqual(
      siblingsOf(one, lineage).map(({ name }) => name),
      ['parent', 'other'],
    );
    assert.deepEqual(siblingsOf(parent, lineage), []);
  });

  it('are compared where their stages are the same', () => {
    const stages = (until: number): Run['curriculum'] => ({
      stages: [
        { name: 'teacher', from: 0, until, mixingRatio: 0, mlpMixingRatio: null },
        { name: 'student', from: until, until: 900, mixingRatio: 1, mlpMixingRatio: null },
      ],
    });
    const [one, other] = [branch('one', { curriculum: stages(300) }), branch('other', { curriculum: stages(400) })];
    const [sibling] = siblingLosses(one, [other], () => new Series());
    assert.deepEqual(
      [200, 350, 450].map((step) => sibling?.isComparable(step)),
      [true, false, true],
    );
    assert.deepEqual(
      siblingLosses(one, [other], () => undefined),
      [],
    );
  });
});

it('a branch is proposed from no checkpoint that a validation found wrong', () => {
  const run = aRun('run');
  const log = logged();
  const notValid = new Map([[run.checkpoints[1]?.path ?? '', 'broken']]);
  const input = alertInput(run, { log, line: undefined, siblings: [], room: {}, notValid, now: 0 });
  assert.deepEqual(input.checkpointSteps, [100, 300]);
});
