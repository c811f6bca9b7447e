/** Whether the checkpoints to come fit on the disk. */
import { formatBytes, formatCount } from '../../../format';
import { type Judge, numeric } from './say';

export const judgeDisk: Judge = (draft, { warn }) => {
  const { disk, source } = draft;
  const maxSteps = numeric(draft, 'max_steps');
  const every = numeric(draft, 'save_steps');
  if (disk === null || maxSteps === null || every === null || maxSteps <= source.step) return;
  const saves = savesBetween(source.step, maxSteps, every);
  const kept = Math.min(saves, numeric(draft, 'save_total_limit') ?? saves);
  if (kept * disk.checkpointBytes <= disk.freeBytes) return;
  const fits = Math.floor(disk.freeBytes / disk.checkpointBytes);
  const what = kept === 1 ? 'The checkpoint to come needs' : `The ${formatCount(kept)} checkpoints to come need`;
  warn(
    'disk-space',
    `${what} about ${formatBytes(kept * disk.checkpointBytes)}, and ${formatBytes(disk.freeBytes)} are free: ${fits === 0 ? 'not even one fits' : `${formatCount(fits)} ${fits === 1 ? 'fits' : 'fit'}`}.`,
    // With a limit of one, a save would need room for two.
    fits > 1 ? { argument: 'save_total_limit', proposal: String(fits - 1) } : {},
  );
};

/** Checkpoints that are written on the way, the one at the end included. */
export function savesBetween(from: number, until: number, every: number): number {
  if (every <= 0) return 1;
  return Math.floor(until / every) - Math.floor(from / every) + (until % every === 0 ? 0 : 1);
}
