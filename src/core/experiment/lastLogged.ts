/** Where a run stands according to the end of its metrics file. Whole histories are src/core/metrics' work. */
import { LOSS } from '../metrics/catalogue';
import type { LogSource } from '../metrics/sources';

/** Reading more than this for a run's last step would make a scan of hundreds of runs slow. */
export const TAIL_BYTES = 64 * 1024;

export interface LastLogged {
  readonly step: number | null;
  /** loss/total of the last line that has it. */
  readonly loss: number | null;
  /** `why` of an end event that no later segment followed. */
  readonly end: string | null;
  /** Segments that begin in this text; all of them when the text is the whole file. */
  readonly segmentStarts: number;
}

/** @param source whose file the text is the end of */
export function lastLogged(tail: string, source: LogSource): LastLogged {
  let step: number | null = null;
  let loss: number | null = null;
  let end: string | null = null;
  let segmentStarts = 0;
  for (const line of tail.split('\n')) {
    if (line.trim() === '') continue;
    const event = source.parseLine(line);
    switch (event?.kind) {
      case 'start':
        // A resume goes back to its checkpoint: what was logged beyond it does not count any more (contract section 6).
        step = event.resumeStep;
        end = null;
        segmentStarts += 1;
        break;
      case 'metrics':
        step = event.step;
        loss = event.values.find(([name]) => name === LOSS)?.[1] ?? loss;
        break;
      case 'stage':
      case 'checkpoint':
        step = event.step;
        break;
      case 'end':
        step = event.step ?? step;
        end = event.why;
        break;
      case undefined:
        break;
    }
  }
  return { step, loss, end, segmentStarts };
}
