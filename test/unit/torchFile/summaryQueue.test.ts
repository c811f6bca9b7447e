import assert from 'node:assert/strict';
import { SummaryQueue } from '../../../src/features/torchFile/summaryQueue';

const MB = 1024 * 1024;

/** A queue over tensors of these sizes whose batches are finished by hand. */
class Desk {
  readonly batches: { tensors: readonly number[]; signal: AbortSignal; finish: (error?: Error) => void }[] = [];
  readonly found: number[] = [];
  readonly ends: unknown[] = [];
  readonly told: [number, number][] = [];
  readonly queue: SummaryQueue;

  constructor(sizes: readonly number[]) {
    this.queue = new SummaryQueue(Float64Array.from(sizes), {
      summarize: (tensors, signal) =>
        new Promise((resolve, reject) => {
          this.batches.push({
            tensors,
            signal,
            finish: (error) => {
              if (error) reject(error);
              else resolve({ json: new Uint8Array() });
            },
          });
        }),
      found: (tensors) => this.found.push(...tensors),
      progress: (done, total) => this.told.push([done, total]),
      idle: (error) => this.ends.push(error),
    });
  }

  /** Finishes the batch that is under way, and lets the queue go on. */
  async finish(error?: Error): Promise<readonly number[]> {
    const batch = this.batches.at(-1);
    assert.ok(batch);
    batch.finish(error);
    await new Promise((resolve) => setImmediate(resolve));
    return batch.tensors;
  }
}

describe('the queue of statistics', () => {
  it('reads in batches that end by size, one large tensor alone', async () => {
    const desk = new Desk([100 * MB, 20 * MB, 20 * MB, 500 * MB, 1]);
    desk.queue.want([0, 1, 2, 3, 4]);
    assert.deepEqual(await desk.finish(), [0, 1]);
    assert.deepEqual(await desk.finish(), [2]);
    assert.deepEqual(await desk.finish(), [3]);
    assert.deepEqual(await desk.finish(), [4]);
    assert.deepEqual(desk.found, [0, 1, 2, 3, 4]);
    assert.deepEqual(desk.ends, [null]);
    assert.deepEqual(desk.told[0], [0, 640 * MB + 1]);
    assert.deepEqual(desk.told.at(-1), [640 * MB, 640 * MB + 1]);
  });

  it('lets what was asked last go first, and asks for nothing twice', async () => {
    const desk = new Desk([200 * MB, 200 * MB, 200 * MB, 200 * MB]);
    desk.queue.want([0, 1, 2]);
    desk.queue.want([3, 3, 9]);
    desk.queue.want([2]);
    assert.deepEqual(await desk.finish(), [0]);
    assert.deepEqual(await desk.finish(), [2]);
    assert.deepEqual(await desk.finish(), [3]);
    assert.deepEqual(await desk.finish(), [1]);
    assert.deepEqual(desk.ends, [null]);
  });

  it('forgets everything when cancelled, and starts anew', async () => {
    const desk = new Desk([200 * MB, 200 * MB]);
    desk.queue.want([0, 1]);
    desk.queue.cancel();
    assert.equal(desk.batches[0]?.signal.aborted, true);
    desk.queue.want([1]);
    await desk.finish(new Error('cancelled'));
    assert.deepEqual([desk.found, desk.ends], [[], [null]]);
    // What was asked for between the two is still wanted.
    assert.deepEqual(await desk.finish(), [1]);
    assert.deepEqual([desk.found, desk.ends], [[1], [null, null]]);
  });

  it('says what went wrong, once', async () => {
    const desk = new Desk([200 * MB, 200 * MB]);
    const failure = new Error('The disk is gone.');
    desk.queue.want([0, 1]);
    await desk.finish(failure);
    assert.deepEqual([desk.batches.length, desk.ends], [1, [failure]]);
  });
});
