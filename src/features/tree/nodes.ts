/** What the Experiments tree shows: runs → checkpoints → files, branches under the checkpoint they left. No vscode here. */
import { CHECKPOINTS } from '../../core/checkpoint/fileNames';
import type { Lineage } from '../../core/experiment/lineage';
import type { Checkpoint, CheckpointFile, Run } from '../../core/experiment/model';

/** What runs are under that have something in common, where the tree is grouped. */
export interface HeadingNode {
  readonly kind: 'heading';
  readonly id: string;
  /** It is of no place. */
  readonly path: '';
  readonly under?: never;
  readonly title: string;
  readonly description: string;
  readonly icon: string;
  readonly runs: readonly Run[];
}

/** The headings, with what TreeRows asks of them. */
export interface Headings {
  readonly rows: readonly HeadingNode[];
  /** Paths of the runs under each row, as one text each; '' is the root. */
  readonly hung: ReadonlyMap<string, string>;
  /** Ids of all rows of these runs. */
  idsOf(runs: readonly Run[]): readonly string[];
}

/** `under`, here and below: the heading that the row is under, where there is one. A run with two tags has two rows. */
export interface RunNode {
  readonly kind: 'run';
  readonly id: string;
  readonly path: string;
  readonly under?: string;
  readonly run: Run;
}

/** A stretch of a run's older checkpoints, folded: VS Code asks for every child of an unfolded row, however many there are. */
export interface GroupNode {
  readonly kind: 'group';
  readonly id: string;
  /** Of the folder that the checkpoints are in. */
  readonly path: string;
  readonly under?: string;
  readonly run: Run;
  /** Counted from the oldest, so that a group stays the same as newer checkpoints come. */
  readonly index: number;
  /** Ascending by step. */
  readonly checkpoints: readonly Checkpoint[];
}

export interface CheckpointNode {
  readonly kind: 'checkpoint';
  readonly id: string;
  readonly path: string;
  readonly under?: string;
  readonly run: Run;
  readonly checkpoint: Checkpoint;
}

export interface FileNode {
  readonly kind: 'file';
  readonly id: string;
  readonly path: string;
  readonly under?: string;
  readonly file: CheckpointFile;
  readonly checkpoint: Checkpoint;
}

export type TreeNode = HeadingNode | RunNode | GroupNode | CheckpointNode | FileNode;

/** How somebody wants to see the runs; arrangement.ts, which is loaded when somebody does, makes one. */
export interface Arrangement {
  /** Paths of the runs that are shown; null: all. */
  readonly shown: ReadonlySet<string> | null;
  /** Those of these runs that are shown, as they stand beside each other. @param runs newest first */
  arrange(runs: readonly Run[]): readonly Run[];
  /** Branches stand beside their parents. */
  readonly flat: boolean;
  /** What the runs are under, each with those that are shown; null: they stand by themselves. */
  headings(runs: readonly Run[]): Headings | null;
  /** What is not shown, in one line; null where nothing is left out. */
  readonly about: string | null;
}

/** Where the workspace's state has the order of the runs, whether branches stand beside their parents, and what groups them. */
export const KEPT_ORDER = 'npt.tree.order';
export const KEPT_FLAT = 'npt.tree.flat';
export const KEPT_GROUP = 'npt.tree.group';

/** What the tree is made of: a model's runs, newest first, and who branched from whom. */
export interface TreeModel {
  readonly runs: readonly Run[];
  readonly lineage: Lineage;
  /** Missing: every run, newest first. */
  readonly arrangement?: Arrangement;
}

export function isShown(run: Run, { arrangement }: Pick<TreeModel, 'arrangement'>): boolean {
  return arrangement?.shown?.has(run.path) ?? true;
}

/** Those of these runs that are shown, as they stand beside each other. */
export function arranged(runs: readonly Run[], { arrangement }: TreeModel): readonly Run[] {
  return arrangement?.arrange(runs) ?? runs;
}

/** What the runs are under; null where the tree is not grouped. */
export function headingsOf({ runs, arrangement }: TreeModel): Headings | null {
  return arrangement?.headings(runs) ?? null;
}

/** Branches that hang under something. */
function hanging(runs: readonly Run[], { arrangement }: Pick<TreeModel, 'arrangement'>): readonly Run[] {
  return arrangement?.flat === true ? [] : runs;
}

/** Checkpoints that a run always shows by themselves: its newest. */
const SHOWN = 100;
/** Checkpoints of a group; more where there would otherwise be more than a hundred groups. */
const GROUPED = 100;

/** Ids are of paths: a run that is renamed is another row, and starts folded. */
export function runNode(run: Run): RunNode {
  return { kind: 'run', id: `run:${run.path}`, path: run.path, run };
}

export function checkpointNode(run: Run, checkpoint: Checkpoint): CheckpointNode {
  return { kind: 'checkpoint', id: `checkpoint:${checkpoint.path}`, path: checkpoint.path, run, checkpoint };
}

export function groupNode(run: Run, index: number): GroupNode {
  const size = groupSize(run);
  const checkpoints = run.checkpoints.slice(index * size, (index + 1) * size);
  return {
    kind: 'group',
    id: `group:${run.path}:${index}`,
    path: `${run.path}/${CHECKPOINTS}`,
    run,
    index,
    checkpoints,
  };
}

/** The row as it is under a heading: VS Code takes no two rows of one id. @param heading its id; undefined: none */
export function rowUnder<T extends TreeNode>(heading: string | undefined, row: T): T {
  return heading === undefined ? row : { ...row, id: `${row.id}\n${heading}`, under: heading };
}

function groupSize({ checkpoints: { length } }: Run): number {
  return GROUPED * Math.max(1, Math.ceil(length / (GROUPED * 100)));
}

/** How many groups a run's older checkpoints are in; what is left over is at least SHOWN, and shown. */
function groupCount(run: Run): number {
  return Math.max(0, Math.floor((run.checkpoints.length - SHOWN) / groupSize(run)));
}

/** The group that a checkpoint is in; undefined where it stands by itself. */
function groupOf(run: Run, checkpoint: Checkpoint): GroupNode | undefined {
  const groups = groupCount(run);
  if (groups === 0) return undefined;
  const index = Math.floor(run.checkpoints.findIndex(({ path }) => path === checkpoint.path) / groupSize(run));
  return index >= 0 && index < groups ? groupNode(run, index) : undefined;
}

/** Children of a node; of the root when undefined. */
export function childrenOf(node: TreeNode | undefined, model: TreeModel): TreeNode[] {
  const heading = node?.kind === 'heading' ? node.id : node?.under;
  return below(node, model).map((row) => rowUnder(heading, row));
}

function below(node: TreeNode | undefined, model: TreeModel): readonly TreeNode[] {
  const { runs, lineage } = model;
  const together = (beside: readonly Run[]): TreeNode[] => arranged(beside, model).map(runNode);
  if (node === undefined)
    return headingsOf(model)?.rows ?? together(runs.filter((run) => containerOf(run, model) === undefined));
  switch (node.kind) {
    case 'heading':
      return node.runs.map(runNode);
    case 'run': {
      const { run } = node;
      const groups = groupCount(run);
      const own = run.checkpoints.slice(groups * groupSize(run)).reverse();
      const older = Array.from({ length: groups }, (_, index) => groupNode(run, groups - 1 - index));
      const { final } = run;
      const newer = final === null ? own : own.filter((checkpoint) => checkpoint.step > final.step);
      return [
        ...newer.map((checkpoint) => checkpointNode(run, checkpoint)),
        ...(final === null ? [] : [checkpointNode(run, final)]),
        ...own.slice(newer.length).map((checkpoint) => checkpointNode(run, checkpoint)),
        ...older,
        ...together(hanging(lineage.detachedFrom(run), model)),
      ];
    }
    case 'group':
      return [...node.checkpoints].reverse().map((checkpoint) => checkpointNode(node.run, checkpoint));
    case 'checkpoint': {
      const files = node.checkpoint.files.map((file): FileNode => ({
        kind: 'file',
        id: `file:${node.path}/${file.name}`,
        path: `${node.path}/${file.name}`,
        file,
        checkpoint: node.checkpoint,
      }));
      return [...together(hanging(lineage.branchesAt(node.checkpoint), model)), ...files];
    }
    case 'file':
      return [];
  }
}

/** Whether the run went on after the end that this `final` is of. */
export function isOvertaken(final: Checkpoint, run: Run): boolean {
  return (run.checkpoints.at(-1)?.step ?? 0) > final.step;
}

/** Whether a node can be unfolded, without making its children. */
export function hasChildren(node: TreeNode, model: TreeModel): boolean {
  const { lineage } = model;
  const areShown = (runs: readonly Run[]): boolean => hanging(runs, model).some((run) => isShown(run, model));
  switch (node.kind) {
    case 'run':
      return node.run.checkpoints.length > 0 || node.run.final !== null || areShown(lineage.detachedFrom(node.run));
    case 'heading':
    case 'group':
      return true;
    case 'checkpoint':
      return node.checkpoint.files.length > 0 || areShown(lineage.branchesAt(node.checkpoint));
    case 'file':
      return false;
  }
}

/** Where a run hangs: undefined for the root, where a branch is, too, whose parent is not shown, and for what has a heading. */
export function containerOf(run: Run, model: Omit<TreeModel, 'runs'>): RunNode | CheckpointNode | undefined {
  const { lineage } = model;
  const parent = lineage.parentOf(run);
  if (parent === undefined || model.arrangement?.flat === true || !isShown(parent, model)) return undefined;
  const origin = lineage.originOf(run);
  return origin === undefined ? runNode(parent) : checkpointNode(parent, origin);
}

/** What a checkpoint's row is under. */
export function holderOf(run: Run, checkpoint: Checkpoint): RunNode | GroupNode {
  return groupOf(run, checkpoint) ?? runNode(run);
}
