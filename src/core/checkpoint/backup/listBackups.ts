/** Which backups a folder holds. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { BackupError, unreadable } from './backupError';
import { recordIfWhole, type BackupRecord } from './record';

export interface ListedBackup {
  /** Absolute. */
  readonly folder: string;
  readonly record: BackupRecord;
}

/** A run's folder, one more for a nested run, and the backup's. */
const DEEPEST = 3;

/**
 * The backups in a folder, or the one that it is itself; newest first. No link in it is followed. Their files are not looked at.
 *
 * @throws BackupError where the folder cannot be read
 */
export async function listBackups(folder: string): Promise<readonly ListedBackup[]> {
  return (await backupsIn(folder, DEEPEST)).sort((a, b) => b.record.time - a.record.time);
}

async function backupsIn(folder: string, depth: number): Promise<ListedBackup[]> {
  const record = await recordIfWhole(folder);
  if (record !== null) return [{ folder, record }];
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    const failure = unreadable(folder, error);
    // One folder that may not be entered hides nothing of the others.
    if (depth === DEEPEST || !(failure instanceof BackupError)) throw failure;
    return [];
  });
  const found: ListedBackup[] = [];
  for (const entry of entries) {
    if (depth === 0 || !entry.isDirectory() || entry.name.startsWith('.')) continue;
    found.push(...(await backupsIn(path.join(folder, entry.name), depth - 1)));
  }
  return found;
}
