/**
 * Columns of metrics for the table's page: reads what the page has columns for, of a few runs at a time and never of all at once,
 * and of each again only when the run changed. The newest runs come first, as the table has them.
 */
import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../../core/errors';
import type { Run } from '../../core/experiment/model';
import type { MetricFigures } from '../../core/metrics/better';
import { metricCells, metricsOf } from '../../core/table/metricColumns';
import type { FiguresMessage } from '../../protocol/runsTable';

/** Reads what a run logged. */
export interface ReadsMetrics {
  /** Throws as MetricsTail.poll does. */
  read(metrics: readonly string[]): Promise<ReadonlyMap<string, MetricFigures>>;
}

export interface FiguresHost {
  /** What reads a run's metrics; kept for as long as the run may log more. */
  metricsOf(runPath: string): ReadsMetrics;
  /** What a run logs; throws as MetricsTail.poll does. */
  metricsLoggedBy(runPath: string): Promise<readonly string[]>;
  log(message: string): void;
}

/** Runs whose logs are read at the same time. */
const TOGETHER = 8;
/** Runs a message, and how long the page waits for one at most. */
const PART = 250;
const PART_MS = 250;
/** Runs that are asked what they log: those of a workspace log much the same. */
const ASKED = 48;

export class Figures {
  private columns: readonly string[] = [];
  private metrics: readonly string[] = [];
  private request = 0;
  private runs: readonly Run[] = [];
  /** The run as it was when its figures were sent, by path. */
  private sent = new Map<string, Run>();
  private queue: Run[] = [];
  private readonly readers = new Map<string, ReadsMetrics>();
  private readonly complained = new Set<string>();
  private reading = false;
  private stopped = false;

  constructor(
    private readonly host: FiguresHost,
    private readonly post: (message: FiguresMessage) => void,
  ) {}

  /** The page wants these columns, and no others. */
  want(request: number, columns: readonly string[]): void {
    this.request = request;
    this.columns = columns;
    this.metrics = metricsOf(columns);
    this.sent = new Map();
    this.readers.clear();
    this.follow(this.runs);
  }

  /** These are the runs, as they are now. */
  follow(runs: readonly Run[]): void {
    this.runs = runs;
    const there = new Set(runs.map(({ path }) => path));
    for (const path of this.sent.keys()) if (!there.has(path)) this.sent.delete(path);
    for (const path of this.readers.keys()) if (!there.has(path)) this.readers.delete(path);
    if (this.metrics.length === 0) {
      this.queue = [];
      return;
    }
    this.queue = runs.filter((run) => this.sent.get(run.path) !== run);
    void this.readOn();
  }

  /** Nobody looks any more, until `follow`. */
  pause(): void {
    this.queue = [];
  }

  stop(): void {
    this.stopped = true;
    this.queue = [];
  }

  /** What some of the runs log, those that have just begun and those that have ended alike. */
  async names(): Promise<readonly string[]> {
    const { runs } = this;
    const every = Math.max(1, Math.ceil(runs.length / ASKED));
    const names = new Set<string>();
    for (const run of runs.filter((_, index) => index % every === 0)) {
      const logged = await this.host.metricsLoggedBy(run.path).catch((error: unknown) => this.complain(run, error, []));
      for (const name of logged) names.add(name);
      await setImmediate();
    }
    return [...names];
  }

  private async readOn(): Promise<void> {
    if (this.reading) return;
    this.reading = true;
    let rows: { readonly path: string; readonly cells: FiguresMessage['rows'][number]['cells'] }[] = [];
    let since = Date.now();
    let { request } = this;
    while (!this.stopped) {
      const part = this.queue.splice(0, TOGETHER);
      // Other columns are wanted by now.
      if (request !== this.request) ({ request, rows } = { request: this.request, rows: [] });
      if (part.length > 0) {
        const read = await Promise.all(part.map((run) => this.cellsOf(run)));
        if (request !== this.request) continue;
        for (const [index, run] of part.entries()) {
          this.sent.set(run.path, run);
          rows.push({ path: run.path, cells: read[index] ?? [] });
        }
      }
      const left = this.queue.length;
      if (rows.length > 0 && (left === 0 || rows.length >= PART || Date.now() - since > PART_MS)) {
        this.post({ type: 'figures', request, rows, left });
        rows = [];
        since = Date.now();
      }
      if (left === 0) break;
      await setImmediate();
    }
    this.reading = false;
  }

  private async cellsOf(run: Run): Promise<FiguresMessage['rows'][number]['cells']> {
    const { columns, metrics } = this;
    const reader = this.readers.get(run.path) ?? this.host.metricsOf(run.path);
    // What has ended will not be asked again before it goes on.
    if (run.state === 'training') this.readers.set(run.path, reader);
    else this.readers.delete(run.path);
    const figures = await reader
      .read(metrics)
      .catch((error: unknown) => this.complain<ReadonlyMap<string, MetricFigures>>(run, error, new Map()));
    return metricCells(columns, figures);
  }

  private complain<T>(run: Run, error: unknown, instead: T): T {
    if (!this.complained.has(run.path)) this.host.log(`The metrics of ${run.path} cannot be read: ${messageOf(error)}`);
    this.complained.add(run.path);
    return instead;
  }
}
