/** The tensors whose statistics are wanted, read in batches: what was asked last comes first, and results come as they are. */
import type { PackedSummaries } from '../../core/checkpoint/worker/workerMessages';

/** A batch ends after this: soon enough to show results and let a new wish go first, rare enough to reopen the file for. */
const BATCH_BYTES = 128 * 1024 * 1024;
const BATCH_TENSORS = 4000;

export interface QueueHost {
  summarize(
    tensors: readonly number[],
    signal: AbortSignal,
    onProgress: (done: number, total: number) => void,
  ): Promise<PackedSummaries>;
  found(tensors: readonly number[], results: PackedSummaries): void;
  progress(done: number, total: number): void;
  /** Nothing is wanted any more; `error` is what ended it, null when it was done or cancelled. */
  idle(error: unknown): void;
}

export class SummaryQueue {
  private wanted: number[] = [];
  private abort: AbortController | null = null;
  private doneBytes = 0;
  private totalBytes = 0;

  /** `sizes`: bytes of each tensor. */
  constructor(
    private readonly sizes: Float64Array,
    private readonly host: QueueHost,
  ) {}

  /** Adds tensors in front; unknown ones and those already wanted are not added again. */
  want(tensors: readonly number[]): void {
    const known = new Set(this.wanted);
    const added = [...new Set(tensors)].filter((tensor) => tensor < this.sizes.length && !known.has(tensor));
    const again = new Set(tensors.filter((tensor) => known.has(tensor)));
    this.totalBytes += this.bytesOf(added);
    this.wanted = [
      ...tensors.filter((tensor) => again.has(tensor)),
      ...added,
      ...this.wanted.filter((tensor) => !again.has(tensor)),
    ];
    if (this.abort === null && this.wanted.length > 0) void this.run();
  }

  cancel(): void {
    this.wanted = [];
    this.abort?.abort();
  }

  private bytesOf(tensors: readonly number[]): number {
    return tensors.reduce((sum, tensor) => sum + (this.sizes[tensor] ?? 0), 0);
  }

  private nextBatch(): number[] {
    let bytes = 0;
    let count = 0;
    while (count < this.wanted.length && count < BATCH_TENSORS) {
      bytes += this.sizes[this.wanted[count] as number] ?? 0;
      if (count > 0 && bytes > BATCH_BYTES) break;
      count++;
    }
    return this.wanted.splice(0, count);
  }

  private async run(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    let failure: unknown = null;
    try {
      while (this.wanted.length > 0) {
        const batch = this.nextBatch();
        const bytes = this.bytesOf(batch);
        this.host.progress(this.doneBytes, this.totalBytes);
        const results = await this.host.summarize(batch, abort.signal, (done, total) => {
          this.host.progress(this.doneBytes + (total === 0 ? 0 : (bytes * done) / total), this.totalBytes);
        });
        this.doneBytes += bytes;
        if (abort.signal.aborted) break;
        this.host.found(batch, results);
      }
    } catch (error) {
      if (!abort.signal.aborted) {
        failure = error;
        this.wanted = [];
      }
    }
    this.abort = null;
    this.doneBytes = 0;
    this.totalBytes = 0;
    this.host.idle(failure);
    // Asked for after a cancel, before the worker had noticed it.
    if (this.wanted.length > 0) {
      this.totalBytes = this.bytesOf(this.wanted);
      void this.run();
    }
  }
}
