/** What the dashboard shows of a run's train.log: read once for each ending. */
import { badEnding } from '../../core/experiment/ending';
import { findLogLine, type LogLine } from '../../core/experiment/logLine';
import type { Run } from '../../core/experiment/model';

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
    const found = await findLogLine(run);
    if (found === null || this.key !== key) return false;
    this.found = found;
    return true;
  }
}

function keyOf({ path: runPath, state, exit }: Run): string {
  return `${runPath}\n${state}\n${exit?.time ?? ''}\n${exit?.error ?? ''}`;
}
