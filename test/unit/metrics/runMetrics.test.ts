import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SharedMetrics } from '../../../src/core/metrics/runMetrics';

const line = (step: number): string =>
  `${JSON.stringify({ event: 'metrics', segment: 1, step, time: step, metrics: { 'loss/total': step } })}\n`;

describe('metrics that are shared', () => {
  let folder: string;
  let shared: SharedMetrics;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'npt-shared-'));
    writeFileSync(path.join(folder, 'metrics.jsonl'), line(1));
    shared = new SharedMetrics(0);
  });

  afterEach(() => {
    shared.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are read once for all who look, and each sees what another one read', async () => {
    const one = shared.look(folder);
    const two = shared.look(folder);
    assert.equal(one.metrics, two.metrics);
    await Promise.all([one.metrics.poll(), two.metrics.poll()]);
    const seen = two.metrics.revision;
    appendFileSync(path.join(folder, 'metrics.jsonl'), line(2));
    await one.metrics.poll();
    assert.notEqual(two.metrics.revision, seen);
    assert.deepEqual([...(two.metrics.series('loss/total')?.values ?? [])], [1, 2]);
    await one.metrics.poll();
    const again = two.metrics.revision;
    await two.metrics.poll();
    assert.equal(two.metrics.revision, again, 'nothing came');
  });

  it('are dropped when nobody looks any more', async () => {
    const one = shared.look(folder);
    const two = shared.look(folder);
    one.dispose();
    one.dispose();
    await nextTimers();
    assert.deepEqual(shared.runs, [folder], 'another still looks');
    two.dispose();
    await nextTimers();
    assert.deepEqual(shared.runs, []);
  });

  it('stay when somebody looks again before they go', async () => {
    const { metrics } = shared.look(folder);
    shared.look(folder).dispose();
    const first = shared.look(folder);
    first.dispose();
    assert.equal(shared.look(folder).metrics, metrics);
    await nextTimers();
    assert.deepEqual(shared.runs, [folder]);
  });
});

/** Until timers that are due by now have run. */
async function nextTimers(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
}
