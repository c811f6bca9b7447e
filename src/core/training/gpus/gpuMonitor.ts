/** One nvidia-smi for everybody who looks at the GPUs' figures, and none while nobody does. */
import { Disposable, type Ends } from '../../disposable';
import type { GpuReading } from './nvidiaSmi';

const EVERY_MS = 3000;
/** A driver that does not answer, or a program that is not there, is asked less and less often. */
const SELDOM_MS = 5 * 60_000;

export class GpuMonitor extends Disposable {
  private readonly listeners = new Set<(reading: GpuReading) => void>();
  private last: GpuReading | undefined;
  private timer: NodeJS.Timeout | undefined;
  private asking = false;
  private wait: number;

  /** @param read asks once; must not reject */
  constructor(
    private readonly read: () => Promise<GpuReading>,
    private readonly everyMs = EVERY_MS,
  ) {
    super();
    this.wait = everyMs;
    this._register({
      dispose: () => {
        this.listeners.clear();
        clearTimeout(this.timer);
      },
    });
  }

  /** The newest reading, perhaps an old one; undefined before the first. */
  get current(): GpuReading | undefined {
    return this.last;
  }

  /** Calls back with each reading until what it returns is disposed of. */
  look(listener: (reading: GpuReading) => void): Ends {
    // A listener of its own, so that one that looks twice is told twice and ends once.
    const own = (reading: GpuReading): void => {
      listener(reading);
    };
    if (!this.isDisposed) this.listeners.add(own);
    if (this.timer === undefined) void this.ask();
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
    this.last = reading;
    const failed = !reading.available || reading.problem !== null;
    this.wait = failed ? Math.min(SELDOM_MS, this.wait * 4) : this.everyMs;
    for (const listener of [...this.listeners]) listener(reading);
    if (this.listeners.size === 0) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.ask();
    }, this.wait);
  }
}
