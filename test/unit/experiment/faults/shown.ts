/** A model that is kept while the disk changes, beside the disk as it is. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Run, Workspace } from '../../../../src/core/experiment/model';
import { scanWorkspace } from '../../../../src/core/experiment/scan';
import { WorkspaceWatcher, type WatchOptions } from '../../../../src/core/experiment/watch';

/** Ends a test that hangs; a slow machine is no fault. */
export const LIMIT_MS = 200_000;

export class Shown {
  readonly watcher: WorkspaceWatcher;
  /** Scans so far, of everything or of a run. */
  scans = 0;

  constructor(
    private readonly root: string,
    options: WatchOptions = {},
  ) {
    this.watcher = new WorkspaceWatcher(root, options);
    const scan = Reflect.get(this.watcher, 'scan') as () => Promise<void>;
    Reflect.set(this.watcher, 'scan', () => {
      this.scans += 1;
      return Reflect.apply(scan, this.watcher, []);
    });
  }

  get workspace(): Workspace {
    return this.watcher.current;
  }

  get names(): readonly string[] {
    return this.workspace.runs.map(({ name }) => name).sort();
  }

  run(name: string): Run | undefined {
    return this.workspace.runs.find((run) => run.name === name);
  }

  /** What could not be read, by the paths below the experiments folder. */
  get problems(): readonly (readonly [where: string, message: string])[] {
    const { experiments, problems } = this.workspace;
    return problems.map(({ path: at, message }) => [path.relative(experiments, at), message] as const);
  }

  /** Lets the scan come that a timer starts every half a minute. */
  async due(): Promise<void> {
    await (Reflect.get(this.watcher, 'scanning') as Promise<void> | undefined);
    Reflect.set(this.watcher, 'lastFullScan', -Infinity);
  }

  /** What is shown, and what a fresh scan finds. */
  async both(): Promise<readonly [shown: Workspace, found: Workspace]> {
    const found = await scanWorkspace(this.root);
    return [this.workspace, found];
  }

  /** Waits until the model is what a fresh scan finds, in every detail. */
  async isTheDisk(): Promise<void> {
    const until = performance.now() + LIMIT_MS;
    for (;;) {
      const [shown, found] = await this.both();
      if (this.watcher.isComplete && isDeepStrictEqual(shown, found)) return;
      if (performance.now() > until) assert.deepEqual(shown, found);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
