/**
 * Comparing a time from a file with now. Clocks differ between machines, archives keep the times of others, and a clock that
 * was wrong leaves files dated in the future: such a time proves nothing, neither that something is new nor that it is old.
 */
import { clock_slack } from '../../trainer/npt/checkpoint/times.json';

/** Clocks of machines that share a disk differ by this much without anybody's noticing. */
const SLACK_SECONDS = clock_slack;

/** Seconds from `time` to `now` (both Unix seconds), at least 0; null where `time` lies in the future or is none. */
export function secondsSince(time: number, now: number): number | null {
  const seconds = now - time;
  return seconds >= -SLACK_SECONDS ? Math.max(0, seconds) : null;
}

/** Whether `time` is known to be at most `seconds` ago. */
export function wasWithin(time: number, now: number, seconds: number): boolean {
  const since = secondsSince(time, now);
  return since !== null && since <= seconds;
}
