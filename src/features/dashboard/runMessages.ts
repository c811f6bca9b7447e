/** What a page is told of the run that it is about: everything at first, then what is new since. Its curves are curves.ts'. */
import { alertInput, siblingLosses, siblingsOf } from '../../core/experiment/alertInput';
import type { Run } from '../../core/experiment/model';
import { RunAlerts } from '../../core/metrics/alerts/runAlerts';
import { LOSS } from '../../core/metrics/catalogue';
import { Series } from '../../core/metrics/series';
import { autoSmoothing } from '../../core/metrics/smooth';
import type { Trace } from '../../core/metrics/trace';
import type { AlertFacts, HostMessage } from '../../protocol/dashboard';
import type { RoomWatch } from '../roomWatch';
import type { WatchedCurves } from './curves';
import { factsOf, summaryOf } from './facts';
import { alertFacts, figuresOf } from './figures';
import type { SessionHost } from './host';
import { LogLines } from './logLines';
import type { ShownMetrics } from './shownMetrics';

type Message<T extends HostMessage['type']> = Extract<HostMessage, { type: T }>;

/** Some alerts come with time alone; this often is soon enough for a person. */
const ALERTS_MS = 2000;

export class RunMessages {
  /** When alerts were last looked for, by a clock that does not go back when the machine's is set; ms. */
  private alertsAt = Number.NEGATIVE_INFINITY;
  private sentAlerts = '';
  private sentMetrics = '';
  private readonly noPoints = new Series();
  /** Of the run that they are about; those of another run begin anew. */
  private alerts = { runPath: '', found: new RunAlerts() };
  /** The user's choice; null: as suits the number of points. */
  private smoothing: number | null = null;
  private readonly logs = new LogLines();

  constructor(
    private readonly host: SessionHost,
    private readonly metrics: ShownMetrics,
    private readonly curves: WatchedCurves,
    private readonly room: RoomWatch,
  ) {}

  missing(path: string): Message<'missing'> {
    return { type: 'missing', path, scanning: this.host.scanning() };
  }

  snapshot(run: Run): Omit<Message<'snapshot'>, 'gpus'> {
    const { log } = this.metrics.of(run.path);
    const loss = this.lossTrace(run);
    const alerts = this.findAlerts(run);
    const metrics = this.metrics.names();
    this.sentAlerts = JSON.stringify(alerts);
    this.sentMetrics = metrics.join('\n');
    return {
      type: 'snapshot',
      ...this.modelFacts(run, loss.series),
      metrics,
      figures: figuresOf(run, log, loss, this.found(run)),
      alerts,
      hasTimes: !Number.isNaN(log.lastTime),
    };
  }

  /** After a scan. */
  model(run: Run): Message<'model'> {
    return { type: 'model', ...this.modelFacts(run, this.metrics.series(run.path, LOSS)) };
  }

  /**
   * Figures, and names of metrics and alerts where these are others than before; undefined where nothing is new.
   *
   * @param changed something was logged, or the run is in another state
   */
  figures(run: Run, changed: boolean): Message<'figures'> | undefined {
    const now = performance.now();
    const alertsDue = now - this.alertsAt > ALERTS_MS;
    if (!changed && !alertsDue) return undefined;
    const own = this.metrics.of(run.path);
    const alerts = alertsDue ? this.findAlerts(run) : undefined;
    if (alertsDue) this.alertsAt = now;
    const alertsText = alerts === undefined ? this.sentAlerts : JSON.stringify(alerts);
    const metrics = this.metrics.names();
    const metricsText = metrics.join('\n');
    const newAlerts = alertsText !== this.sentAlerts;
    const newMetrics = metricsText !== this.sentMetrics;
    if (!changed && !newAlerts && !newMetrics) return undefined;
    this.sentAlerts = alertsText;
    this.sentMetrics = metricsText;
    return {
      type: 'figures',
      figures: figuresOf(run, own.log, this.lossTrace(run), this.found(run)),
      hasTimes: !Number.isNaN(own.log.lastTime),
      ...(newMetrics ? { metrics } : {}),
      ...(newAlerts && alerts !== undefined ? { alerts } : {}),
    };
  }

  /** Reads what the run's log says of its end; whether that is news for the page. */
  readLog(run: Run): Promise<boolean> {
    return this.logs.read(run);
  }

  /** The chart averages with this from now on; whether that is news. */
  smoothWith(smoothing: number | null): boolean {
    const changed = smoothing !== this.smoothing;
    this.smoothing = smoothing;
    return changed;
  }

  private found(run: Run): RunAlerts {
    const thresholds = this.host.thresholds();
    const { runPath, found } = this.alerts;
    const isSame = runPath === run.path && JSON.stringify(found.thresholds) === JSON.stringify(thresholds);
    if (!isSame) this.alerts = { runPath: run.path, found: new RunAlerts(thresholds) };
    return this.alerts.found;
  }

  private findAlerts(run: Run): AlertFacts[] {
    const { log } = this.metrics.of(run.path);
    // Those whose metrics are in memory: what nobody has read yet comes with the next look.
    const siblings = siblingsOf(run, this.host.lineage()).filter(({ path }) => this.metrics.has(path));
    const input = alertInput(run, {
      log,
      line: this.metrics.series(run.path, LOSS),
      siblings: siblingLosses(run, siblings, ({ path }) => this.metrics.own(path, LOSS)),
      room: this.room.known(run),
      notValid: this.host.notValid(),
      now: Date.now() / 1000,
    });
    return alertFacts(run, this.found(run).find(input), log.series.get(LOSS));
  }

  private modelFacts(run: Run, loss: Series | undefined): Omit<Message<'model'>, 'type'> {
    const lineage = this.host.lineage();
    return {
      run: factsOf(run, lineage, loss, this.logs.of(run)),
      runs: this.host.runs().map((each) => summaryOf(each, lineage)),
      canTrain: this.host.canTrain(),
    };
  }

  private lossTrace(run: Run): Trace {
    const loss = this.metrics.series(run.path, LOSS) ?? this.noPoints;
    return this.curves.trace(loss, this.smoothing ?? autoSmoothing(loss.length));
  }
}
