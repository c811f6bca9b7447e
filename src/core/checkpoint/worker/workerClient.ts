/** The extension host's side of the checkpoint worker. Starts the thread with the first request, replaces one that died. */
import { Worker } from 'node:worker_threads';
import type { Comparison } from '../compare/compare';
import type { FileIdentity } from '../fileIdentity';
import type { RunProbe } from '../probe/probeRun';
import type { ValidationOptions, ValidationReport } from '../report/report';
import { CheckpointPathError } from '../pathErrors';
import type { PackedOutline, PackedSummaries, Work, WorkerReply, WorkerRequest, WorkResults } from './workerMessages';

/** Cancelling, and progress (in bytes where nothing else is said). */
type WorkOptions = Pick<ValidationOptions, 'signal' | 'onProgress'>;

interface Pending {
  readonly resolve: (result: WorkResults[keyof WorkResults]) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((done: number, total: number) => void) | undefined;
  readonly finish: () => void;
  readonly signal: AbortSignal | undefined;
}

export class CheckpointWorker {
  private worker: Worker | null = null;
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private disposed = false;

  /** `scriptPath` is dist/checkpoint-worker.js, absolute. */
  constructor(private readonly scriptPath: string) {}

  /**
   * validateCheckpoint in the worker. Rejects with CheckpointPathError for a path that leads nowhere, with the signal's
   * reason when cancelled, and with an Error of one line when the worker fails.
   */
  validate(path: string, options: ValidationOptions = {}): Promise<ValidationReport> {
    return this.request<'validate'>({ kind: 'validate', path, level: options.level ?? 'numbers' }, options);
  }

  /** compareCheckpoints in the worker; rejects as validate does, also when a side has no readable weights. */
  compare(a: string, b: string, options: WorkOptions = {}): Promise<Comparison> {
    return this.request<'compare'>({ kind: 'compare', a, b }, options);
  }

  /** probeRun in the worker; progress counts checkpoints. */
  probe(checkpoints: readonly string[], options: WorkOptions = {}): Promise<RunProbe> {
    return this.request<'probe'>({ kind: 'probe', checkpoints }, options);
  }

  /** outlineFile in the worker; rejects as validate does. */
  outline(path: string, options: WorkOptions = {}): Promise<PackedOutline> {
    return this.request<'outline'>({ kind: 'outline', path }, options);
  }

  /** summarizeTensors in the worker; rejects as validate does, also when the file is not `identity`'s any more. */
  summarize(
    path: string,
    identity: FileIdentity,
    tensors: readonly number[],
    options: WorkOptions = {},
  ): Promise<PackedSummaries> {
    return this.request<'summarize'>({ kind: 'summarize', path, identity, tensors }, options);
  }

  /** Any work; rejects as validate does. What a window that opens need not know of is asked for by this. */
  request<K extends keyof WorkResults>(
    work: Extract<Work, { kind: K }>,
    { signal, onProgress }: WorkOptions = {},
  ): Promise<WorkResults[K]> {
    if (this.disposed) return Promise.reject(new Error('The checkpoint worker has ended.'));
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    const id = this.nextId++;
    const cancel = new SharedArrayBuffer(4);
    return new Promise<WorkResults[K]>((resolve, reject) => {
      const onAbort = (): void => {
        Atomics.store(new Int32Array(cancel), 0, 1);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const finish = (): void => {
        signal?.removeEventListener('abort', onAbort);
      };
      // The worker answers a kind of work with that kind's result.
      this.pending.set(id, { resolve: resolve as Pending['resolve'], reject, onProgress, finish, signal });
      const request: WorkerRequest = { id, work, cancel };
      try {
        this.start().postMessage(request);
      } catch (error) {
        this.settle(id)?.reject(error);
      }
    });
  }

  /** Ends the thread; whatever is under way is rejected. */
  dispose(): void {
    this.disposed = true;
    const { worker } = this;
    this.worker = null;
    this.failAll(new Error('The checkpoint worker has ended.'));
    void worker?.terminate();
  }

  private start(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(this.scriptPath);
    // A window must be able to close while a large file is read.
    worker.unref();
    worker.on('message', (reply: WorkerReply) => {
      this.receive(reply);
    });
    worker.on('error', (error) => {
      this.lost(worker, new Error(`The checkpoint worker failed: ${error.message}`));
    });
    worker.on('exit', (code) => {
      this.lost(worker, new Error(`The checkpoint worker ended with code ${code}.`));
    });
    this.worker = worker;
    return worker;
  }

  private receive(reply: WorkerReply): void {
    if (reply.kind === 'progress') {
      this.pending.get(reply.id)?.onProgress?.(reply.done, reply.total);
      return;
    }
    const pending = this.settle(reply.id);
    if (!pending) return;
    // An answer that was on its way when it was cancelled is not wanted either.
    if (pending.signal?.aborted === true) pending.reject(abortReason(pending.signal));
    else if (reply.kind === 'result') pending.resolve(reply.result);
    else if (reply.kind === 'cancelled') pending.reject(new Error('Cancelled.'));
    else pending.reject(reply.expected ? new CheckpointPathError(reply.message) : new Error(reply.message));
  }

  private settle(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    pending?.finish();
    return pending;
  }

  private lost(worker: Worker, error: Error): void {
    if (this.worker !== worker) return;
    this.worker = null;
    this.failAll(error);
  }

  private failAll(error: Error): void {
    for (const id of [...this.pending.keys()]) this.settle(id)?.reject(error);
  }
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('Cancelled.');
}
