/**
 * A second thread for large files. It opens the file itself and works out the same parts; both threads then take batches
 * of them from one shared counter, so that neither waits and no data crosses between them but the results.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { SLICE_BYTES, type DataLevels, type Part, type PartResult } from './dataParts';

/** Starting a thread takes about 20 ms, in which one thread reads this much. */
const WORTHWHILE_BYTES = 64 * 1024 * 1024;

/** What the thread is given. `shared`: the next batch to take, then bytes it has looked at (in KiB). */
export interface ReaderTask {
  readonly path: string;
  readonly levels: DataLevels;
  readonly shared: Int32Array;
}

/** What it gives back. `signature` says which parts it saw. */
export interface ReaderResult {
  readonly signature: string;
  readonly results: readonly (readonly [index: number, result: PartResult])[];
}

const NEXT_BATCH = 0;
export const KIB_DONE = 1;

/** Consecutive parts of together at least SLICE_BYTES, as [from, to). The same parts give the same batches. */
export function batchesOf(parts: readonly Part[]): (readonly [from: number, to: number])[] {
  const batches: (readonly [number, number])[] = [];
  let from = 0;
  let bytes = 0;
  parts.forEach((part, i) => {
    bytes += part.length;
    if (bytes >= SLICE_BYTES || i === parts.length - 1) {
      batches.push([from, i + 1]);
      from = i + 1;
      bytes = 0;
    }
  });
  return batches;
}

/** Takes batches until none is left. */
export function* takeBatches(
  parts: readonly Part[],
  shared: Int32Array,
): Generator<readonly [from: number, to: number]> {
  const batches = batchesOf(parts);
  for (;;) {
    const batch = batches[Atomics.add(shared, NEXT_BATCH, 1)];
    if (!batch) return;
    yield batch;
  }
}

/** Where both threads' parts are not the same, the file changed in between and the other's results say nothing. */
export function signatureOf(parts: readonly Part[]): string {
  return parts.map((part) => `${part.position}+${part.length}*${part.spans.length}`).join(' ');
}

export class SecondReader {
  private readonly shared = new Int32Array(new SharedArrayBuffer(8));
  private readonly worker: Worker;
  private readonly result: Promise<ReaderResult | null>;
  private readonly own = new Set<Part>();
  private told = 0;

  private constructor(script: string, path: string, levels: DataLevels) {
    const task: ReaderTask = { path, levels, shared: this.shared };
    this.worker = new Worker(script, { workerData: task });
    this.result = new Promise((resolve) => {
      this.worker.once('message', resolve);
      // Whatever keeps it from its work (no memory, a file that is gone), this thread does it alone.
      this.worker.once('error', () => {
        resolve(null);
      });
      this.worker.once('exit', () => {
        resolve(null);
      });
    });
  }

  /** Starts a thread for a file of that size; null where it would not help, or there is no program for it. */
  static start(path: string, bytes: number, levels: DataLevels, folder = __dirname): SecondReader | null {
    if (bytes < WORTHWHILE_BYTES || availableParallelism() < 2) return null;
    const script = join(folder, 'data-reader.js');
    return existsSync(script) ? new SecondReader(script, path, levels) : null;
  }

  /** The batches that fall to this thread. */
  *batches(parts: readonly Part[]): Generator<readonly Part[]> {
    for (const [from, to] of takeBatches(parts, this.shared)) {
      const batch = parts.slice(from, to);
      for (const part of batch) this.own.add(part);
      yield batch;
    }
  }

  /** Bytes that the other thread has looked at since the last call. */
  bytesSince(): number {
    const done = Atomics.load(this.shared, KIB_DONE) * 1024;
    const since = done - this.told;
    this.told = done;
    return since;
  }

  /** Waits for the other thread and takes over its results; the batches that nobody has done are left over. */
  async finish(parts: readonly Part[]): Promise<readonly (readonly Part[])[]> {
    const theirs = await this.result;
    if (theirs?.signature === signatureOf(parts)) {
      for (const [index, result] of theirs.results) {
        const part = parts[index];
        if (!part || this.own.has(part)) continue;
        part.accept(result);
        this.own.add(part);
      }
    }
    return batchesOf(parts)
      .map(([from, to]) => parts.slice(from, to).filter((part) => !this.own.has(part)))
      .filter((batch) => batch.length > 0);
  }

  async dispose(): Promise<void> {
    await this.worker.terminate();
  }
}
