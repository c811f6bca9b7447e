/** The rows that VS Code holds, and which of them a change of the model redraws, when. No vscode here. */
import { formatAge } from '../../core/format';
import type { Run } from '../../core/experiment/model';
import { arranged, containerOf, headingsOf, runNode, type TreeModel, type TreeNode } from './nodes';

/**
 * Step and loss of a training run change every second, but its row is redrawn at most this often: while VS Code redraws a
 * row it forgets the children's handles, and a menu item clicked in that moment arrives without its checkpoint. What
 * changes rarely (state, stage, checkpoints) is shown at once; the status bar and the dashboard show every step.
 */
export const FIGURES_MS = 3000;

/** Where the root's rows hang. */
const ROOT = '';

/** What to redraw: everything, or these rows; and when to ask again, in milliseconds, where something waits. */
export interface Redraw {
  readonly all: boolean;
  readonly rows: readonly TreeNode[];
  readonly again: number | undefined;
}

export class TreeRows {
  /** By id. A refresh must name the very objects that VS Code was given: an equal one is ignored. */
  private readonly given = new Map<string, TreeNode>();
  /** Ids of the rows under each row, and the age that a checkpoint's row says. */
  private readonly under = new Map<string, readonly string[]>();
  private readonly ages = new Map<string, string>();
  /** Runs that changed and were not redrawn yet; true: more than their running figures. */
  private readonly changed = new Map<string, boolean>();
  /** What was last drawn of a run, and when. */
  private readonly drawn = new Map<string, { readonly run: Run; readonly at: number }>();
  /** Paths of the runs under each row, the root among them, in their order as last drawn. */
  private hung: ReadonlyMap<string, string> = new Map();
  private isFirst = true;

  /** VS Code was given these rows under that one (undefined: the root), in place of those before. */
  give(parent: TreeNode | undefined, rows: readonly TreeNode[]): void {
    const key = parent?.id ?? ROOT;
    const ids = rows.map(({ id }) => id);
    const kept = new Set(ids);
    for (const id of this.under.get(key) ?? []) if (!kept.has(id)) this.forget(id);
    this.under.set(key, ids);
    for (const row of rows) this.given.set(row.id, row);
  }

  private forget(id: string): void {
    for (const below of this.under.get(id) ?? []) this.forget(below);
    this.under.delete(id);
    this.given.delete(id);
    this.ages.delete(id);
  }

  /** The runs changed; `evidently` where not only their figures may have. */
  note(runs: readonly string[], evidently = false): void {
    for (const run of runs) this.changed.set(run, evidently || this.changed.get(run) === true);
  }

  /** What is to be redrawn at `now` (milliseconds of any clock that does not go back). */
  take(model: TreeModel, now: number): Redraw {
    const { runs } = model;
    const headings = headingsOf(model);
    const hung = headings?.hung ?? hanging(model);
    const all = hung.get(ROOT) !== this.hung.get(ROOT) || this.isFirst;
    this.isFirst = false;
    const containers = new Set([...hung.keys(), ...this.hung.keys()]);
    const moved = [...containers].filter((id) => id !== ROOT && hung.get(id) !== this.hung.get(id));
    this.hung = hung;
    const due = this.takeDue(runs, now);
    // Only what changed: a whole-tree refresh loses the scroll position and blinks (microsoft/vscode#153982).
    const ids = new Set([...moved, ...(headings?.idsOf(due) ?? due.map((run) => runNode(run).id))]);
    const rows = all ? [] : [...ids].flatMap((id) => this.given.get(id) ?? []);
    return { all, rows, again: this.wait(now) };
  }

  private takeDue(runs: readonly Run[], now: number): Run[] {
    const there = new Map(runs.map((run) => [run.path, run]));
    const due: Run[] = [];
    for (const [path, evidently] of this.changed) {
      const run = there.get(path);
      const last = this.drawn.get(path);
      if (run === undefined) {
        this.drawn.delete(path);
      } else if (!evidently && last !== undefined && sameOutline(last.run, run) && now - last.at < FIGURES_MS) {
        continue;
      } else {
        this.drawn.set(path, { run, at: now });
        due.push(run);
      }
      this.changed.delete(path);
    }
    return due;
  }

  /** Until the first of the runs that wait is due. */
  private wait(now: number): number | undefined {
    let least: number | undefined;
    for (const path of this.changed.keys()) {
      const left = Math.max(0, (this.drawn.get(path)?.at ?? 0) + FIGURES_MS - now);
      least = Math.min(least ?? left, left);
    }
    return least;
  }

  /** A checkpoint's row now says its age as of `now`, Unix seconds. */
  noteAge(row: TreeNode, now: number): void {
    if (row.kind === 'checkpoint') this.ages.set(row.id, formatAge(row.checkpoint.time, now));
  }

  /** The checkpoints' rows whose age reads differently at `now`, Unix seconds. */
  outdated(now: number): TreeNode[] {
    return [...this.ages].flatMap(([id, said]) => {
      const row = this.given.get(id);
      return row?.kind === 'checkpoint' && formatAge(row.checkpoint.time, now) !== said ? [row] : [];
    });
  }
}

/** Paths of the runs under each row, in their order. */
function hanging(model: TreeModel): Map<string, string> {
  const under = new Map<string, Run[]>();
  for (const run of model.runs) {
    const container = containerOf(run, model)?.id ?? ROOT;
    const beside = under.get(container);
    if (beside === undefined) under.set(container, [run]);
    else beside.push(run);
  }
  return new Map(
    [...under].map(([container, beside]) => [
      container,
      JSON.stringify(arranged(beside, model).map(({ path }) => path)),
    ]),
  );
}

/** Whether two states of a run differ in nothing but running figures. What did not change is the same object (reuse.ts). */
function sameOutline(a: Run, b: Run): boolean {
  return (
    a.state === b.state &&
    a.stage === b.stage &&
    a.final === b.final &&
    a.checkpoints.length === b.checkpoints.length &&
    a.checkpoints.every((checkpoint, index) => checkpoint === b.checkpoints[index])
  );
}
