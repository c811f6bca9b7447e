/** Whether there is room for a copy, asked before anything is written. */
import { formatBytes } from '../../format';
import { BackupError } from './backupError';

/** @throws BackupError where the disk has less room than what is to be written */
export async function requireRoom(
  folder: string,
  bytes: number,
  freeBytes: (folder: string) => Promise<number | null>,
): Promise<void> {
  const free = await freeBytes(folder);
  if (free !== null && free < bytes)
    throw new BackupError(`${folder}: its disk has ${formatBytes(free)} free, and this needs ${formatBytes(bytes)}.`);
}
