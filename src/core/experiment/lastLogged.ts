/** Where a run stands according to the end of its metrics file. Whole histories are src/core/metrics' work. */
import { LOSS } from '../metrics/names';
import type { LogSource } from '../metrics/sources/source';

/** Reading more than this for a run's last step would make a scan of hundreds of runs slow. */
export const TAIL_BYTES = 64 * 1024;

export interface LastLogged {
  readonly step: number | null;
  /** loss/total of the last line that has it. */
  readonly loss: number | null;
  /** `why` of an end event that nothing followed. */
  readonly end: string | null;
}

/**
 * Read from the last line back, and only as far as something is not known yet: of the hundreds of lines in a tail mostly one.
 *
 * @param source whose file the text is the end of
 */
export function lastLogged(tail: string, source: LogSource): LastLogged {
  let step: number | null = null;
  let loss: number | null = null;
  let end: string | null = null;
  let goesOn = false;
  for (const line of linesFromEnd(tail)) {
    const event = source.parseLine(line);
    switch (event?.kind) {
      case 'start':
        // A resume goes back to its checkpoint: what was logged beyond it does not count any more (contract section 6).
        step ??= event.resumeStep;
        goesOn = true;
        break;
      case 'metrics':
        step ??= event.step;
        loss ??= event.values.find(([name]) => name === LOSS)?.[1] ?? null;
        goesOn = true;
        break;
      case 'stage':
      case 'checkpoint':
        step ??= event.step;
        goesOn = true;
        break;
      case 'end':
        step ??= event.step;
        if (!goesOn) end ??= event.why;
        break;
      case undefined:
        break;
    }
    if (goesOn && step !== null && loss !== null) break;
  }
  return { step, loss, end };
}

function* linesFromEnd(text: string): Generator<string> {
  for (let until = text.length; until >= 0;) {
    const from = until === 0 ? -1 : text.lastIndexOf('\n', until - 1);
    const line = text.slice(from + 1, until);
    if (line.trim() !== '') yield line;
    until = from;
  }
}
