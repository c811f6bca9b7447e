/** The checkpoint to go back to from where something went wrong, and how that is proposed. */
import { formatCount } from '../../format';

/** The last of these steps (ascending) that is at most `step`. */
export function lastUpTo(checkpointSteps: readonly number[], step: number): number | undefined {
  let low = 0;
  let high = checkpointSteps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((checkpointSteps[middle] as number) <= step) low = middle + 1;
    else high = middle;
  }
  return checkpointSteps[low - 1];
}

export function proposal(branchFrom: number | undefined): string {
  return branchFrom === undefined
    ? 'no checkpoint before it'
    : `branch from checkpoint ${formatCount(branchFrom)} with a lower learning rate`;
}
