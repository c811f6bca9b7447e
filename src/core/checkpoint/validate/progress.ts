/** How far a validation has come, told at most every 50 ms; also where it notices that nobody wants it any more. */
import type { ValidationOptions } from '../report/report';

const INTERVAL_MS = 50;

export class Progress {
  private done = 0;
  private total = 0;
  private toldAt = 0;

  constructor(private readonly options: Pick<ValidationOptions, 'signal' | 'onProgress'>) {}

  /** Bytes that will be looked at. */
  expect(bytes: number): void {
    this.total += bytes;
  }

  /** Throws the signal's reason when the validation was cancelled. */
  add(bytes: number): void {
    this.done += bytes;
    const now = performance.now();
    if (now - this.toldAt >= INTERVAL_MS) {
      this.toldAt = now;
      this.options.onProgress?.(Math.min(this.done, this.total), this.total);
    }
    this.options.signal?.throwIfAborted();
  }

  finish(): void {
    this.options.onProgress?.(this.total, this.total);
  }
}
