/** What a scan finds of one checkpoint: where it is, and what its folder alone tells. */
import type { CheckpointLayout } from '../checkpoint/layouts/layout';
import type { CheckpointFile, CheckpointState } from './model';

/** What a checkpoint is inside its run. */
export interface CheckpointPlace {
  /** As shown: `checkpoint-<step>` or `final`. */
  readonly name: string;
  /** Where it is, or will be once it is written. */
  readonly path: string;
  /** Where its files are now: differs from `path` while our trainer writes it. */
  readonly folder: string;
  /** From the folder's name; null for `final`. */
  readonly step: number | null;
}

/** What the folder alone tells; stage, best and pinned are the run's to say. */
export interface CheckpointContent {
  readonly state: CheckpointState;
  readonly stateReason: string | null;
  readonly step: number | null;
  readonly stage: string | null;
  readonly loss: number | null;
  readonly evalLoss: number | null;
  readonly bytes: number;
  readonly time: number;
  readonly files: readonly CheckpointFile[];
  readonly layout: CheckpointLayout;
  readonly maxSteps: number | null;
  /** Name of the run's best checkpoint, where this one knows it. */
  readonly best: string | null;
  /** Newest change of any of its files, Unix seconds. */
  readonly changed: number;
  /** Equal for equal content: made of names, sizes and times of its files (signature.ts). */
  readonly signature: string;
}

/** Which folder it is, and what changes with whatever comes, goes or is renamed in it. */
export interface FolderState {
  readonly dev: number;
  readonly ino: number;
  /** Milliseconds; anybody may set it. */
  readonly mtimeMs: number;
  /** Milliseconds; the system's own, which nobody can set. */
  readonly ctimeMs: number;
}

/** A finished checkpoint: what was found in its folder, and how the folder was right before. */
export interface SettledCheckpoint extends FolderState {
  readonly content: CheckpointContent;
  /**
   * Whether it stays true until the folder has another time: anything that comes or goes later gives it one, and nobody writes
   * in place, as other trainers do.
   */
  readonly keepable: boolean;
}

export function isSameState(a: FolderState, b: FolderState): boolean {
  return a.ino === b.ino && a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs && a.dev === b.dev;
}

/** What a folder of checkpoints had in it, and how it was then. */
export interface FolderListing {
  readonly state: FolderState;
  readonly names: readonly string[];
  /** Whether anything that comes or goes later gives the folder another time. */
  readonly firm: boolean;
}

/** The finished checkpoints of our trainer in one folder as an earlier scan found them, of this process or another. */
export interface KeptFolder {
  /** What was in it; null where that is not known for sure. */
  readonly listing: FolderListing | null;
  /** Whether it was looked into just now, for the scan that asks. */
  readonly isNew: boolean;
  /** What was found of a checkpoint, and how its folder was then. */
  find(name: string): SettledCheckpoint | null;
}

export interface KeptCheckpoints {
  /**
   * Which folders of checkpoints are asked about next, in that order, by a scan that has nothing else to go by: what is known of
   * none of them can be found out meanwhile.
   */
  expect?(folders: readonly string[]): void;
  /**
   * What is known of those in a folder of checkpoints.
   *
   * @param layout our trainer's, of which all are that are kept
   */
  in(folder: string, layout: CheckpointLayout): KeptFolder | undefined | Promise<KeptFolder | undefined>;
}

/** What scans found that is worth keeping. */
export interface Findings {
  /** Finished checkpoints, by their folders. */
  readonly settled: ReadonlyMap<string, SettledCheckpoint>;
  /** The folders that those are in. */
  readonly listings: ReadonlyMap<string, FolderListing>;
  /** How many of them were looked into, of those that may be kept, since who keeps them set it to 0; Infinity: one changed in place. */
  news: number;
}

/** A checkpoint's folder, and what is in it. */
export interface FoundCheckpoint {
  readonly place: CheckpointPlace;
  readonly content: CheckpointContent;
}
