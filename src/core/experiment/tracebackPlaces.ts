/** Where in code a log's Python tracebacks say that something happened. */

/** A place that a line of a log names. */
export interface TracebackPlace {
  /** As the log has it. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Where in the log the words are that name it, in UTF-16 units. */
  readonly from: number;
  readonly to: number;
}

const FRAME = /\bFile "([^"\n<>]+)", line (\d{1,9})/g;

/**
 * The places in a log, in their order. Of a log with more of them, the last: an error is at its end.
 *
 * @param most how many at most
 */
export function tracebackPlaces(log: string, most = 1000): TracebackPlace[] {
  const places = Array.from(log.matchAll(FRAME), (found): TracebackPlace => {
    const [whole, file = '', line = ''] = found;
    return { file, line: Number(line), from: found.index, to: found.index + whole.length };
  });
  return places.filter(({ line }) => line > 0).slice(-most);
}
