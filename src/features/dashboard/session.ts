/**
 * One dashboard's side of the conversation with its page, without VS Code: which page listens, which run it is about, and when
 * it is told what. The panel gives it a voice and ears; the page tests run it against a page in a plain browser.
 */
import { siblingsOf } from '../../core/experiment/alertInput';
import { FollowedRuns } from '../../core/experiment/followedRuns';
import type { Run } from '../../core/experiment/model';
import { SharedMetrics } from '../../core/metrics/runMetrics';
import { Disposable } from '../../core/disposable';
import { parsePageMessage, type HostMessage, type WatchMessage } from '../../protocol/dashboard';
import { Conversation, pageOf } from '../../protocol/requests';
import { GpuWatch } from '../gpuWatch';
import { RoomWatch } from '../roomWatch';
import { WatchedCurves } from './curves';
import { Follower } from './follower';
import { runAt, type SessionHost } from './host';
import { PageActions } from './pageActions';
import { RunMessages } from './runMessages';
import { ShownMetrics } from './shownMetrics';

/** Files of a run that rests, beside the one that the page is about, are looked at every so many times. */
const REST = 5;

export class DashboardSession extends Disposable {
  private readonly metrics: ShownMetrics;
  private readonly curves = new WatchedCurves({
    series: (run, metric) => this.metrics.series(run, metric),
    past: (run, metric) => this.metrics.past(run, metric),
    isAsLogged: (run, metric) => this.metrics.isAsLogged(run, metric),
    origin: (run) => runAt(this.host, run)?.parent?.step ?? 0,
  });
  private readonly messages: RunMessages;
  private readonly actions: PageActions;
  private readonly follower: Follower;
  private readonly gpus: GpuWatch;
  private readonly room: RoomWatch;
  private readonly conversation = new Conversation();
  private visible = true;
  /** Runs to draw over this one, for a page that is not there yet. */
  private overlaid: readonly string[] = [];
  private readonly followed = new FollowedRuns();
  /** Runs that got another name while the page had them: from which path, and where they are. */
  private readonly renamed = new Map<string, string>();
  private ticks = 0;
  private ticking = false;

  constructor(
    private path: string,
    private readonly host: SessionHost,
    shared = new SharedMetrics(),
  ) {
    super();
    this.metrics = this._register(
      new ShownMetrics(
        shared,
        (runPath) => {
          const run = runAt(host, runPath);
          return run === undefined ? [] : host.lineage().ancestorsOf(run);
        },
        (message) => {
          host.log(message);
        },
      ),
    );
    this.actions = new PageActions(host, this.metrics);
    this.follower = this._register(new Follower(() => void this.tick()));
    this.gpus = this._register(
      new GpuWatch(host.gpus, (use) => {
        if (this.visible) this.post({ type: 'gpus', use });
      }),
    );
    this.room = new RoomWatch(this.gpus);
    this.messages = new RunMessages(host, this.metrics, this.curves, this.room);
    this.followNames();
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
    this.followNames();
    if (this.conversation.isOpen) await this.start();
  }

  /** Has the page draw these runs over the one that it shows. */
  overlay(runs: readonly string[]): void {
    this.overlaid = [...this.overlaid, ...runs];
    if (this.follower.isOn) this.tellOverlaid();
  }

  /** The page keeps what it draws: it is told once. */
  private tellOverlaid(): void {
    const runs = this.overlaid;
    this.overlaid = [];
    if (runs.length > 0) this.post({ type: 'overlay', runs });
  }

  /** The workspace's model changed. */
  modelChanged(): void {
    if (this.isDisposed) return;
    const renamed = this.followNames();
    if (!this.conversation.isOpen || !this.visible) return;
    const run = this.run;
    if (renamed === 'own') {
      void this.start();
      return;
    }
    if (renamed === 'overlaid') this.tellRenamed();
    if (run === undefined) {
      this.stopFollowing();
      this.post(this.messages.missing(this.path));
      return;
    }
    if (!this.follower.isOn) {
      void this.start();
      return;
    }
    this.post(this.messages.model(run));
    this.gpus.follow(run);
    // A run that stopped has no time left to count, whether or not it logged anything more.
    this.post(this.messages.figures(run, true));
    void this.readLog(run);
    void this.tick();
  }

  /** A log may be long: what it says of the run's end comes after the rest. */
  private async readLog(run: Run): Promise<void> {
    if (!(await this.messages.readLog(run))) return;
    const now = this.run;
    if (this.gone || !this.visible || now?.path !== run.path) return;
    this.post(this.messages.model(now));
  }

  /** Takes what the page sent; anything that is no message of the protocol is logged and otherwise ignored. */
  receive(raw: unknown): void {
    const message = parsePageMessage(raw);
    if (message === undefined) {
      this.host.log('The dashboard sent a message that is not in the protocol; it was ignored.');
      return;
    }
    const page = pageOf(raw);
    switch (message.type) {
      case 'ready':
        this.conversation.begin(page);
        void this.start();
        return;
      case 'watch':
        if (this.conversation.isWith(page)) void this.watch(message);
        return;
      case 'focus': {
        const run = runAt(this.host, message.run);
        if (run === undefined) return;
        this.host.focused(run);
        void this.focus(run.path);
        return;
      }
      case 'compare':
        if (this.conversation.isWith(page)) this.post(this.actions.compare(this.path, message));
        return;
      case 'act':
        this.actions.act(message);
        return;
      case 'save':
        this.actions.save(message);
        return;
      case 'report':
        this.host.log(`In the dashboard: ${message.message}`);
        return;
    }
  }

  private async watch(message: WatchMessage): Promise<void> {
    const isWanted = this.conversation.question('curves', message.request);
    const shown = this.metrics.withAncestors(new Set(message.curves.map((curve) => curve.run)));
    await this.read(shown.filter((path) => !this.metrics.has(path)));
    // While a file was read the page may have moved on, or be gone.
    if (this.gone || !this.visible || !isWanted()) return;
    this.post(this.curves.watch(message));
    // Who they are, before a next model has them elsewhere.
    this.followNames();
    // The header's average is the chart's.
    const { run } = this;
    if (run !== undefined && this.messages.smoothWith(message.smoothing)) this.post(this.messages.figures(run, true));
  }

  /** To the page that listens; undefined is nothing to say. */
  private post(message: HostMessage | undefined): void {
    const addressed = message === undefined ? undefined : this.conversation.address(message);
    if (addressed !== undefined) this.host.post(addressed);
  }

  /** A method, so that the compiler does not take it for constant over an await. */
  private get gone(): boolean {
    return this.isDisposed;
  }

  private async start(): Promise<void> {
    const found = this.run;
    if (found === undefined) {
      this.post(this.messages.missing(this.path));
      return;
    }
    this.look(found);
    await this.read(this.metrics.line);
    if (this.gone || !this.visible || this.path !== found.path) return;
    // As the model has it by now: it may have changed while the files were read.
    const run = this.run;
    if (run === undefined) return;
    this.look(run);
    this.metrics.takeChanges();
    this.gpus.follow(run);
    this.tellRenamed();
    this.post({ ...this.messages.snapshot(run), gpus: this.gpus.current });
    this.follower.follow(run.path);
    this.tellOverlaid();
    void this.readLog(run);
  }

  private stopFollowing(): void {
    this.follower.stop();
    this.gpus.follow(undefined);
    this.metrics.keep(new Set());
  }

  private async tick(): Promise<void> {
    if (this.ticking || !this.visible || this.isDisposed) return;
    this.ticking = true;
    try {
      this.ticks += 1;
      const { run } = this;
      if (run === undefined) return;
      this.look(run);
      if (run.state === 'training') await this.room.read(run);
      const shown = new Set([
        ...this.metrics.line,
        ...siblingsOf(run, this.host.lineage()).map(({ path }) => path),
        ...this.metrics.withAncestors(this.curves.runs),
      ]);
      this.metrics.keep(shown);
      await this.read(
        [...shown].filter(
          (path) => path === this.path || this.ticks % REST === 0 || runAt(this.host, path)?.state === 'training',
        ),
      );
      // Asked again: much can have happened while the files were read.
      const now = this.run;
      if (this.gone || !this.follower.isOn || now === undefined || now.path !== run.path) return;
      const changed = this.metrics.takeChanges();
      if (changed) for (const message of this.curves.increments()) this.post(message);
      this.post(this.messages.figures(now, changed));
    } finally {
      this.ticking = false;
    }
  }

  private get run(): Run | undefined {
    return runAt(this.host, this.path);
  }

  /** Goes on with the runs that it shows where their folders were renamed, here or elsewhere. @returns which were */
  private followNames(): 'none' | 'overlaid' | 'own' {
    const found = this.followed.look([this.path, ...this.curves.runs, ...this.overlaid], this.host.runs());
    for (const [from, { path: to }] of found) {
      for (const [first, last] of this.renamed) if (last === from) this.renamed.set(first, to);
      this.renamed.set(from, to);
    }
    this.overlaid = this.overlaid.map((path) => found.get(path)?.path ?? path);
    const own = found.get(this.path);
    if (own === undefined) return found.size > 0 ? 'overlaid' : 'none';
    this.path = own.path;
    this.host.focused(own);
    return 'own';
  }

  /** What the page has under a path where nothing is any more. A page that was made anew kept such paths, too. */
  private tellRenamed(): void {
    const runs = [...this.renamed].filter(([from]) => runAt(this.host, from) === undefined);
    if (runs.length > 0) this.post({ type: 'renamed', runs: runs.map(([from, to]) => ({ from, to })) });
  }

  /** The dashboard is about this run, with the ancestors that the model has now. */
  private look(run: Run): void {
    this.metrics.focus(run.path, this.host.lineage().ancestorsOf(run));
  }

  /** Reads on in the metrics of those of these runs that there are. */
  private read(paths: Iterable<string>): Promise<void> {
    return this.metrics.read(new Set([...paths].filter((path) => runAt(this.host, path) !== undefined)));
  }
}
