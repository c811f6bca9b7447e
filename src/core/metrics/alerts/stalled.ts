/** A run that trains, and has logged nothing for long. */
import { secondsSince } from '../../clock';
import { formatDuration } from '../../format';
import type { Series } from '../series';
import { median, short, type Alert } from './alert';

/** Lines before which nothing is known of the usual time. */
const FEWEST = 10;
/** A minute of silence is none, however fast a run is: a save or an evaluation of a busy machine takes as long. */
const LEAST_SECONDS = 60;
/** Pauses that come again and again, for evaluations and saves: so many of the longest may be accidents… */
const ACCIDENTS = 2;
/** …and of the next longest, twice the time is nothing yet. */
const TIMES_PAUSE = 2;
/** Loading a model and tokenising a text before the first line of a start. */
const START_SECONDS = 30 * 60;

export interface Silence {
  /** Unix seconds now, and of the newest metrics line (NaN: unknown). */
  readonly now: number;
  readonly lastTime: number;
  /** Unix seconds at which the process started that trains now; NaN where nothing tells. */
  readonly started: number;
  /** The first step of the present segment. */
  readonly segmentStart: number;
}

/** @param times so many times the usual time between two lines; 0: never */
export function stalled(loss: Series, times: number, { now, lastTime, started, segmentStart }: Silence): Alert[] {
  if (times === 0 || loss.length < FEWEST) return [];
  const hasBegun = !(started > lastTime);
  // A line dated in the future says nothing of how long it has been quiet since.
  const silence = secondsSince(hasBegun ? lastTime : started, now) ?? 0;
  if (Number.isNaN(silence) || silence <= LEAST_SECONDS) return [];
  const from = loss.length - loss.axis.before(segmentStart, loss.length) < FEWEST ? 0 : segmentStart;
  const gaps = gapsOf(loss, from);
  const usual = median(gaps.subarray(-50));
  const pause =
    gaps
      .slice()
      .sort()
      .at(-1 - ACCIDENTS) ?? 0;
  const limit = Math.max(LEAST_SECONDS, times * usual, TIMES_PAUSE * pause, hasBegun ? 0 : START_SECONDS);
  if (silence <= limit) return [];
  const detail = `nothing logged for ${formatDuration(silence).replace(/ m .*/, ' min')}; a line came every ${short(usual)} s`;
  return [
    {
      kind: 'stalled',
      step: loss.lastStep,
      title: 'Training has stalled',
      detail,
      value: loss.lastValue,
      present: true,
    },
  ];
}

/** Seconds between the newest 200 lines, from a step on. */
function gapsOf(loss: Series, from: number): Float64Array {
  const first = Math.max(loss.axis.before(from, loss.length), loss.length - 200);
  const times = loss.times.subarray(first);
  return Float64Array.from({ length: Math.max(0, times.length - 1) }, (_, index) => {
    const gap = (times[index + 1] as number) - (times[index] as number);
    return Number.isFinite(gap) ? gap : 0;
  });
}
