/**
 * One opened torch file's side of the conversation with its page, without VS Code: reads in the worker, watches the disk,
 * answers. The page tests run it against a page in a plain browser.
 */
import { messageOf } from '../../core/errors';
import { readFailure } from '../../core/files';
import { sameFile, type FileIdentity } from '../../core/checkpoint/fileIdentity';
import { fileState, fileStateIfReadable } from '../../core/checkpoint/fileState';
import type { CheckpointWorker } from '../../core/checkpoint/worker/workerClient';
import type { PackedOutline } from '../../core/checkpoint/worker/workerMessages';
import { Disposable } from '../../core/disposable';
import { Conversation, pageOf, type Addressed } from '../../protocol/requests';
import { parseTorchPageMessage, type DiskMessage, type TorchHostMessage } from '../../protocol/torchFile';
import { SummaryQueue } from './summaryQueue';

export interface TorchFileHost {
  readonly reader: Pick<CheckpointWorker, 'outline' | 'summarize' | 'validate'>;
  post(message: TorchHostMessage & Addressed): void;
  log(message: string): void;
}

/** Looking at one file's size and time costs nothing, and no watcher sees network disks and folders that are renamed. */
const POLL_MS = 1000;

/** Findings of level checksums that are about bytes which are not what was written. */
const BYTE_FINDINGS: ReadonlySet<string> = new Set(['checksum-mismatch', 'unreadable-data']);

export class TorchFileSession extends Disposable {
  private outline: PackedOutline | null = null;
  private generation = 0;
  private queue: SummaryQueue | null = null;
  /** Tensors whose statistics are in `summaries`. */
  private readonly known = new Set<number>();
  /** As the worker packed them, in the order in which they came. */
  private summaries: Uint8Array[] = [];
  private checksums: readonly string[] | null = null;
  private verifying: AbortController | null = null;
  private disk: DiskMessage = { type: 'disk', state: 'same' };
  private readonly conversation = new Conversation();
  private sendings = 0;
  private visible = true;
  private reading = false;
  /** What the last poll saw where it was not what is shown. */
  private pending: FileIdentity | null = null;
  /** The file that could not be read. */
  private failedOn: FileIdentity | null = null;

  constructor(
    readonly path: string,
    private readonly host: TorchFileHost,
  ) {
    super();
    const timer = setInterval(() => void this.poll(), POLL_MS);
    this._register({
      dispose: () => {
        clearInterval(timer);
        this.stopReading();
      },
    });
    void this.read(false);
  }

  setVisible(visible: boolean): void {
    this.visible = visible;
    if (visible) void this.poll();
    // A page that is hidden is thrown away; the next one says that it is ready.
    else this.conversation.end();
  }

  /** A message of the page, whatever it may be. */
  receive(raw: unknown): void {
    const message = parseTorchPageMessage(raw);
    if (message === undefined) {
      this.host.log(`The page of ${this.path} sent an unknown message; it was ignored.`);
      return;
    }
    switch (message.type) {
      case 'ready':
        this.conversation.begin(pageOf(raw));
        this.sendAll();
        break;
      case 'summarize':
        if (message.generation === this.generation)
          this.queue?.want(message.tensors.filter((tensor) => !this.known.has(tensor)));
        break;
      case 'verify':
        void this.verify();
        break;
      case 'cancel':
        if (message.task === 'statistics') this.queue?.cancel();
        else this.verifying?.abort();
        break;
      case 'report':
        this.host.log(`The page of ${this.path}: ${message.message}`);
        break;
    }
  }

  private post(message: TorchHostMessage): void {
    const addressed = this.conversation.address(message);
    if (addressed !== undefined && !this.isDisposed) this.host.post(addressed);
  }

  private sendAll(): void {
    if (this.outline) {
      this.post({ type: 'outline', generation: this.generation, json: bufferOf(this.outline.json) });
      void this.sendSummaries();
      if (this.checksums) this.post({ type: 'checksums', generation: this.generation, problems: this.checksums });
    }
    this.post(this.disk);
  }

  /** One after the other, and the thread is let go in between: a file may have a hundred thousand. */
  private async sendSummaries(): Promise<void> {
    const { generation, summaries } = this;
    // Only one such answer at a time: a page that is made anew gets them from the first on.
    this.sendings += 1;
    const isWanted = this.conversation.question('summaries', this.sendings);
    // Those that come meanwhile are sent when they come.
    for (const json of [...summaries]) {
      if (generation !== this.generation || !isWanted()) return;
      this.post({ type: 'summaries', generation, json: bufferOf(json) });
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private setDisk(disk: DiskMessage): void {
    this.disk = disk;
    this.post(disk);
  }

  private async read(again: boolean): Promise<void> {
    this.reading = true;
    try {
      const outline = await this.host.reader.outline(this.path);
      if (this.isDisposed) return;
      this.stopReading();
      this.outline = outline;
      this.generation++;
      this.known.clear();
      this.summaries = [];
      this.checksums = null;
      this.queue = this.queueFor(outline, this.generation);
      this.disk = { type: 'disk', state: again ? 'reloaded' : 'same' };
      this.sendAll();
    } catch (error) {
      this.failedOn = await fileStateIfReadable(this.path);
      this.setDisk({ type: 'disk', state: 'failed', message: messageOf(error) });
    } finally {
      this.reading = false;
    }
  }

  private stopReading(): void {
    this.queue?.cancel();
    this.verifying?.abort();
  }

  private queueFor({ identity, sizes }: PackedOutline, generation: number): SummaryQueue {
    const current = (): boolean => generation === this.generation;
    return new SummaryQueue(sizes, {
      summarize: (tensors, signal, onProgress) =>
        this.host.reader.summarize(this.path, identity, tensors, { signal, onProgress }),
      found: (tensors, { json }) => {
        if (!current()) return;
        for (const tensor of tensors) this.known.add(tensor);
        this.summaries.push(json);
        this.post({ type: 'summaries', generation, json: bufferOf(json) });
      },
      progress: (done, total) => {
        if (current()) this.post({ type: 'progress', task: 'statistics', done, total });
      },
      idle: (error) => {
        this.post({ type: 'idle', task: 'statistics', problem: error === null ? null : messageOf(error) });
      },
    });
  }

  private async verify(): Promise<void> {
    if (this.verifying || !this.outline) return;
    const abort = new AbortController();
    this.verifying = abort;
    const { generation } = this;
    let problem: string | null = null;
    this.post({ type: 'progress', task: 'checksums', done: 0, total: 0 });
    try {
      const report = await this.host.reader.validate(this.path, {
        level: 'checksums',
        signal: abort.signal,
        onProgress: (done, total) => {
          this.post({ type: 'progress', task: 'checksums', done, total });
        },
      });
      if (generation === this.generation) {
        this.checksums = report.findings
          .filter((finding) => BYTE_FINDINGS.has(finding.code))
          .map((finding) => finding.message);
        this.post({ type: 'checksums', generation, problems: this.checksums });
      }
    } catch (error) {
      if (!abort.signal.aborted) problem = messageOf(error);
    }
    this.verifying = null;
    this.post({ type: 'idle', task: 'checksums', problem });
  }

  /** A file that differs is read once it has stayed the same from one look to the next: until then it is being written. */
  private async poll(): Promise<void> {
    if (!this.visible || this.isBusy()) return;
    let now: FileIdentity | null;
    try {
      now = await fileState(this.path);
    } catch (error) {
      // Another kind of thing is in its place, or it may not be read any more.
      if (!this.isBusy() && this.disk.state !== 'failed')
        this.setDisk({ type: 'disk', state: 'failed', message: `${this.path} ${readFailure(error)}.` });
      this.failedOn = null;
      return;
    }
    if (this.isBusy()) return;
    if (now === null) {
      if (this.disk.state === 'failed') this.failedOn = null;
      else if (this.disk.state !== 'gone') this.setDisk({ type: 'disk', state: 'gone' });
      this.pending = null;
      return;
    }
    // What could not be read is tried again when it has changed.
    if (this.disk.state === 'failed' && this.failedOn !== null && sameFile(now, this.failedOn)) return;
    const shown = this.outline?.identity ?? null;
    if (shown !== null && sameFile(now, shown) && this.disk.state !== 'failed') {
      if (this.disk.state === 'gone' || this.disk.state === 'changing') this.setDisk({ type: 'disk', state: 'same' });
      this.pending = null;
      return;
    }
    const settled = this.pending !== null && sameFile(now, this.pending);
    this.pending = settled ? null : now;
    if (settled) await this.read(true);
    else if (this.disk.state !== 'changing') this.setDisk({ type: 'disk', state: 'changing' });
  }

  private isBusy(): boolean {
    return this.reading || this.isDisposed;
  }
}

/** A buffer of its own: a view would ship what is behind it. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
