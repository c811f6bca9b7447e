/** Who branched from whom: looked up once a model, then asked by tree and dashboard alike. */
import path from 'node:path';
import type { Checkpoint, Run, RunParent } from './model';

/** An ancestor, and the last step of it that belongs to the line. */
export interface Ancestor {
  readonly run: Run;
  readonly until: number;
}

const NONE: readonly Run[] = [];

/**
 * The parents of all runs. A parent is looked for in the run's own workspace first: a workspace that was copied has the same
 * ids, and a branch belongs to the original beside it. Parents that go in a circle (somebody edited a run.json) are none.
 */
export class Lineage {
  private readonly parents = new Map<string, Run>();
  private readonly children = new Map<string, Run[]>();
  private readonly origins = new Map<string, Checkpoint>();
  private readonly byOrigin = new Map<string, Run[]>();
  private readonly detached = new Map<string, Run[]>();
  private readonly circling: ReadonlySet<string>;

  /** @param workspaces newest run first in each, as the model has them */
  constructor(workspaces: readonly { readonly runs: readonly Run[] }[]) {
    const homes = workspaces.map(({ runs }) => new Names(runs));
    for (const home of homes) {
      for (const run of home.runs) {
        const parent = run.parent === null ? undefined : parentIn(run, run.parent, home, homes);
        if (parent !== undefined) this.parents.set(run.path, parent);
      }
    }
    this.circling = new Set(this.inCircles());
    for (const run of this.circling) this.parents.delete(run);
    for (const { runs } of homes) for (const run of runs) this.hang(run);
  }

  /** The run that this one branched from; undefined for one that began by itself, or whose parent is gone. */
  parentOf(run: Run): Run | undefined {
    return this.parents.get(run.path);
  }

  /** Whether the run is its own ancestor by what records say: then it has no parent. */
  isInCircle(run: Run): boolean {
    return this.circling.has(run.path);
  }

  /** The checkpoint that the run left its parent at; undefined where the parent or the checkpoint is gone. */
  originOf(run: Run): Checkpoint | undefined {
    return this.origins.get(run.path);
  }

  /** The runs that branched from this one, in the model's order. */
  childrenOf(run: Run): readonly Run[] {
    return this.children.get(run.path) ?? NONE;
  }

  /** The runs that branched from this checkpoint. */
  branchesAt(checkpoint: Checkpoint): readonly Run[] {
    return this.byOrigin.get(checkpoint.path) ?? NONE;
  }

  /** The runs that branched from this one at a checkpoint that is gone. */
  detachedFrom(run: Run): readonly Run[] {
    return this.detached.get(run.path) ?? NONE;
  }

  /** The run's ancestors, nearest first. */
  ancestorsOf(run: Run): readonly Ancestor[] {
    const chain: Ancestor[] = [];
    let until = Number.POSITIVE_INFINITY;
    let current = run;
    for (;;) {
      const parent = this.parents.get(current.path);
      if (parent === undefined || current.parent === null) return chain;
      // A grandparent counts only up to where the line left it, even if the parent left it later than its own child left the parent.
      until = Math.min(until, current.parent.step);
      chain.push({ run: parent, until });
      current = parent;
    }
  }

  private hang(run: Run): void {
    const parent = this.parents.get(run.path);
    if (parent === undefined) return;
    put(this.children, parent.path, run);
    const origin = checkpointAt(parent, run.parent?.step ?? 0);
    if (origin === undefined) {
      put(this.detached, parent.path, run);
      return;
    }
    this.origins.set(run.path, origin);
    put(this.byOrigin, origin.path, run);
  }

  /** Paths of the runs that are their own ancestors. */
  private inCircles(): string[] {
    const circling: string[] = [];
    /** By the walk that came by first: a run met again in the same walk closes a circle. */
    const walkOf = new Map<string, number>();
    let walk = 0;
    for (const start of this.parents.keys()) {
      walk += 1;
      let current: string | undefined = start;
      while (current !== undefined && !walkOf.has(current)) {
        walkOf.set(current, walk);
        current = this.parents.get(current)?.path;
      }
      if (current === undefined || walkOf.get(current) !== walk) continue;
      const first = current;
      do {
        circling.push(current);
        current = this.parents.get(current)?.path;
      } while (current !== undefined && current !== first);
    }
    return circling;
  }
}

/** The runs of one workspace by what others call them. */
class Names {
  readonly byId = new Map<string, Run>();
  readonly byName = new Map<string, Run>();
  /** By the folder's own name, for nested runs; null where several have it. */
  readonly byFolder = new Map<string, Run | null>();

  constructor(readonly runs: readonly Run[]) {
    for (const run of runs) {
      // The oldest of copied folders comes last, and is who the id belongs to (scan.ts says so in a problem).
      if (run.id !== null) this.byId.set(run.id, run);
      this.byName.set(run.name, run);
      const folder = path.basename(run.path);
      this.byFolder.set(folder, this.byFolder.has(folder) ? null : run);
    }
  }
}

/**
 * By id; by name only where the parent had no id when the branch was born, or has none (any more) to go by. Names are a
 * workspace's own: another one's run of that name is another run.
 */
function parentIn(run: Run, parent: RunParent, home: Names, all: readonly Names[]): Run | undefined {
  const other = (found: Run | null | undefined): Run | undefined =>
    found === null || found?.path === run.path ? undefined : found;
  const named = other(home.byName.get(parent.run)) ?? other(home.byFolder.get(parent.run));
  if (parent.id === null) return named;
  for (const { byId } of [home, ...all]) {
    const found = other(byId.get(parent.id));
    if (found !== undefined) return found;
  }
  return named?.id === null ? named : undefined;
}

/** The checkpoint of that step, `final` where no other has it. Checkpoints ascend by step. */
function checkpointAt(run: Run, step: number): Checkpoint | undefined {
  const { checkpoints, final } = run;
  let low = 0;
  let high = checkpoints.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((checkpoints[middle] as Checkpoint).step < step) low = middle + 1;
    else high = middle;
  }
  const found = checkpoints[low];
  if (found?.step === step) return found;
  return final?.step === step ? final : undefined;
}

function put(map: Map<string, Run[]>, key: string, run: Run): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [run]);
  else list.push(run);
}
