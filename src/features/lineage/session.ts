/**
 * The host's side of the conversation with the lineage's page, without VS Code: which runs the page has, which of them have
 * changed since, and which pass the filter. The panel gives it a voice and ears; the page's tests run it against a page in a
 * plain browser.
 */
import { Disposable } from '../../core/disposable';
import { LaneKeys, laneRunOf, relationOf } from '../../core/lanes/laneRuns';
import { RunFilter } from '../../core/table/runFilter';
import {
  parseLineagePageMessage,
  type FilterMessage,
  type LaneCommand,
  type LineageHostMessage,
} from '../../protocol/lineage';
import { Conversation, pageOf, type Addressed } from '../../protocol/requests';
import { ChangedRuns } from '../changedRuns';
import type { SessionHost } from '../sessionPanel';

export interface LineageHost extends Omit<SessionHost, 'post' | 'canTrain'> {
  post(message: LineageHostMessage & Addressed): void;
  /** A folder is open. */
  hasFolder(): boolean;
  /** @param path of a run */
  act(command: LaneCommand, path: string): void;
}

export class LineageSession extends Disposable {
  private readonly conversation = new Conversation();
  private readonly changes = new ChangedRuns(relationOf);
  private readonly filter = new RunFilter();
  private keys = new LaneKeys();
  private visible = true;
  private status = '';
  private asked: FilterMessage | undefined;
  private passing = '';

  constructor(private readonly host: LineageHost) {
    super();
  }

  /** The page is seen, or no longer: out of sight nothing is sent. */
  setVisible(visible: boolean): void {
    if (visible === this.visible) return;
    this.visible = visible;
    if (visible) this.modelChanged();
  }

  /** The workspace's model changed. */
  modelChanged(): void {
    if (!this.conversation.isOpen || !this.visible || this.isDisposed) return;
    this.tellStatus();
    this.tellPassing();
    void this.tell();
  }

  /** Takes what the page sent; anything that is no message of the protocol is logged and otherwise ignored. */
  receive(raw: unknown): void {
    const message = parseLineagePageMessage(raw);
    switch (message?.type) {
      case 'ready':
        this.begin(pageOf(raw));
        return;
      case 'act': {
        // Only on what the model knows: a page cannot make the host act on any path it likes.
        const run = this.host.runs().find(({ path }) => path === message.path);
        if (run !== undefined) this.host.act(message.command, run.path);
        return;
      }
      case 'filter':
        if (!this.conversation.isWith(pageOf(raw))) return;
        this.asked = message;
        this.passing = '';
        this.tellPassing();
        return;
      case 'report':
        this.host.log(`In the lineage: ${message.message}`);
        return;
      case undefined:
        this.host.log('The lineage sent a message that is not in the protocol; it was ignored.');
    }
  }

  private begin(page: string): void {
    this.conversation.begin(page);
    this.changes.forget();
    this.keys = new LaneKeys();
    this.status = '';
    this.asked = undefined;
    this.modelChanged();
  }

  private post(message: LineageHostMessage): void {
    const addressed = this.conversation.address(message);
    if (addressed !== undefined) this.host.post(addressed);
  }

  private tellStatus(): void {
    const { host } = this;
    const message: LineageHostMessage = { type: 'status', scanning: host.scanning(), hasFolder: host.hasFolder() };
    const status = JSON.stringify(message);
    if (status === this.status) return;
    this.status = status;
    this.post(message);
  }

  /** Which runs pass, where that is another answer than the last one. */
  private tellPassing(): void {
    const { asked, host, keys } = this;
    if (asked === undefined) return;
    const { request } = asked;
    let answer: LineageHostMessage = { type: 'passing', request, keys: null, problem: null };
    if (asked.typed.trim() !== '') {
      const { runs, problem } = this.filter.filter(asked.typed, host.runs(), host.lineage(), Date.now() / 1000);
      answer = { ...answer, keys: problem === null ? runs.map(({ path }) => keys.of(path)) : null, problem };
    }
    const passing = JSON.stringify(answer);
    if (passing === this.passing) return;
    this.passing = passing;
    this.post(answer);
  }

  /** Sends what the page lacks, in parts. */
  private async tell(): Promise<void> {
    const { keys } = this;
    const lineage = this.host.lineage();
    await this.changes.tell(this.host.runs(), lineage, ({ first, last, runs, gone, moved }) => {
      if (this.isDisposed) return false;
      for (const { from, to } of moved) keys.moved(from, to);
      const isElsewhere = new Set(moved.map(({ from }) => from));
      this.post({
        type: 'runs',
        first,
        last,
        runs: runs.map((run) => laneRunOf(run, lineage, keys)),
        gone: gone.flatMap((path) => (isElsewhere.has(path) ? [] : [keys.of(path)])),
      });
      return true;
    });
  }
}
