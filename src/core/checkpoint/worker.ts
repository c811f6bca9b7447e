/** dist/checkpoint-worker.js: validates one checkpoint after the other, away from the extension host's thread. */
import { parentPort } from 'node:worker_threads';
import { CheckpointPathError, validateCheckpoint } from './validate';
import type { ValidateRequest, WorkerReply } from './workerMessages';

const port = parentPort;
if (!port) throw new Error('checkpoint-worker runs as a worker thread only');

function send(reply: WorkerReply): void {
  port?.postMessage(reply);
}

async function serve(request: ValidateRequest): Promise<void> {
  const { id } = request;
  const cancel = new Int32Array(request.cancel);
  const controller = new AbortController();
  // Messages wait while this thread reads, a shared word does not: it is looked at as often as progress is told.
  const check = (): void => {
    if (Atomics.load(cancel, 0) !== 0) controller.abort();
  };
  check();
  try {
    const report = await validateCheckpoint(request.path, {
      level: request.level,
      blocking: true,
      signal: controller.signal,
      onProgress: (done, total) => {
        check();
        send({ kind: 'progress', id, done, total });
      },
    });
    send({ kind: 'report', id, report });
  } catch (error) {
    if (controller.signal.aborted) send({ kind: 'cancelled', id });
    else
      send({
        kind: 'error',
        id,
        expected: error instanceof CheckpointPathError,
        message: error instanceof Error ? error.message : String(error),
      });
  }
}

/** One at a time: two at once would only share the same disk and processor. */
let queue = Promise.resolve();
port.on('message', (request: ValidateRequest) => {
  queue = queue.then(() => serve(request));
});
