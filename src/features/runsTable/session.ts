/**
 * The host's side of the conversation with the table's page, without VS Code: which rows the page has, and which of them have
 * changed since. The panel gives it a voice and ears; the page's tests run it against a page in a plain browser.
 */
import { findArgument } from '../../core/arguments/arguments';
import { Disposable } from '../../core/disposable';
import { allCheckpoints } from '../../core/experiment/checkpoints';
import type { Lineage } from '../../core/experiment/lineage';
import type { Run } from '../../core/experiment/model';
import type { TableLook } from '../../core/table/look';
import type { RunRow } from '../../core/table/row';
import { argumentColumns, ArgumentNames, newestCheckpoint, rowOf } from '../../core/table/rows';
import { Conversation, pageOf, type Addressed } from '../../protocol/requests';
import {
  parseLook,
  parseRunsPageMessage,
  type RunsActMessage,
  type RunsCommand,
  type RunsHostMessage,
} from '../../protocol/runsTable';
import { ChangedRuns } from '../changedRuns';
import { Figures, type FiguresHost } from './figures';

export interface RunsTableHost extends FiguresHost {
  post(message: RunsHostMessage & Addressed): void;
  /** Runs of every opened workspace, as of the last scan. */
  runs(): readonly Run[];
  lineage(): Lineage;
  /** The first scan is not over. */
  scanning(): boolean;
  canTrain(): boolean;
  /** A folder is open. */
  hasFolder(): boolean;
  /** What `keep` was given last, in this window or an earlier one. */
  kept(): unknown;
  keep(look: TableLook): void;
  /** @param paths of runs, or of checkpoints where the command is about those */
  act(command: RunsCommand, paths: readonly string[]): void;
  copy(text: string): void;
}

export class RunsTableSession extends Disposable {
  private readonly conversation = new Conversation();
  private readonly changes = new ChangedRuns((run, lineage) => lineage.parentOf(run)?.path ?? null);
  private names = new ArgumentNames();
  private visible = true;
  private told = 0;
  private status = '';
  private readonly figures: Figures;

  constructor(private readonly host: RunsTableHost) {
    super();
    this.figures = new Figures(host, (message) => {
      this.post(message);
    });
    this._register({
      dispose: () => {
        this.figures.stop();
      },
    });
  }

  /** The page is seen, or no longer: out of sight nothing is sent. */
  setVisible(visible: boolean): void {
    if (visible === this.visible) return;
    this.visible = visible;
    if (visible) this.modelChanged();
    else this.figures.pause();
  }

  /** The workspace's model changed. */
  modelChanged(): void {
    if (!this.conversation.isOpen || !this.visible || this.isDisposed) return;
    this.tellStatus();
    void this.tell();
    this.figures.follow(this.host.runs());
  }

  /** Takes what the page sent; anything that is no message of the protocol is logged and otherwise ignored. */
  receive(raw: unknown): void {
    const message = parseRunsPageMessage(raw);
    switch (message?.type) {
      case 'ready':
        this.begin(pageOf(raw));
        return;
      case 'act':
        this.act(message);
        return;
      case 'look':
        this.host.keep(message.look);
        return;
      case 'metrics':
        void this.tellMetrics();
        return;
      case 'figures':
        this.figures.want(message.request, message.columns);
        return;
      case 'copy':
        this.host.copy(message.content);
        return;
      case 'report':
        this.host.log(`In the table of runs: ${message.message}`);
        return;
      case undefined:
        this.host.log('The table of runs sent a message that is not in the protocol; it was ignored.');
    }
  }

  private async tellMetrics(): Promise<void> {
    const isWanted = this.conversation.question('metrics', 0);
    const names = await this.figures.names();
    if (isWanted()) this.post({ type: 'metrics', names });
  }

  private begin(page: string): void {
    this.conversation.begin(page);
    // Until the page says which it has.
    this.figures.want(0, []);
    this.changes.forget();
    this.names = new ArgumentNames();
    this.told = 0;
    this.status = '';
    const look = parseLook(this.host.kept());
    if (look !== undefined) this.post({ type: 'look', look });
    this.modelChanged();
  }

  private post(message: RunsHostMessage): void {
    const addressed = this.conversation.address(message);
    if (addressed !== undefined) this.host.post(addressed);
  }

  private tellStatus(): void {
    const { host } = this;
    const message: RunsHostMessage = {
      type: 'status',
      scanning: host.scanning(),
      canTrain: host.canTrain(),
      hasFolder: host.hasFolder(),
    };
    const status = JSON.stringify(message);
    if (status === this.status) return;
    this.status = status;
    this.post(message);
  }

  /** Sends what the page lacks, in parts. */
  private async tell(): Promise<void> {
    const lineage = this.host.lineage();
    await this.changes.tell(this.host.runs(), lineage, ({ first, last, runs, gone, moved }) => {
      if (this.isDisposed) return false;
      const rows = runs.map((run): RunRow => rowOf(run, lineage, this.names, Date.now() / 1000));
      this.post({ type: 'rows', first, last, arguments: this.newArguments(), rows, gone, moved });
      return true;
    });
  }

  private newArguments(): ReturnType<typeof argumentColumns> | null {
    if (this.names.all.length === this.told) return null;
    this.told = this.names.all.length;
    return argumentColumns(this.names, (name) => findArgument(name)?.description);
  }

  /** Only on what the model knows: a page cannot make the host act on any path it likes. */
  private act({ command, paths }: RunsActMessage): void {
    const wanted = new Set(paths);
    const byPath = new Map(this.host.runs().flatMap((run) => (wanted.has(run.path) ? [[run.path, run]] : [])));
    // In the page's order: the first is the one that the others are drawn over.
    const runs = paths.flatMap((path) => byPath.get(path) ?? []);
    const targets = runs.flatMap((run) => this.targets(command, run));
    if (targets.length > 0) this.host.act(command, targets);
  }

  /** What of a run the command acts on. */
  private targets(command: RunsCommand, run: Run): string[] {
    switch (command) {
      case 'dashboard':
      case 'overlay':
      case 'tag':
      case 'star':
      case 'unstar':
      case 'notes':
      case 'log':
      case 'path':
      case 'deleteRuns':
        return [run.path];
      case 'compare':
      case 'branch': {
        const checkpoint = newestCheckpoint(run);
        return checkpoint === null ? [] : [checkpoint.path];
      }
      case 'delete':
        return allCheckpoints(run).map(({ path }) => path);
    }
  }
}
