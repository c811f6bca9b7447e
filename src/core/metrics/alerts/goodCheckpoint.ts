/** The checkpoint to go back to from where something went wrong, and how that is proposed. */
import { formatCount } from '../../format';
import { upperBound } from '../axis';

/** The last of these steps (ascending) that is at most `step`. */
export function lastUpTo(checkpointSteps: readonly number[], step: number): number | undefined {
  return checkpointSteps[upperBound(checkpointSteps, checkpointSteps.length, step) - 1];
}

export function proposal(branchFrom: number | undefined): string {
  return branchFrom === undefined
    ? 'no checkpoint before it'
    : `branch from checkpoint ${formatCount(branchFrom)} with a lower learning rate`;
}
