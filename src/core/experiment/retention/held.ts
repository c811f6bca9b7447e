/**
 * What no policy takes. Of a run in which something may go on, or of which a file that says what has to stay cannot be read,
 * everything stays; of the others what is pinned, the best, what runs branched from, `final`, and what is being written. Where
 * it is not certain, as with a parent that is known by its name alone, it stays: that costs disk, the other costs work.
 *
 * The trainer's `protected` (trainer/npt/checkpoint/retention.py) is the same rule for a run that it trains itself, with what
 * it can know there: it sees branches in the folder of its run alone, and knows the best one without best.json.
 */
import path from 'node:path';
import { CHECKPOINTS, FINAL } from '../../checkpoint/fileNames';
import { allCheckpoints } from '../checkpoints';
import type { Lineage } from '../lineage';
import type { Checkpoint, Run, Workspace } from '../model';
import { BEST, PINS, PROCESS } from '../runLayout';

/** Files of a run that say what has to stay, and what any checkpoint may be while one cannot be read. */
const TELLING: readonly (readonly [file: string, may: string])[] = [
  [PINS, 'any checkpoint may be pinned'],
  [path.join(CHECKPOINTS, BEST), 'any checkpoint may be the best'],
  [PROCESS, 'the run may be training'],
];

/** One for a model: who branched from whom is looked up once. */
export class Held {
  /** What could not be read, by path, as a clause behind the file's name. */
  private readonly unread = new Map<string, string>();
  /** Paths of checkpoints from which runs branched, or may have. */
  private readonly origins = new Map<string, Run[]>();
  /** By a run's path: what branches of its workspace name, for runs that do not know who they are. */
  private readonly named = new Map<string, ReadonlyMap<string, readonly Run[]>>();

  /** @param workspaces all that are opened: a branch may be in another one than its parent */
  constructor(
    workspaces: readonly Pick<Workspace, 'runs' | 'problems'>[],
    private readonly lineage: Lineage,
  ) {
    for (const { problems } of workspaces) {
      for (const { path: file, message } of problems) this.unread.set(file, message);
    }
    const runs = workspaces.flatMap((workspace) => workspace.runs);
    const byId = grouped(runs, ({ id }) => (id === null ? [] : [id]));
    const byName = grouped(runs, (run) => new Set([run.name, path.basename(run.path)]));
    for (const branch of runs) this.noteBranch(branch, byId, byName);
    for (const workspace of workspaces) {
      const named = grouped(workspace.runs, ({ parent }) =>
        typeof parent?.checkpoint === 'string' ? [parent.checkpoint] : [],
      );
      for (const { id, path: run } of workspace.runs) if (id === null) this.named.set(run, named);
    }
  }

  /** Why everything of a run stays, as a clause; null where it does not. */
  everythingOf(run: Run): string | null {
    const use = whyInUse(run);
    if (use !== null) return use;
    if (run.checkpoints.some((checkpoint) => path.basename(path.dirname(checkpoint.path)) !== CHECKPOINTS)) {
      return 'its checkpoints do not lie in a folder of their own: they are left to the trainer that wrote them';
    }
    for (const [file, may] of TELLING) {
      const wrong = this.unread.get(path.join(run.path, file));
      if (wrong !== undefined) return `${path.basename(file)} ${wrong}: ${may}`;
    }
    return null;
  }

  /** Why one checkpoint of the run stays, as a clause; null where a policy may take it. */
  reasonFor(run: Run, checkpoint: Checkpoint): string | null {
    if (checkpoint.state === 'writing') return 'is being written';
    if (checkpoint.name === FINAL) return 'is what the run ended with';
    if (checkpoint.pinned) return 'is pinned';
    if (checkpoint.best) return 'is the best';
    const branches = this.branchesAt(run, checkpoint);
    const [first] = branches;
    if (first === undefined) return null;
    return branches.size === 1 ? `${first.name} branched from it` : `${branches.size} runs branched from it`;
  }

  /** The runs that branched from a run, or may have. */
  branchesOf(run: Run): readonly Run[] {
    const branches = new Set(this.lineage.childrenOf(run));
    for (const checkpoint of allCheckpoints(run)) {
      for (const branch of this.branchesAt(run, checkpoint)) branches.add(branch);
    }
    return [...branches];
  }

  private branchesAt(run: Run, checkpoint: Checkpoint): Set<Run> {
    const branches = new Set([
      ...this.lineage.branchesAt(checkpoint),
      ...(this.origins.get(checkpoint.path) ?? []),
      ...(this.named.get(run.path)?.get(checkpoint.name) ?? []),
    ]);
    branches.delete(run);
    return branches;
  }

  /** Every run that may be the branch's parent: an id may be a copied folder's, too, and a name is all that some records have. */
  private noteBranch(branch: Run, byId: Groups, byName: Groups): void {
    const { parent } = branch;
    if (parent === null) {
      // Of a run.json that is lost or damaged, the name of a branch that was made by itself still says where it began.
      const [, name, step] = /^(.+)-from-(\d{1,15})(?:-\d+)?$/.exec(path.basename(branch.path)) ?? [];
      if (branch.id === null && name !== undefined) this.note(byName.get(name) ?? [], branch, Number(step), null);
      return;
    }
    const known = parent.id === null ? [] : (byId.get(parent.id) ?? []);
    const bySight = (byName.get(parent.run) ?? []).filter(({ id }) => parent.id === null || id === null);
    this.note([...known, ...bySight], branch, parent.step, parent.checkpoint);
  }

  private note(parents: readonly Run[], branch: Run, step: number, name: string | null): void {
    for (const parent of parents) {
      for (const checkpoint of parent.checkpoints) {
        if (checkpoint.step !== step && checkpoint.name !== name) continue;
        const known = this.origins.get(checkpoint.path);
        if (known === undefined) this.origins.set(checkpoint.path, [branch]);
        else known.push(branch);
      }
    }
  }
}

/** Why nothing of a run may go: something may go on in it, or is about to. A clause; null where that is not so. */
export function whyInUse(run: Run): string | null {
  if (run.state === 'training') return 'the run is training';
  if (run.state === 'queued' || run.queue !== undefined) return 'the run is in the queue';
  if (run.process !== null && run.processState?.liveness !== 'dead') {
    return `nothing here can tell whether its process on ${run.process.host} trains`;
  }
  return null;
}

type Groups = ReadonlyMap<string, readonly Run[]>;

function grouped(runs: readonly Run[], keysOf: (run: Run) => Iterable<string>): Groups {
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    for (const key of keysOf(run)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [run]);
      else group.push(run);
    }
  }
  return groups;
}
