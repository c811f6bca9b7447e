/** One scan of a workspace that uses what earlier ones kept, and keeps what it finds: for a process that scans once. */
import { type KeepingHow, openKeptScan } from './keptScan';
import type { Workspace } from './model';
import { experimentsPath, scanWorkspace, singleScan, type ScanOptions } from './scan';

/** @param options as for `scanWorkspace`; `look`: at the folders of finished checkpoints unless given */
export async function scanKeptWorkspace(
  root: string,
  options: Pick<ScanOptions, 'experimentsFolder' | 'ask' | 'look'>,
  how: KeepingHow & {
    /** Unix seconds; a test gives its own. */
    readonly now?: () => number;
  } = {},
): Promise<Workspace> {
  const experiments = experimentsPath(root, options.experimentsFolder);
  const kept = await openKeptScan(experiments, how);
  const context = await singleScan(experiments, { ask: options.ask, kept, now: how.now });
  const workspace = await scanWorkspace(root, { look: 'folders', ...options, context });
  await kept.keep(context);
  return workspace;
}
