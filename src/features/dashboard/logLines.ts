/** The line of a run's train.log that tells how it ended: read once for each ending. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { badEnding, logLineOf, type LogLine } from '../../core/experiment/ending';
import type { Run } from '../../core/experiment/model';
import { TRAIN_LOG } from '../../core/experiment/runLayout';

/** Of the log's end: an error is there. A log that is no longer than that is read whole, and its lines can be counted. */
const READ_BYTES = 4 << 20;

export class LogLines {
  private key = '';
  private found: LogLine | null = null;

  /** As it was last read; null for another run, and for one that ended otherwise since. */
  of(run: Run): LogLine | null {
    return this.key === keyOf(run) ? this.found : null;
  }

  /** Reads the log of a run that ended badly, where that was not done yet; whether there is a line now that was not known. */
  async read(run: Run): Promise<boolean> {
    const key = keyOf(run);
    if (key === this.key || badEnding(run) === null) return false;
    this.key = key;
    this.found = null;
    // A log that is missing, or cannot be read, has no line to show: the reason stands without it.
    const log = await endOf(path.join(run.path, TRAIN_LOG)).catch(() => undefined);
    if (log === undefined || this.key !== key) return false;
    this.found = logLineOf(log.text, run.exit?.error ?? null, log.whole);
    return this.found !== null;
  }
}

function keyOf({ path: runPath, state, exit }: Run): string {
  return `${runPath}\n${state}\n${exit?.time ?? ''}\n${exit?.error ?? ''}`;
}

async function endOf(file: string): Promise<{ text: string; whole: boolean } | undefined> {
  const handle = await open(file, 'r');
  try {
    const stats = await handle.stat();
    // What is no plain file, as a pipe, may never end.
    if (!stats.isFile()) return undefined;
    const length = Math.min(stats.size, READ_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, stats.size - length);
    return { text: buffer.toString('utf8', 0, bytesRead), whole: length === stats.size };
  } finally {
    await handle.close();
  }
}
