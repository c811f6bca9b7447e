/** One nvidia-smi for everybody who looks at the GPUs' figures, and none while nobody does. */
import { Disposable, type Ends } from '../../disposable';
import type { GpuReading } from './nvidiaSmi';

const EVERY_MS = 3000;
/** A driver that does not answer, or a program that is not there, is asked less and less often. */
const SELDOM_MS = 5 * 60_000;

export class GpuMonitor extends Disposable {
  /** With how often each wants to be told. */
  private readonly listeners = new Map<(reading: GpuReading) => void, number>();
  private timer: NodeJS.Timeout | undefined;
  private asking = false;
  /** Questions in a row that had no answer. */
  private failures = 0;

  /** @param read asks once; must not reject */
  constructor(
    private readonly read: () => Promise<GpuReading>,
    private readonly everyMs = EVERY_MS,
  ) {
    super();
    this._register({
      dispose: () => {
        this.listeners.clear();
        clearTimeout(this.timer);
      },
    });
  }

  /**
   * Calls back with each reading until what it returns is disposed of.
   *
   * @param times how many times as seldom as usual is enough for this listener; it is told more often where others want more
   */
  look(listener: (reading: GpuReading) => void, times = 1): Ends {
    // A listener of its own, so that one that looks twice is told twice and ends once.
    const own = (reading: GpuReading): void => {
      listener(reading);
    };
    if (this.isDisposed) return { dispose: () => undefined };
    const sooner = times < Math.min(...this.listeners.values());
    this.listeners.set(own, times);
    if (this.timer === undefined || sooner) void this.ask();
    return {
      dispose: () => {
        this.listeners.delete(own);
        if (this.listeners.size > 0) return;
        clearTimeout(this.timer);
        this.timer = undefined;
      },
    };
  }

  /** A new question begins when the one before is answered: of a driver that hangs, questions would pile up. */
  private async ask(): Promise<void> {
    if (this.asking || this.isDisposed || this.listeners.size === 0) return;
    this.asking = true;
    const reading = await this.read();
    this.asking = false;
    const failed = !reading.available || reading.problem !== null;
    this.failures = failed ? this.failures + 1 : 0;
    for (const listener of [...this.listeners.keys()]) listener(reading);
    if (this.listeners.size === 0) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.ask();
    }, this.wait());
  }

  private wait(): number {
    const wanted = this.everyMs * Math.min(...this.listeners.values());
    return this.failures === 0 ? wanted : Math.min(SELDOM_MS, wanted * 4 ** this.failures);
  }
}
