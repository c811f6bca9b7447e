/** What the Experiments tree shows: runs → checkpoints → files, branches under the checkpoint they left. No vscode here. */
import type { Checkpoint, CheckpointFile, Run } from '../../core/experiment/model';

export interface RunNode {
  readonly kind: 'run';
  readonly id: string;
  readonly path: string;
  readonly run: Run;
}

export interface CheckpointNode {
  readonly kind: 'checkpoint';
  readonly id: string;
  readonly path: string;
  readonly run: Run;
  readonly checkpoint: Checkpoint;
}

export interface FileNode {
  readonly kind: 'file';
  readonly id: string;
  readonly path: string;
  readonly file: CheckpointFile;
  readonly checkpoint: Checkpoint;
}

export type TreeNode = RunNode | CheckpointNode | FileNode;

/** Ids outlive renames of a run where it has a uuid, so that expansion and selection stay. */
export function runNode(run: Run): RunNode {
  return { kind: 'run', id: `run:${run.path}`, path: run.path, run };
}

export function checkpointNode(run: Run, checkpoint: Checkpoint): CheckpointNode {
  return { kind: 'checkpoint', id: `checkpoint:${checkpoint.path}`, path: checkpoint.path, run, checkpoint };
}

/** The run that this run left, where it is still there: by id, else (older runs) by name. */
export function parentOf(run: Run, runs: readonly Run[]): Run | undefined {
  const parent = run.parent;
  if (parent === null) return undefined;
  const found =
    parent.id === null
      ? runs.find((candidate) => candidate.name === parent.run)
      : runs.find((candidate) => candidate.id === parent.id);
  return found?.path === run.path ? undefined : found;
}

/** The checkpoint under which a branch is shown: the one it left, else the parent itself (it was deleted since). */
export function originOf(run: Run, parent: Run): Checkpoint | undefined {
  return parent.checkpoints.find((checkpoint) => checkpoint.step === run.parent?.step);
}

/** Children of a node; of the root when undefined. Runs keep the workspace's order (newest first). */
export function childrenOf(node: TreeNode | undefined, runs: readonly Run[]): TreeNode[] {
  if (node === undefined) return runs.filter((run) => isRoot(run, runs)).map(runNode);
  switch (node.kind) {
    case 'run': {
      const orphans = runs.filter(
        (run) => parentOf(run, runs)?.path === node.path && originOf(run, node.run) === undefined,
      );
      const newestFirst = [...node.run.checkpoints].reverse().map((checkpoint) => checkpointNode(node.run, checkpoint));
      const final = node.run.final === null ? [] : [checkpointNode(node.run, node.run.final)];
      return [...final, ...newestFirst, ...orphans.map(runNode)];
    }
    case 'checkpoint': {
      const branches = runs.filter((run) => {
        const parent = parentOf(run, runs);
        return parent?.path === node.run.path && originOf(run, parent)?.path === node.path;
      });
      const files = node.checkpoint.files.map((file): FileNode => ({
        kind: 'file',
        id: `file:${node.path}/${file.name}`,
        path: `${node.path}/${file.name}`,
        file,
        checkpoint: node.checkpoint,
      }));
      return [...branches.map(runNode), ...files];
    }
    case 'file':
      return [];
  }
}

/** Where a run hangs: undefined for the root. */
export function containerOf(run: Run, runs: readonly Run[]): RunNode | CheckpointNode | undefined {
  const parent = parentOf(run, runs);
  if (parent === undefined || isRoot(run, runs)) return undefined;
  const origin = originOf(run, parent);
  return origin === undefined ? runNode(parent) : checkpointNode(parent, origin);
}

/** A cycle of parents (hand-edited run.json) must not make runs vanish: everyone in it is a root. */
function isRoot(run: Run, runs: readonly Run[]): boolean {
  const seen = new Set<string>();
  let current: Run | undefined = run;
  while (current !== undefined) {
    if (seen.has(current.path)) return true;
    seen.add(current.path);
    current = parentOf(current, runs);
  }
  return parentOf(run, runs) === undefined;
}
