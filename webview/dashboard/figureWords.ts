/** How a figure says what it is. */
import { pointsAveraged } from '../../src/core/metrics/smooth';

/** "average over 10", or "as logged" where nothing is averaged. */
export function averageWords(smoothing: number): string {
  return smoothing === 0 ? 'as logged' : `average over ${pointsAveraged(smoothing)}`;
}

/** The same where there is little room: "avg 10", "raw". */
export function averageShort(smoothing: number): string {
  return smoothing === 0 ? 'raw' : `avg ${pointsAveraged(smoothing)}`;
}
