import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { wasWithin, secondsSince } from '../../../src/core/clock';
import { recent } from '../../../src/core/checkpoint/validate/writingChecks';
import type { RunEvidence } from '../../../src/core/experiment/runState';
import { runState } from '../../../src/core/experiment/runState';
import { ScanContext, scanRun } from '../../../src/core/experiment/scan';
import { formatAge } from '../../../src/core/format';
import { RunAlerts } from '../../../src/core/metrics/alerts/runAlerts';
import { Series } from '../../../src/core/metrics/series';
import { FixtureWorkspace, metricsLine } from './fixtureWorkspace';

const NOW = 1_800_000_000;
const SLACK = 5;
const ahead = fc.double({ min: SLACK + 0.001, max: 1e9, noNaN: true });
const ago = fc.double({ min: 0, max: 1e9, noNaN: true });

const EVIDENCE: RunEvidence = {
  process: null,
  liveness: 'dead',
  exit: null,
  loggedEnd: null,
  step: 5,
  maxSteps: 10,
  finalStep: null,
  hasFinal: false,
  ours: false,
  lastSign: 0,
  now: NOW,
};
const ELSEWHERE: RunEvidence = {
  ...EVIDENCE,
  ours: true,
  liveness: 'elsewhere',
  process: {
    host: 'node7',
    bootId: '',
    pid: 1,
    started: NOW,
    startTicks: 1,
    launcher: 'slurm',
    job: '1',
    segment: 1,
  },
};

describe('a time in the future', () => {
  it('proves nothing, and one in the past is as long ago as it says', () => {
    fc.assert(
      fc.property(ahead, (by) => {
        assert.equal(secondsSince(NOW + by, NOW), null);
        assert.ok(!wasWithin(NOW + by, NOW, 1e12));
        for (const evidence of [EVIDENCE, ELSEWHERE]) {
          assert.equal(runState({ ...evidence, lastSign: NOW + by }), 'interrupted');
        }
      }),
    );
    fc.assert(
      fc.property(ago, (by) => {
        assert.ok(Math.abs((secondsSince(NOW - by, NOW) ?? Number.NaN) - by) < 1e-3);
        assert.equal(runState({ ...ELSEWHERE, lastSign: NOW - by }) === 'training', by < 600);
        assert.equal(runState({ ...EVIDENCE, lastSign: NOW - by }) === 'training', by < 120);
      }),
    );
    assert.equal(secondsSince(Number.NaN, NOW), null);
    assert.equal(secondsSince(NOW + 1, NOW), 0, 'clocks that share a disk differ a little');
  });

  it('of a file does not make a validation wait', () => {
    const written = (seconds: number): boolean =>
      recent(new Map([['npt_weights.pt', { bytes: 1, modified: (Date.now() / 1000 + seconds) * 1000, inode: 1 }]]));
    assert.ok(written(-10));
    assert.ok(!written(-1000));
    for (const hours of [0.1, 1, 24, 1e5]) assert.ok(!written(hours * 3600));
  });

  it('is said to be one', () => {
    fc.assert(
      fc.property(fc.double({ min: 601, max: 1e9, noNaN: true }), (by) => {
        assert.match(formatAge(NOW + by, NOW), /^dated \d+ (min|h|d) ahead$/);
      }),
    );
    assert.equal(formatAge(NOW + 3 * 3600, NOW), 'dated 3 h ahead');
  });

  it('does not say how long a log has been quiet', () => {
    const loss = new Series();
    for (let step = 1; step <= 20; step += 1) loss.push(step, NOW + step, 1);
    const alerts = (lastTime: number): string[] =>
      new RunAlerts()
        .find({
          series: new Map([['loss/total', loss]]),
          curriculum: null,
          checkpointSteps: [],
          training: true,
          now: NOW,
          lastTime,
        })
        .map((alert) => alert.kind);
    assert.deepEqual(alerts(NOW - 4000), ['stalled']);
    assert.deepEqual(alerts(NOW + 86_400), []);
  });
});

describe('files dated in the future', () => {
  let ws: FixtureWorkspace;
  beforeEach(() => {
    ws = new FixtureWorkspace();
  });
  afterEach(() => {
    ws.remove();
  });

  const later = NOW + 86_400;
  const date = (relative: string, seconds: number): void => {
    fs.utimesSync(path.join(ws.experiments, relative), seconds, seconds);
  };

  it('do not make a run train, but a change that is seen does', async () => {
    const run = ws.run('a');
    ws.checkpoint('a', 100);
    ws.metrics('a', [metricsLine(110, 0.5)]);
    ws.write('a/process.json', { schema: 1, host: 'node7', pid: 4, started: NOW, start_ticks: 1, segment: 1 });
    let now = NOW;
    const context = new ScanContext({ now: () => now });
    const state = async (): Promise<string | undefined> => (await scanRun(run, context))?.state;
    for (const file of ['a/metrics.jsonl', 'a/process.json']) date(file, later);
    assert.equal(await state(), 'interrupted');
    now += 30;
    assert.equal(await state(), 'interrupted', 'it has not changed');
    ws.metrics('a', [metricsLine(120, 0.5)]);
    date('a/metrics.jsonl', later + 30);
    assert.equal(await state(), 'training', 'it grew while we looked');
    now += 601;
    assert.equal(await state(), 'interrupted');
  });

  it('do not make another trainer’s checkpoint one that is being written, but a change that is seen does', async () => {
    const folder = path.join(ws.experiments, 'b/checkpoints/checkpoint-10');
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'npt_weights.pt'), 'w');
    let now = NOW;
    const context = new ScanContext({
      now: () => now,
      readFacts: () =>
        Promise.resolve({ step: 10, curriculum: null, trainingState: { hasArguments: true, unreadable: null } }),
    });
    const state = async (): Promise<string | undefined> =>
      (await scanRun(path.join(ws.experiments, 'b'), context))?.checkpoints[0]?.state;
    date('b/checkpoints/checkpoint-10/npt_weights.pt', later);
    assert.equal(await state(), 'broken');
    fs.writeFileSync(path.join(folder, 'training_state.pt'), '');
    date('b/checkpoints/checkpoint-10/training_state.pt', later);
    assert.equal(await state(), 'writing');
    now += 121;
    assert.equal(await state(), 'broken');
  });
});
