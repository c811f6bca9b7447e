/** The metrics that one dashboard shows: the focused run's with its ancestors' past, and those of the runs beside it. */
import { Disposable } from '../../core/disposable';
import type { Ancestor } from '../../core/experiment/lineage';
import { isDrawnAsLogged, isSparse, LOSS } from '../../core/metrics/catalogue';
import { JoinedSeries, type Stretch } from '../../core/metrics/joined';
import type { Look, RunMetrics, SharedMetrics } from '../../core/metrics/runMetrics';
import type { Series } from '../../core/metrics/series';

export class ShownMetrics extends Disposable {
  private readonly looks = new Map<string, Look>();
  private readonly joined = new Map<string, JoinedSeries>();
  private readonly seen = new Map<string, number>();
  private readonly complained = new Set<string>();
  private focused = '';
  private ancestors: readonly Ancestor[] = [];

  /**
   * @param ancestorsOf a run's ancestors, nearest first, as the model has them now
   * @param complain takes the one line that says that a run's metrics cannot be read
   */
  constructor(
    private readonly shared: SharedMetrics,
    private readonly ancestorsOf: (runPath: string) => readonly Ancestor[],
    private readonly complain: (message: string) => void,
  ) {
    super();
    this._register({
      dispose: () => {
        this.keep(new Set());
      },
    });
  }

  /** The dashboard is about this run, whose ancestors are these, nearest first. */
  focus(runPath: string, ancestors: readonly Ancestor[]): void {
    if (runPath !== this.focused) this.joined.clear();
    this.focused = runPath;
    this.ancestors = ancestors;
  }

  /** The focused run and its ancestors. */
  get line(): readonly string[] {
    return [this.focused, ...this.ancestors.map(({ run }) => run.path)];
  }

  /** These runs with their ancestors: their averages go on from those. */
  withAncestors(runs: Iterable<string>): string[] {
    return [...runs].flatMap((path) => [path, ...this.ancestorsOf(path).map(({ run }) => run.path)]);
  }

  of(runPath: string): RunMetrics {
    let look = this.looks.get(runPath);
    if (look === undefined) {
      look = this.shared.look(runPath);
      this.looks.set(runPath, look);
    }
    return look.metrics;
  }

  /** Whether the run's metrics were read already. */
  has(runPath: string): boolean {
    return this.looks.has(runPath);
  }

  /** Looks at no other runs than these any more. */
  keep(runs: ReadonlySet<string>): void {
    for (const [runPath, look] of this.looks) {
      if (runs.has(runPath)) continue;
      look.dispose();
      this.looks.delete(runPath);
      this.seen.delete(runPath);
    }
    if (runs.size === 0) this.joined.clear();
  }

  /** Reads on in these runs' files. */
  async read(runs: Iterable<string>): Promise<void> {
    for (const runPath of runs) {
      try {
        await this.of(runPath).poll();
      } catch (error) {
        // Said once a run: this comes round several times a second.
        if (!this.complained.has(runPath)) this.complain(`Cannot read the metrics of ${runPath}: ${String(error)}`);
        this.complained.add(runPath);
      }
    }
  }

  /** Whether anything was read since the last call, by this dashboard or another one. */
  takeChanges(): boolean {
    let changed = false;
    for (const [runPath, { metrics }] of this.looks) {
      if (this.seen.get(runPath) === metrics.revision) continue;
      this.seen.set(runPath, metrics.revision);
      changed = true;
    }
    return changed;
  }

  /** Names of the metrics that the focused run or an ancestor logged. */
  names(): string[] {
    const names = new Set<string>();
    for (const runPath of this.line) for (const name of this.of(runPath).log.series.keys()) names.add(name);
    return [...names];
  }

  /** What a run logged itself. */
  own(runPath: string, metric: string): Series | undefined {
    return this.of(runPath).series(metric);
  }

  /** A run's own series; for the focused run, its ancestors' up to where the line left them before it. */
  series(runPath: string, metric: string): Series | undefined {
    const own = this.of(runPath).series(metric);
    if (runPath !== this.focused || this.ancestors.length === 0) return own;
    const past = this.stretches(this.ancestors, metric);
    let joined = this.joined.get(metric);
    if (joined === undefined) {
      joined = new JoinedSeries([...this.joined.values()][0]?.series);
      this.joined.set(metric, joined);
    }
    const series = joined.sync([...past, { series: own, until: Number.POSITIVE_INFINITY }]);
    return series.length === 0 ? undefined : series;
  }

  /** What `series` lacks of a run's past: of a run beside the focused one, what its ancestors logged. */
  past(runPath: string, metric: string): readonly Stretch[] {
    return runPath === this.focused ? [] : this.stretches(this.ancestorsOf(runPath), metric);
  }

  /** Whether no average of it is drawn: of what is an evaluation or a schedule, or was logged seldom in this run. */
  isAsLogged(runPath: string, metric: string): boolean {
    if (metric === LOSS) return false;
    if (isDrawnAsLogged(metric)) return true;
    const { series } = this.of(runPath).log;
    const points = series.get(metric)?.length ?? 0;
    const of = series.get(LOSS)?.length ?? Math.max(0, ...[...series.values()].map((each) => each.length));
    return points > 0 && isSparse(points, of);
  }

  private stretches(ancestors: readonly Ancestor[], metric: string): Stretch[] {
    return ancestors.toReversed().map(({ run, until }) => ({ series: this.of(run.path).series(metric), until }));
  }
}
