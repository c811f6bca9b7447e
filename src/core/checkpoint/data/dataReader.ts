/** dist/data-reader.js: the thread of secondReader.ts. Looks at its share of one file's data and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { openFile } from '../../torchfile/container/source';
import { readTorchFile } from '../../torchfile/torchFile';
import { lookAt, partsOf, withKernel, type PartResult } from './dataParts';
import { KIB_DONE, signatureOf, takeBatches, type ReaderResult, type ReaderTask } from './secondReader';

async function read({ path, levels, shared }: ReaderTask): Promise<ReaderResult> {
  const source = await openFile(path, true);
  try {
    const file = await readTorchFile(source);
    return await withKernel(async (kernel) => {
      const parts = partsOf(file, levels, kernel?.blockOf).flatMap((part) => part.cut());
      const results: [number, PartResult][] = [];
      for (const [from, to] of takeBatches(parts, shared)) {
        const batch = parts.slice(from, to);
        await lookAt(source, batch, kernel?.space, (bytes) => {
          Atomics.add(shared, KIB_DONE, bytes >> 10);
        });
        batch.forEach((part, i) => results.push([from + i, part.result]));
      }
      return { signature: signatureOf(parts), results };
    });
  } finally {
    await source.close();
  }
}

void read(workerData as ReaderTask).then((result) => parentPort?.postMessage(result));
