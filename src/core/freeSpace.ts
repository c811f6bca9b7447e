/** How much room is left on a folder's disk. */
import { statfs } from 'node:fs/promises';
import path from 'node:path';

/** Bytes free for this user on the folder's disk. @throws what statfs throws for a folder that is not there, or may not be asked */
export async function freeBytesIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Bytes free for this user on the disk of the folder, or of the first one above it that is there; null where nothing tells. */
export async function freeBytesAt(folder: string): Promise<number | null> {
  for (let at = folder; ; at = path.dirname(at)) {
    try {
      return await freeBytesIn(at);
    } catch {
      if (at === path.dirname(at)) return null;
    }
  }
}
