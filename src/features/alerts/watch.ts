/**
 * Follows the runs that train now and finds their alerts, without VS Code and without a page: reads what was appended to their
 * logs every few seconds, and nothing while nothing trains.
 */
import { Disposable } from '../../core/disposable';
import { messageOf } from '../../core/errors';
import { alertInput, siblingLosses, siblingsOf } from '../../core/experiment/alertInput';
import type { Lineage } from '../../core/experiment/lineage';
import type { Run } from '../../core/experiment/model';
import type { Alert } from '../../core/metrics/alerts/alert';
import { alertTail } from '../../core/metrics/alerts/alertTail';
import type { Room } from '../../core/metrics/alerts/room';
import { RunAlerts } from '../../core/metrics/alerts/runAlerts';
import type { AlertThresholds } from '../../core/metrics/alerts/thresholds';
import { LOSS } from '../../core/metrics/catalogue';
import { JoinedSeries, type Stretch } from '../../core/metrics/joined';
import type { Series } from '../../core/metrics/series';
import type { MetricsTail } from '../../core/metrics/tail';
import type { GpuMonitor } from '../../core/training/gpus/gpuMonitor';
import { GpuWatch } from '../gpuWatch';
import { RoomWatch } from '../roomWatch';

/** Soon enough for a person who does something else. */
const EVERY_MS = 2000;
/** Of the GPUs' readings: memory that fills up is said once it has lasted. */
const SELDOM = 4;

export interface AlertHost {
  runs(): readonly Run[];
  lineage(): Lineage;
  readonly thresholds: AlertThresholds;
  /** Paths of checkpoints that were validated and are not valid. */
  notValid(): ReadonlyMap<string, unknown>;
  readonly gpus: GpuMonitor;
  /** Alerts that were not told before; each once, newest last. */
  tell(run: Run, alerts: readonly Alert[]): void;
  log(message: string): void;
}

class WatchedRun extends Disposable {
  readonly line = new JoinedSeries();
  readonly gpus: GpuWatch;
  readonly room: RoomWatch;
  /** What was told, or was over when the run was first looked at; undefined before that. */
  known: Set<string> | undefined;

  constructor(
    public alerts: RunAlerts,
    monitor: GpuMonitor,
  ) {
    super();
    this.gpus = this._register(new GpuWatch(monitor, () => undefined, SELDOM));
    this.room = new RoomWatch(this.gpus);
  }
}

export class AlertWatch extends Disposable {
  private readonly watched = new Map<string, WatchedRun>();
  /** Logs of those runs, of their ancestors and of their siblings. */
  private readonly tails = new Map<string, MetricsTail>();
  private readonly complained = new Set<string>();
  private thresholds: AlertThresholds;
  private timer: NodeJS.Timeout | undefined;
  private looking = false;

  constructor(
    private readonly host: AlertHost,
    private readonly everyMs = EVERY_MS,
  ) {
    super();
    this.thresholds = host.thresholds;
    this._register({
      dispose: () => {
        clearInterval(this.timer);
        for (const run of this.watched.values()) run.dispose();
        this.watched.clear();
        this.tails.clear();
      },
    });
  }

  /** Paths of the runs that are followed. */
  get followed(): readonly string[] {
    return [...this.watched.keys()];
  }

  setThresholds(thresholds: AlertThresholds): void {
    this.thresholds = thresholds;
    for (const run of this.watched.values()) run.alerts = new RunAlerts(thresholds);
  }

  /** The model changed: runs began to train, or ended. */
  modelChanged(): void {
    if (this.isDisposed) return;
    const training = this.training();
    for (const [path, run] of this.watched) {
      if (training.some((each) => each.path === path)) continue;
      run.dispose();
      this.watched.delete(path);
    }
    for (const run of training) {
      let watched = this.watched.get(run.path);
      if (watched === undefined) {
        watched = new WatchedRun(new RunAlerts(this.thresholds), this.host.gpus);
        this.watched.set(run.path, watched);
        void this.look();
      }
      watched.gpus.follow(run);
    }
    if (training.length > 0) {
      this.timer ??= setInterval(() => void this.look(), this.everyMs).unref();
      return;
    }
    clearInterval(this.timer);
    this.timer = undefined;
    this.tails.clear();
  }

  private training(): readonly Run[] {
    return this.host.runs().filter((run) => run.state === 'training');
  }

  /** Reads on, and tells what is new. One look at a time. */
  private async look(): Promise<void> {
    if (this.looking || this.isDisposed) return;
    this.looking = true;
    try {
      const wanted = new Set<string>();
      for (const run of this.training()) {
        for (const path of this.sourcesOf(run)) wanted.add(path);
        await this.lookAt(run);
      }
      for (const path of this.tails.keys()) if (!wanted.has(path)) this.tails.delete(path);
    } catch (error) {
      this.complain('', `Looking for alerts failed: ${messageOf(error)}`);
    } finally {
      this.looking = false;
    }
  }

  private sourcesOf(run: Run): string[] {
    const lineage = this.host.lineage();
    const kin = [...lineage.ancestorsOf(run).map((ancestor) => ancestor.run), ...siblingsOf(run, lineage)];
    // Its own last: what is found in it depends on what they logged.
    return [...kin.map(({ path }) => path), run.path];
  }

  private async lookAt(found: Run): Promise<void> {
    for (const path of this.sourcesOf(found)) await this.read(path);
    const room = await this.watched.get(found.path)?.room.read(found);
    // Asked again: much can have happened while the files were read.
    const watched = this.watched.get(found.path);
    const run = this.runAt(found.path);
    if (this.isGone || watched === undefined || room === undefined || run === undefined) return;
    const alerts = this.find(run, watched, room).filter(({ kind }) => kind !== 'stage');
    const isFirst = watched.known === undefined;
    const known = (watched.known ??= new Set());
    const news = alerts.toReversed().filter((alert) => !known.has(keyOf(alert)));
    for (const alert of news) known.add(keyOf(alert));
    // What was over before anybody looked is in the dashboard, and no news.
    const told = isFirst ? news.filter(({ present }) => present) : news;
    if (told.length > 0) this.host.tell(run, told);
  }

  private find(run: Run, watched: WatchedRun, room: Room): Alert[] {
    const log = this.tails.get(run.path)?.log;
    if (log === undefined) return [];
    const input = alertInput(run, {
      log,
      line: this.lineOf(run, watched),
      siblings: siblingLosses(run, siblingsOf(run, this.host.lineage()), (each) => this.lossOf(each.path)),
      room,
      notValid: this.host.notValid(),
      now: Date.now() / 1000,
    });
    return watched.alerts.find(input);
  }

  /** Goes over what was read of a long log before more of it is: all at once, that would hold the thread. */
  private onPiece(path: string): void {
    const [run, watched] = [this.runAt(path), this.watched.get(path)];
    if (run !== undefined && watched !== undefined) this.find(run, watched, watched.room.known(run));
  }

  private runAt(path: string): Run | undefined {
    return this.host.runs().find((run) => run.path === path);
  }

  private lineOf(run: Run, { line }: WatchedRun): Series | undefined {
    const past = this.host
      .lineage()
      .ancestorsOf(run)
      .toReversed()
      .map(({ run: ancestor, until }): Stretch => ({ series: this.lossOf(ancestor.path), until }));
    if (past.length === 0) return this.lossOf(run.path);
    const series = line.sync([...past, { series: this.lossOf(run.path), until: Number.POSITIVE_INFINITY }]);
    return series.length === 0 ? undefined : series;
  }

  private lossOf(path: string): Series | undefined {
    return this.tails.get(path)?.log.series.get(LOSS);
  }

  /** Reads on in a run's log; a run that rests is read once. */
  private async read(path: string): Promise<void> {
    const known = this.tails.get(path);
    const rests = this.runAt(path)?.state !== 'training';
    if (known !== undefined && rests) return;
    const tail =
      known ??
      alertTail(path, () => {
        this.onPiece(path);
      });
    this.tails.set(path, tail);
    try {
      await tail.poll();
    } catch (error) {
      this.complain(path, `Cannot read the metrics of ${path}: ${messageOf(error)}`);
    }
  }

  /** Said once: this comes round every few seconds. */
  private complain(about: string, message: string): void {
    if (!this.complained.has(about)) this.host.log(message);
    this.complained.add(about);
  }

  /** A method, so that the compiler does not take it for constant over an await. */
  private get isGone(): boolean {
    return this.isDisposed;
  }
}

function keyOf({ kind, step }: Alert): string {
  return `${kind} ${step}`;
}
