/** Runs that change without a folder event: their metrics grow, their process ends, a checkpoint is being written in place. */
import path from 'node:path';
import type { PacedDisk } from './disk';
import type { AskProcess, Run } from './model';
import { CHANGING } from './runLayout';

export class LiveRuns {
  private runs: readonly Run[] = [];
  private readonly seen = new Map<string, string>();
  /** Looked up once a run's object: hundreds of them have tens of thousands of checkpoints. */
  private readonly live = new WeakMap<Run, boolean>();

  /** Looks from now on at those of these runs that are live. */
  follow(runs: readonly Run[]): void {
    this.runs = runs.filter((run) => this.isLive(run));
    const paths = new Set(this.runs.map((run) => run.path));
    for (const known of this.seen.keys()) if (!paths.has(known)) this.seen.delete(known);
  }

  private isLive(run: Run): boolean {
    let live = this.live.get(run);
    if (live === undefined) this.live.set(run, (live = isLive(run)));
    return live;
  }

  /** Paths of the runs that changed since the last call (or that were never looked at). */
  async changed(disk: PacedDisk, ask: AskProcess): Promise<string[]> {
    const changed: string[] = [];
    for (const run of this.runs) {
      // Only time tells whether a checkpoint without a manifest is still being written.
      if (run.checkpoints.some((checkpoint) => checkpoint.state === 'writing')) {
        changed.push(run.path);
        continue;
      }
      let signs = run.process === null ? '' : Object.values(await ask(run.process)).join(' ');
      // Folders by their times, files by time and size.
      for (const name of CHANGING) {
        const stats = await disk.stat(path.join(run.path, name)).catch(() => null);
        signs += `|${stats?.mtimeMs ?? 0}:${stats?.isFile() === true ? stats.size : 0}`;
      }
      if (this.seen.get(run.path) !== signs) changed.push(run.path);
      this.seen.set(run.path, signs);
    }
    return changed;
  }
}

function isLive(run: Run): boolean {
  return (
    run.state === 'training' ||
    run.process !== null ||
    run.checkpoints.some((checkpoint) => checkpoint.state === 'writing') ||
    run.final?.state === 'writing'
  );
}
