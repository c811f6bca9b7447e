/** Runs that are followed where their folders get other names, here or elsewhere: by their ids. A copy that was there before is not it. */
import type { Run } from './model';

/** Who a run is, as of the last model that had it, and where other runs had the same id then. */
interface Seen {
  readonly id: string | null;
  readonly copies: ReadonlySet<string>;
}

export class FollowedRuns {
  private seen = new Map<string, Seen>();

  /**
   * @param paths the runs that are followed; others are forgotten
   * @param runs as the model has them now
   * @returns those that are elsewhere now, by the path that was given
   */
  look(paths: Iterable<string>, runs: readonly Run[]): ReadonlyMap<string, Run> {
    const seen = new Map<string, Seen>();
    const renamed = new Map<string, Run>();
    for (const path of new Set(paths)) {
      const run = runs.find((each) => each.path === path);
      if (run !== undefined) {
        const copies = runs.filter((each) => each.id === run.id && each.path !== path);
        seen.set(path, { id: run.id, copies: new Set(copies.map((each) => each.path)) });
        continue;
      }
      const before = this.seen.get(path);
      if (before === undefined) continue;
      const [found, ...more] =
        before.id === null ? [] : runs.filter((each) => each.id === before.id && !before.copies.has(each.path));
      if (found === undefined || more.length > 0) {
        seen.set(path, before);
        continue;
      }
      renamed.set(path, found);
      seen.set(found.path, before);
    }
    this.seen = seen;
    return renamed;
  }
}
