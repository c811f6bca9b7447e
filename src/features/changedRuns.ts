/**
 * What a page with all runs lacks of the model: those that are new or changed since it was told, in parts, so that the extension
 * host's thread is free in between; and those that are gone.
 */
import { setImmediate } from 'node:timers/promises';
import type { Lineage } from '../core/experiment/lineage';
import type { Run } from '../core/experiment/model';

/** Runs a part. */
const PART = 250;

export interface RunsPart {
  /** Nothing of what came before counts any more. */
  readonly first: boolean;
  /** No more parts are on their way. */
  readonly last: boolean;
  readonly runs: readonly Run[];
  /** Paths. */
  readonly gone: readonly string[];
  /** Of those, the ones that are there under another path, by their id: renamed. */
  readonly moved: readonly MovedRun[];
}

export interface MovedRun {
  readonly from: string;
  readonly to: string;
}

interface Sent {
  readonly run: Run;
  readonly relation: string | null;
}

export class ChangedRuns {
  /** What the page has, by path. */
  private readonly sent = new Map<string, Sent>();
  private first = true;
  /** Counts what the page was to be told anew: what was begun before gives up. */
  private round = 0;

  /** @param relation what the page shows of a run's place in the lineage: it may change while the run does not */
  constructor(private readonly relation: (run: Run, lineage: Lineage) => string | null) {}

  /** The page has nothing. */
  forget(): void {
    this.sent.clear();
    this.first = true;
    this.round += 1;
  }

  /** @param send false where nobody listens any more */
  async tell(runs: readonly Run[], lineage: Lineage, send: (part: RunsPart) => boolean): Promise<void> {
    this.round += 1;
    const { round } = this;
    const there = new Set(runs.map(({ path }) => path));
    let gone = [...this.sent.keys()].filter((path) => !there.has(path));
    let moved = this.movedOf(gone, runs);
    for (const path of gone) this.sent.delete(path);
    // A run that did not change is the same object (core/experiment/reuse.ts).
    const changed = runs.filter((run) => {
      const before = this.sent.get(run.path);
      return before?.run !== run || before.relation !== this.relation(run, lineage);
    });
    if (changed.length === 0 && gone.length === 0 && !this.first) return;
    for (let from = 0; from === 0 || from < changed.length; from += PART) {
      if (from > 0) await setImmediate();
      // What came in between begins with what is still missing.
      if (round !== this.round) return;
      const part = changed.slice(from, from + PART);
      if (!send({ first: this.first, last: from + PART >= changed.length, runs: part, gone, moved })) return;
      for (const run of part) this.sent.set(run.path, { run, relation: this.relation(run, lineage) });
      this.first = false;
      gone = [];
      moved = [];
    }
  }

  private movedOf(gone: readonly string[], runs: readonly Run[]): MovedRun[] {
    if (gone.length === 0) return [];
    const byId = new Map<string, string>();
    for (const path of gone) {
      const id = this.sent.get(path)?.run.id ?? null;
      if (id !== null) byId.set(id, path);
    }
    return runs.flatMap(({ id, path }) => {
      const from = this.sent.has(path) ? undefined : byId.get(id ?? '');
      return from === undefined ? [] : [{ from, to: path }];
    });
  }
}
