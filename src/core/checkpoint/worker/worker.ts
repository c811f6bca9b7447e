/** dist/checkpoint-worker.js: validates, compares, probes and copies checkpoints one after the other, away from the extension host's thread. */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../errors';
import { backUp, restore, verifyBackup } from '../backup';
import { compareCheckpoints } from '../compare/compare';
import { probeRun } from '../probe/probeRun';
import { outlineFile, summarizeTensors } from '../outline/outline';
import type { ValidationOptions } from '../report/report';
import { CheckpointPathError } from '../pathErrors';
import { stringifyJson } from '../../jsonText';
import { validateCheckpoint } from '../validate/validate';
import type { PackedOutline, PackedSummaries, Work, WorkerReply, WorkerRequest, WorkResults } from './workerMessages';

const port = parentPort;
if (!port) throw new Error('checkpoint-worker runs as a worker thread only');

function send(reply: WorkerReply): void {
  port?.postMessage(reply);
}

type WorkOptions = Pick<ValidationOptions, 'signal' | 'onProgress'>;

function perform(work: Work, options: WorkOptions): Promise<WorkResults[keyof WorkResults]> {
  // A thread of its own may wait for the disk, and blocking reads are the fastest.
  const reading = { ...options, blocking: true };
  switch (work.kind) {
    case 'validate':
      return validateCheckpoint(work.path, { ...reading, level: work.level });
    case 'compare':
      return compareCheckpoints(work.a, work.b, reading);
    case 'probe':
      return probeRun(work.checkpoints, options);
    case 'outline':
      return packedOutline(work.path);
    case 'summarize':
      return packedSummaries(work, options);
    case 'backUp':
      return backUp(work.request, options);
    case 'verifyBackup':
      return verifyBackup(work.folder, options);
    case 'restore':
      return restore(work.request, options);
  }
}

function packed(value: unknown): Uint8Array {
  return new TextEncoder().encode(stringifyJson(value));
}

async function packedSummaries(
  { path, identity, tensors }: Extract<Work, { kind: 'summarize' }>,
  options: WorkOptions,
): Promise<PackedSummaries> {
  return { json: packed(await summarizeTensors(path, identity, tensors, options)) };
}

async function packedOutline(path: string): Promise<PackedOutline> {
  const outline = await outlineFile(path);
  return {
    identity: outline.identity,
    json: packed(outline),
    sizes: Float64Array.from(outline.tensors, (tensor) => tensor.bytes),
  };
}

async function serve(request: WorkerRequest): Promise<void> {
  const { id } = request;
  const cancel = new Int32Array(request.cancel);
  const controller = new AbortController();
  // Messages wait while this thread reads, a shared word does not: it is looked at as often as progress is told.
  const check = (): void => {
    if (Atomics.load(cancel, 0) !== 0) controller.abort();
  };
  check();
  try {
    const result = await perform(request.work, {
      signal: controller.signal,
      onProgress: (done, total) => {
        check();
        send({ kind: 'progress', id, done, total });
      },
    });
    send({ kind: 'result', id, result });
  } catch (error) {
    if (controller.signal.aborted) send({ kind: 'cancelled', id });
    else
      send({
        kind: 'error',
        id,
        expected: error instanceof CheckpointPathError,
        message: messageOf(error),
      });
  }
}

/** One at a time: two at once would only share the same disk and processor. */
let queue = Promise.resolve();
port.on('message', (request: WorkerRequest) => {
  queue = queue.then(() => serve(request));
});
