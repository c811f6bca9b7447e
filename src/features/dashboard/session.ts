/**
 * One dashboard's side of the conversation with its page, without VS Code: what it is told, what it asks for, what it is sent
 * and when. The panel gives it a voice and ears; the page tests run it against a page in a plain browser.
 */
import { watch, type FSWatcher } from 'node:fs';
import type { Lineage } from '../../core/experiment/lineage';
import type { Run } from '../../core/experiment/model';
import { LOSS } from '../../core/metrics/catalogue';
import { SharedMetrics } from '../../core/metrics/runMetrics';
import { Series } from '../../core/metrics/series';
import { autoSmoothing } from '../../core/metrics/smooth';
import { Disposable } from '../../core/disposable';
import {
  parsePageMessage,
  type HostMessage,
  type RunCommand,
  type SaveMessage,
  type WatchMessage,
} from '../../protocol/dashboard';
import { Conversation, pageOf, type Addressed } from '../../protocol/requests';
import { WatchedCurves } from './curves';
import { differenceOf, factsOf, summaryOf } from './facts';
import { alertsOf, figuresOf } from './figures';
import { ShownMetrics } from './shownMetrics';

/** What a session needs from around it. */
export interface SessionHost {
  post(message: HostMessage & Addressed): void;
  /** Runs of every opened workspace, as of the last scan. */
  runs(): readonly Run[];
  /** Who branched from whom among them. */
  lineage(): Lineage;
  /** The first scan is not over. */
  scanning(): boolean;
  canTrain(): boolean;
  act(command: RunCommand, path: string): void;
  /** `content` is the file's; it asks the user where to. */
  save(request: SaveMessage, content: () => Promise<string | Uint8Array>): void;
  /** The page is about another run now. */
  focused(run: Run): void;
  log(message: string): void;
}

/** A training run's file is looked at this often; that of one that rests every fifth time. */
const POLL_MS = 300;
const REST = 5;
/** Some alerts come with time alone; this often is soon enough for a person. */
const ALERTS_MS = 2000;

export class DashboardSession extends Disposable {
  private readonly metrics: ShownMetrics;
  private readonly curves = new WatchedCurves({
    series: (run, metric) => this.metrics.series(run, metric),
    origin: (run) => this.runAt(run)?.parent?.step ?? 0,
  });
  private visible = true;
  private readonly conversation = new Conversation();
  private timer: NodeJS.Timeout | undefined;
  private hint: FSWatcher | undefined;
  private hinted = '';
  private ticks = 0;
  private ticking = false;
  /** When alerts were last looked for, by a clock that does not go back when the machine's is set; ms. */
  private alertsAt = Number.NEGATIVE_INFINITY;
  private sentAlerts = '';
  private sentMetrics = '';
  private readonly noPoints = new Series();

  constructor(
    private path: string,
    private readonly host: SessionHost,
    shared = new SharedMetrics(),
  ) {
    super();
    this.metrics = this._register(
      new ShownMetrics(shared, (message) => {
        host.log(message);
      }),
    );
    this._register({
      dispose: () => {
        this.stopFollowing();
      },
    });
  }

  get runPath(): string {
    return this.path;
  }

  /** The page is seen, or no longer. Out of sight nothing is read or sent; when it comes back it gets a snapshot. */
  setVisible(visible: boolean): void {
    if (visible === this.visible || this.isDisposed) return;
    this.visible = visible;
    if (visible && this.conversation.isOpen) void this.start();
    if (!visible) this.stopFollowing();
  }

  /** Makes the dashboard about another run. */
  async focus(path: string): Promise<void> {
    this.path = path;
    if (this.conversation.isOpen) await this.start();
  }

  /** The workspace's model changed. */
  modelChanged(): void {
    if (!this.conversation.isOpen || !this.visible || this.isDisposed) return;
    const run = this.runAt(this.path);
    if (run === undefined) {
      this.stopFollowing();
      this.post({ type: 'missing', path: this.path, scanning: this.host.scanning() });
      return;
    }
    if (this.timer === undefined) {
      void this.start();
      return;
    }
    const runs = this.host.runs();
    const lineage = this.host.lineage();
    const facts = factsOf(run, lineage, this.metrics.series(run.path, LOSS));
    this.post({
      type: 'model',
      run: facts,
      runs: runs.map((each) => summaryOf(each, lineage)),
      canTrain: this.host.canTrain(),
    });
    // A run that stopped has no time left to count, whether or not it logged anything more.
    this.sendFigures(run, true);
    void this.tick();
  }

  /** Takes what the page sent; anything that is no message of the protocol is logged and otherwise ignored. */
  receive(raw: unknown): void {
    const message = parsePageMessage(raw);
    if (message === undefined) {
      this.host.log('The dashboard sent a message that is not in the protocol; it was ignored.');
      return;
    }
    switch (message.type) {
      case 'ready':
        this.conversation.begin(pageOf(raw));
        void this.start();
        return;
      case 'watch':
        if (this.conversation.isWith(pageOf(raw))) void this.watch(message);
        return;
      case 'act':
        // Only what the model knows: a page cannot make the host act on any path it likes.
        if (this.knows(message.path)) this.host.act(message.command, message.path);
        return;
      case 'focus': {
        const run = this.runAt(message.run);
        if (run === undefined) return;
        this.host.focused(run);
        void this.focus(run.path);
        return;
      }
      case 'compare': {
        const here = this.runAt(this.path);
        const there = this.runAt(message.other);
        if (!this.conversation.isWith(pageOf(raw)) || here === undefined || there === undefined) return;
        const { request, other } = message;
        this.post({ type: 'difference', request, other, rows: differenceOf(here, there) });
        return;
      }
      case 'save':
        this.host.save(message, () => this.contentOf(message));
        return;
      case 'report':
        this.host.log(`In the dashboard: ${message.message}`);
        return;
    }
  }

  private async watch(message: WatchMessage): Promise<void> {
    const isWanted = this.conversation.question('curves', message.request);
    const unread = new Set(message.curves.map((curve) => curve.run).filter((path) => !this.metrics.has(path)));
    await this.read(unread);
    // While a file was read the page may have moved on, or be gone.
    if (this.gone || !this.visible || !isWanted()) return;
    this.post(this.curves.watch(message));
  }

  private post(message: HostMessage): void {
    const addressed = this.conversation.address(message);
    if (addressed !== undefined) this.host.post(addressed);
  }

  /** A method, so that the compiler does not take it for constant over an await. */
  private get gone(): boolean {
    return this.isDisposed;
  }

  private async start(): Promise<void> {
    const run = this.runAt(this.path);
    if (run === undefined) {
      this.post({ type: 'missing', path: this.path, scanning: this.host.scanning() });
      return;
    }
    this.look(run);
    await this.read(this.metrics.line);
    if (this.gone || !this.visible || this.path !== run.path) return;
    const runs = this.host.runs();
    const lineage = this.host.lineage();
    const own = this.metrics.of(run.path);
    const loss = this.lossTrace();
    const alerts = alertsOf(run, own, Date.now() / 1000);
    const metrics = this.metrics.names();
    this.metrics.takeChanges();
    this.sentAlerts = JSON.stringify(alerts);
    this.sentMetrics = metrics.join('\n');
    this.post({
      type: 'snapshot',
      run: factsOf(run, lineage, loss.series),
      runs: runs.map((each) => summaryOf(each, lineage)),
      metrics,
      figures: figuresOf(run, own.log, loss),
      alerts,
      hasTimes: !Number.isNaN(own.log.lastTime),
      canTrain: this.host.canTrain(),
    });
    this.follow(run);
  }

  private follow(run: Run): void {
    if (this.timer === undefined) {
      this.timer = setInterval(() => {
        void this.tick();
      }, POLL_MS);
    }
    if (this.hinted === run.path) return;
    this.hint?.close();
    this.hinted = run.path;
    try {
      // A hint only: on network disks nothing comes, and the poll finds it.
      this.hint = watch(run.path, (_event, file) => {
        if (file?.endsWith('.jsonl') === true) void this.tick();
      });
      this.hint.on('error', () => {
        this.hint?.close();
      });
    } catch {
      this.hint = undefined;
    }
  }

  private stopFollowing(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.hint?.close();
    this.hint = undefined;
    this.hinted = '';
    this.metrics.keep(new Set());
  }

  private async tick(): Promise<void> {
    if (this.ticking || !this.visible || this.isDisposed) return;
    this.ticking = true;
    try {
      this.ticks += 1;
      const focused = this.runAt(this.path);
      if (focused === undefined) return;
      this.look(focused);
      const shown = new Set([...this.metrics.line, ...this.curves.runs]);
      this.metrics.keep(shown);
      await this.read(
        [...shown].filter(
          (path) => this.runAt(path)?.state === 'training' || this.ticks % REST === 0 || path === this.path,
        ),
      );
      // Asked again: much can have happened while the files were read.
      if (this.gone || this.timer === undefined || this.path !== focused.path) return;
      const changed = this.metrics.takeChanges();
      if (changed) for (const message of this.curves.increments()) this.post(message);
      this.sendFigures(focused, changed);
    } finally {
      this.ticking = false;
    }
  }

  private sendFigures(run: Run, changed: boolean): void {
    const now = performance.now();
    const alertsDue = now - this.alertsAt > ALERTS_MS;
    if (!changed && !alertsDue) return;
    const own = this.metrics.of(run.path);
    const alerts = alertsDue ? alertsOf(run, own, Date.now() / 1000) : undefined;
    if (alertsDue) this.alertsAt = now;
    const alertsText = alerts === undefined ? this.sentAlerts : JSON.stringify(alerts);
    const metrics = this.metrics.names();
    const metricsText = metrics.join('\n');
    const newAlerts = alertsText !== this.sentAlerts;
    const newMetrics = metricsText !== this.sentMetrics;
    if (!changed && !newAlerts && !newMetrics) return;
    this.sentAlerts = alertsText;
    this.sentMetrics = metricsText;
    this.post({
      type: 'figures',
      figures: figuresOf(run, own.log, this.lossTrace()),
      hasTimes: !Number.isNaN(own.log.lastTime),
      ...(newMetrics ? { metrics } : {}),
      ...(newAlerts && alerts !== undefined ? { alerts } : {}),
    });
  }

  private lossTrace(): ReturnType<WatchedCurves['trace']> {
    const loss = this.metrics.series(this.path, LOSS) ?? this.noPoints;
    return this.curves.trace(loss, autoSmoothing(loss.length));
  }

  /** The dashboard is about this run, with the ancestors that the model has now. */
  private look(run: Run): void {
    this.metrics.focus(run.path, this.host.lineage().ancestorsOf(run));
  }

  /** Reads on in the metrics of those of these runs that there are. */
  private read(paths: Iterable<string>): Promise<void> {
    return this.metrics.read([...paths].filter((path) => this.runAt(path) !== undefined));
  }

  private runAt(path: string): Run | undefined {
    return this.host.runs().find((run) => run.path === path);
  }

  private knows(path: string): boolean {
    return this.host
      .runs()
      .some(
        (run) => run.path === path || run.final?.path === path || run.checkpoints.some((each) => each.path === path),
      );
  }

  private async contentOf(message: SaveMessage): Promise<string | Uint8Array> {
    if (message.format !== 'csv')
      return message.format === 'png' ? Buffer.from(message.content, 'base64') : message.content;
    await this.read(message.runs);
    const lines = ['run,step,time,value'];
    for (const path of message.runs) {
      const run = this.runAt(path);
      const series = run === undefined ? undefined : this.metrics.of(path).series(message.metric);
      if (run === undefined || series === undefined) continue;
      const name = /[",\n]/.test(run.name) ? `"${run.name.replaceAll('"', '""')}"` : run.name;
      const { steps, times, values } = series;
      for (let index = 0; index < steps.length; index += 1) {
        const time = times[index] as number;
        lines.push(`${name},${steps[index] as number},${Number.isNaN(time) ? '' : time},${values[index] as number}`);
      }
    }
    return lines.join('\n') + '\n';
  }
}
