/** Alerts of a run's pace, and of what is around it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Alert } from '../../../src/core/metrics/alerts/alert';
import { RoomLeft } from '../../../src/core/metrics/alerts/room';
import { Slow } from '../../../src/core/metrics/alerts/slow';
import { stalled } from '../../../src/core/metrics/alerts/stalled';
import { DEFAULT_THRESHOLDS, readThresholds } from '../../../src/core/metrics/alerts/thresholds';
import { Series } from '../../../src/core/metrics/series';

/** A line every `gap` seconds. */
function regular(points: number, gap: number): Series {
  const series = new Series();
  for (let step = 1; step <= points; step += 1) series.push(step, 1000 + step * gap, 2);
  return series;
}

const silent = (series: Series, seconds: number, started = Number.NaN): string[] => {
  const lastTime = series.times.at(-1) ?? Number.NaN;
  const about = { now: lastTime + seconds, lastTime, started, segmentStart: Number.NEGATIVE_INFINITY };
  return stalled(series, 10, about).map(({ kind }) => kind);
};

describe('a run that has stalled', () => {
  it('logged nothing for ten times the usual time', () => {
    assert.deepEqual(silent(regular(100, 30), 290), []);
    assert.deepEqual(silent(regular(100, 30), 310), ['stalled']);
  });

  it('of fast steps was silent for a minute at least', () => {
    assert.deepEqual(silent(regular(100, 0.1), 59), []);
    assert.deepEqual(silent(regular(100, 0.1), 61), ['stalled']);
  });

  it('is not one whose evaluations take as long', () => {
    const series = new Series();
    let time = 0;
    for (let step = 1; step <= 200; step += 1) {
      time += step % 40 === 0 ? 100 : 1;
      series.push(step, time, 2);
    }
    assert.deepEqual(silent(series, 150), []);
    assert.deepEqual(silent(series, 201), ['stalled']);
  });

  it('says what is usual, and since when', () => {
    const series = regular(100, 30);
    const about = { now: 1000 + 3000 + 3600, lastTime: 4000, started: Number.NaN, segmentStart: 0 };
    const [alert] = stalled(series, 10, about);
    assert.deepEqual([alert?.step, alert?.detail], [100, 'nothing logged for 1 h 0 m; a line came every 30 s']);
  });

  it('is none where nothing is known, or the clock is behind', () => {
    assert.deepEqual(silent(regular(5, 1), 9999), []);
    assert.deepEqual(silent(regular(100, 1), -500), []);
  });
});

/** Tokens a second, by seconds of a run. */
function throughput(seconds: number, at: (second: number) => number, gap = 5): Series {
  const series = new Series();
  for (let second = gap, step = 1; second <= seconds; second += gap, step += 1) series.push(step, second, at(second));
  return series;
}

describe('a run that has become slow', () => {
  const find = (series: Series, starts: readonly number[] = []): Alert[] => new Slow(60, 5).find(series, starts);

  it('is none in a minute of a busy machine, and not for a change of stage', () => {
    assert.deepEqual(find(throughput(3600, (second) => (second > 1800 && second < 1900 ? 20 : 100))), []);
    assert.deepEqual(
      find(
        throughput(3600, (second) => (second > 1800 ? 50 : 100)),
        [360],
      ),
      [],
    );
  });

  it('is found after five minutes, where it began, and over when it is back', () => {
    const slow = find(throughput(2400, (second) => (second > 1800 ? 40 : 100)));
    assert.deepEqual(
      slow.map(({ kind, present, detail }) => [kind, present, detail]),
      [['slow', true, '40 tokens/s now, 100 before']],
    );
    assert.ok(Math.abs((slow[0]?.step ?? 0) - 360) <= 15, String(slow[0]?.step));
    const back = find(throughput(4800, (second) => (second > 1800 && second < 2600 ? 40 : 100)));
    assert.deepEqual(
      back.map(({ title, present }) => [title, present]),
      [['Training had become slow', false]],
    );
  });

  it('is found in pieces as in the whole', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 20, max: 110 }), { minLength: 1, maxLength: 12 }), (levels) => {
        const at = (second: number): number => levels[Math.floor(second / 400) % levels.length] ?? 100;
        const whole = throughput(400 * levels.length, at);
        const kept = new Slow(60, 5);
        const growing = new Series();
        whole.steps.forEach((step, index) => {
          growing.push(step, whole.times[index] as number, whole.values[index] as number);
          if (index % 17 === 0) kept.find(growing, []);
        });
        assert.deepEqual(kept.find(growing, []), find(whole));
      }),
      { numRuns: 50 },
    );
  });
});

describe('memory and disk', () => {
  const device = (percent: number) => ({ name: 'GPU 0', usedBytes: percent * 8e8, memoryBytes: 80e9 });
  const kinds = (alerts: readonly Alert[]): string[] => alerts.map(({ kind, step }) => `${kind} ${step}`);

  it('memory near its limit is told once it has lasted, and is one alert until it is well below', () => {
    const room = new RoomLeft(DEFAULT_THRESHOLDS);
    assert.deepEqual(kinds(room.find({ devices: [device(50), device(96)] }, 10, 1000)), []);
    assert.deepEqual(kinds(room.find({ devices: [device(97)] }, 20, 1030)), ['gpuMemory 10']);
    assert.deepEqual(kinds(room.find({ devices: [device(93)] }, 30, 1060)), ['gpuMemory 10']);
    assert.deepEqual(kinds(room.find({ devices: [device(90)] }, 40, 1090)), []);
    assert.deepEqual(kinds(room.find({ devices: [device(96)] }, 50, 1120)), []);
  });

  it('a disk is nearly full below the threshold, or where two checkpoints do not fit', () => {
    const room = new RoomLeft(DEFAULT_THRESHOLDS);
    const find = (freeBytes: number, checkpointBytes: number): Alert[] =>
      room.find({ disk: { freeBytes, checkpointBytes } }, 7, 0);
    assert.deepEqual(find(3e9, 1e9), []);
    assert.deepEqual(kinds(find(1e9, 0)), ['disk 7']);
    const [alert] = find(10e9, 6e9);
    assert.equal(alert?.detail, '10.0 GB free; a checkpoint takes 6.00 GB: a save that does not fit ends the run');
    assert.deepEqual(find(12e9, 6e9), []);
  });

  it('say nothing where nothing is known, or wanted', () => {
    assert.deepEqual(new RoomLeft(DEFAULT_THRESHOLDS).find({}, 0, 0), []);
    const off = new RoomLeft({ ...DEFAULT_THRESHOLDS, diskFreeGB: 0, gpuMemoryPercent: 0 });
    const full = { devices: [device(100)], disk: { freeBytes: 0, checkpointBytes: 9 } };
    assert.deepEqual([...off.find(full, 0, 0), ...off.find(full, 0, 99)], []);
  });
});

describe('thresholds from a settings file', () => {
  it('are those that are set; what is no number is not', () => {
    const set: Record<string, unknown> = { stalledTimes: 20, slowPercent: '60', diskFreeGB: -1, plateauPercent: 0 };
    const read = readThresholds((name) => set[name]);
    assert.deepEqual(read, { ...DEFAULT_THRESHOLDS, stalledTimes: 20, plateauPercent: 0 });
  });
});
