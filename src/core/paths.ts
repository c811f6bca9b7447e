/** Questions about paths that do not touch the disk. */
import path from 'node:path';

/** Whether an absolute path is this folder or lies in it, by name: links are not followed. */
export function isWithin(target: string, folder: string): boolean {
  const way = path.relative(folder, target);
  return way === '' || (way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way));
}
