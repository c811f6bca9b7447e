/**
 * Watches folders, each by itself and not what is in them, for the names of what comes, goes or is written there.
 *
 * The system names what changed, so that a folder of 200,000 files that are nobody's business costs a call for each that
 * changes, and no look into it. (chokidar looked into the whole folder at every change: 95 % of a core at five files a second.)
 */
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import { errorCode } from '../files';
import type { PacedDisk } from './disk';

interface WatchEvents {
  /** Something of that name; null where the system does not say which. `written`: its content changed, it was there before. */
  readonly named: [folder: string, name: string | null, written: boolean];
  /** A watch ended, or the system has no more of them. */
  readonly error: [error: Error];
}

interface Watch {
  readonly watcher: fs.FSWatcher;
  /** Which folder it is: one that was removed and made again is another. */
  readonly identity: string;
}

export class FolderWatches extends EventEmitter<WatchEvents> {
  private readonly watches = new Map<string, Watch>();
  private ended = false;

  get closed(): boolean {
    return this.ended;
  }

  /**
   * Watches these folders from now on, and no others. A lab has a thousand of them: that goes in the disk's slices.
   *
   * @param folders by path, with what tells a folder from one that is made anew in its place; one that cannot be watched, as
   * without the right to read it, is tried again the next time
   * @returns those that were not watched until now: what changed in them before gave no events
   */
  async follow(folders: ReadonlyMap<string, string>, disk: PacedDisk): Promise<string[]> {
    for (const [folder, { watcher, identity }] of this.watches) {
      if (folders.get(folder) === identity) continue;
      watcher.close();
      this.watches.delete(folder);
    }
    const added: string[] = [];
    for (const [folder, identity] of folders) {
      if (disk.isSliceOver) await disk.giveWay();
      if (this.ended) return added;
      if (this.watches.has(folder) || !this.watch(folder, identity)) continue;
      added.push(folder);
    }
    return added;
  }

  has(folder: string): boolean {
    return this.watches.has(folder);
  }

  close(): void {
    this.ended = true;
    for (const { watcher } of this.watches.values()) watcher.close();
    this.watches.clear();
  }

  private watch(folder: string, identity: string): boolean {
    try {
      const watcher = fs.watch(folder, { persistent: false }, (event, name) => {
        if (!this.ended) this.emit('named', folder, name, event === 'change');
      });
      watcher.on('error', (error) => {
        this.fail(error);
      });
      this.watches.set(folder, { watcher, identity });
      return true;
    } catch (error) {
      // Anything else concerns this folder: it went, and its parent's watch tells, or it may not be read.
      if (['ENOSPC', 'EMFILE', 'ENFILE'].includes(errorCode(error) ?? '')) this.fail(error as Error);
      return false;
    }
  }

  private fail(error: Error): void {
    const code = errorCode(error);
    // A folder that went: its parent's watch tells.
    if (!this.ended && code !== 'ENOENT' && code !== 'ENOTDIR') this.emit('error', error);
  }
}
