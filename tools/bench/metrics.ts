/**
 * What a dashboard's metrics cost the host: memory a point, and the alerts of a run that grows.
 * usage: node --expose-gc -r tsx/cjs tools/bench/metrics.ts (116 metrics, 50,000 rows)
 */
import { RunAlerts } from '../../src/core/metrics/alerts/runAlerts';
import { MetricsLog } from '../../src/core/metrics/log';

const METRICS = 116;
const ROWS = 50_000;

function row(step: number): Buffer {
  const metrics: Record<string, number> = { 'loss/total': 2 + Math.sin(step / 50) / 10 };
  for (let index = 1; index < METRICS; index += 1) metrics[`metric ${index}/layer_${index % 16}`] = step / index;
  return Buffer.from(`${JSON.stringify({ event: 'metrics', segment: 1, step, time: 1e9 + step, metrics })}\n`);
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

/** Bytes in typed arrays that are still in use. */
async function held(): Promise<number> {
  globalThis.gc?.();
  // What was let go is given back a moment later.
  await new Promise((resolve) => setTimeout(resolve, 50));
  globalThis.gc?.();
  return process.memoryUsage().arrayBuffers;
}

async function main(): Promise<void> {
  const before = await held();
  const log = new MetricsLog();
  const began = performance.now();
  for (let step = 1; step <= ROWS; step += 1) log.push(row(step));
  const read = performance.now() - began;
  const bytes = (await held()) - before;

  const alerts = new RunAlerts();
  const find = (): number => {
    const from = performance.now();
    const state = { curriculum: null, checkpointSteps: [], training: true, now: 2e9, lastTime: log.lastTime };
    alerts.find({ ...state, series: log.series });
    return performance.now() - from;
  };
  const first = find();
  const later = Array.from({ length: 21 }, (_, index) => {
    for (let step = 1; step <= 10; step += 1) log.push(row(ROWS + index * 10 + step));
    return find();
  });
  process.stdout.write(
    `${METRICS} metrics × ${ROWS} rows: ${(bytes / 1e6).toFixed(0)} MB, ${(bytes / METRICS / ROWS).toFixed(1)} bytes a point; ` +
      `read in ${(read / 1000).toFixed(1)} s; alerts ${first.toFixed(1)} ms at first, then ${median(later).toFixed(2)} ms every ten rows\n`,
  );
}

void main();
