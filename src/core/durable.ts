/** Making what was written durable, as far as its file system can: some network and FUSE disks have no fsync(2). */
import { open, type FileHandle } from 'node:fs/promises';
import { errorCode } from './files';

/** What fsync answers there; a write is then as durable as it gets. */
const NO_SYNC: readonly (string | null)[] = ['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];

/** fsync of an open file. Rejects where the disk fails. */
export async function synced(file: FileHandle): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    if (!NO_SYNC.includes(errorCode(error))) throw error;
  }
}

/** fsync of a folder, for what was renamed in it: many file systems cannot do it, and none of them is to fail for that. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  try {
    await handle?.sync().catch(() => undefined);
  } finally {
    await handle?.close();
  }
}
