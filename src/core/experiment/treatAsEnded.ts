/** Taking a process that cannot be asked for ended, because a person says so or its lock does. */
import fs from 'node:fs';
import path from 'node:path';
import { errorCode } from '../files';
import type { RunProcess } from './model';
import { processIn } from './processFolder';
import { PROCESS } from './runLayout';

/**
 * Removes process.json where it still names this very process.
 *
 * @returns false when it names another by now, or none: then nothing was changed
 */
export async function treatAsEnded(runPath: string, named: RunProcess): Promise<boolean> {
  const now = await processIn(runPath);
  if (now === null) return false;
  const same = now.host === named.host && now.pid === named.pid && now.started === named.started;
  if (!same) return false;
  try {
    await fs.promises.unlink(path.join(runPath, PROCESS));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  return true;
}
