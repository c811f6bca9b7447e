/** What runs have logged, read once for everybody who looks, and forgotten when nobody does. */
import { Disposable, type Ends } from '../disposable';
import type { MetricsLog } from './log';
import type { Series } from './series';
import { MetricsTail } from './tail';

/** The metrics of one run, as of the last poll. */
export class RunMetrics {
  private readonly tail: MetricsTail;

  constructor(readonly runPath: string) {
    this.tail = new MetricsTail(runPath);
  }

  get log(): MetricsLog {
    return this.tail.log;
  }

  /** Counts what was read or taken back, whoever asked for it: each who looks remembers what they saw last. */
  get revision(): number {
    return this.tail.revision;
  }

  series(metric: string): Series | undefined {
    return this.tail.log.series.get(metric);
  }

  /** Reads what was appended. Throws as `fs` does, except that a missing file is an empty one. */
  async poll(): Promise<void> {
    await this.tail.poll();
  }
}

/** How long metrics are kept that nobody looks at: a tab that is left for a moment comes back at once. */
const KEPT_MS = 60_000;

/** A look at a run's metrics; ends with dispose(). */
export interface Look extends Ends {
  readonly metrics: RunMetrics;
}

interface Kept {
  readonly metrics: RunMetrics;
  lookers: number;
  leaving: NodeJS.Timeout | undefined;
}

/** The metrics of the runs that somebody looks at: one reading of each file, however many dashboards show it. */
export class SharedMetrics extends Disposable {
  private readonly kept = new Map<string, Kept>();

  /** @param keptMs how long metrics stay after the last look at them */
  constructor(private readonly keptMs = KEPT_MS) {
    super();
    this._register({
      dispose: () => {
        for (const { leaving } of this.kept.values()) clearTimeout(leaving);
        this.kept.clear();
      },
    });
  }

  /** Paths of the runs whose metrics are in memory. */
  get runs(): readonly string[] {
    return [...this.kept.keys()];
  }

  look(runPath: string): Look {
    let kept = this.kept.get(runPath);
    if (kept === undefined) {
      kept = { metrics: new RunMetrics(runPath), lookers: 0, leaving: undefined };
      this.kept.set(runPath, kept);
    }
    const { metrics } = kept;
    clearTimeout(kept.leaving);
    kept.lookers += 1;
    let looking = true;
    return {
      metrics,
      dispose: () => {
        if (looking) this.leave(runPath);
        looking = false;
      },
    };
  }

  private leave(runPath: string): void {
    const kept = this.kept.get(runPath);
    if (kept === undefined) return;
    kept.lookers -= 1;
    if (kept.lookers > 0) return;
    kept.leaving = setTimeout(() => this.kept.delete(runPath), this.keptMs);
    kept.leaving.unref();
  }
}
