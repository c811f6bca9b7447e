/** Still being written is not broken: what a file's time says of that, for scan and validation alike. */
import { writing } from '../../../trainer/npt/checkpoint/times.json';
import { wasWithin } from '../clock';

/** Other trainers write under the final name; a file younger than this may still be growing. */
const WRITING_SECONDS = writing;

/**
 * Whether a file changed moments ago. A date in the future says nothing: such a file would be "being written" for as long
 * as the clock was wrong.
 *
 * @param changed and `now`: Unix seconds
 */
export function changedMomentsAgo(changed: number, now: number = Date.now() / 1000): boolean {
  return wasWithin(changed, now, WRITING_SECONDS);
}

/** A time that no clock can have shown yet, however clocks differ. Both in Unix seconds. */
export function isAhead(time: number, now: number): boolean {
  return time - now > WRITING_SECONDS;
}
