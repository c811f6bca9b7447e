/**
 * The one immutable model of a training workspace: what a scan of the disk found (contract sections 1 and 2).
 * Tree, status bar, dashboard and CLI all read this and nothing else.
 */
import type { Curriculum } from '../curriculum/curriculum';

export const RUN_STATES = ['queued', 'training', 'stopped', 'interrupted', 'failed', 'finished'] as const;
export type RunState = (typeof RUN_STATES)[number];
export const CHECKPOINT_STATES = ['complete', 'writing', 'broken'] as const;
export type CheckpointState = (typeof CHECKPOINT_STATES)[number];

export interface CheckpointFile {
  readonly name: string;
  readonly bytes: number;
}

/** A copy of a checkpoint elsewhere, as it was noted when it was made; nobody looks whether it is still there. */
export interface CheckpointBackup {
  /** Absolute. */
  readonly folder: string;
  /** Unix seconds. */
  readonly time: number;
}

export interface Checkpoint {
  /** The folder's name: `checkpoint-<step>`, or `final`. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly step: number;
  readonly state: CheckpointState;
  /** Why it is broken or taken to be still written; null when complete. */
  readonly stateReason: string | null;
  /** The stage's name at this step; null where nothing on disk tells. */
  readonly stage: string | null;
  /** Last logged loss/total at this checkpoint, where the manifest has it. */
  readonly loss: number | null;
  readonly evalLoss: number | null;
  readonly bytes: number;
  /** When it was finished, Unix seconds. */
  readonly time: number;
  readonly best: boolean;
  readonly pinned: boolean;
  /** The newest; missing where it was not backed up. */
  readonly backup?: CheckpointBackup;
  readonly files: readonly CheckpointFile[];
}

/** Where a branched run came from; the id is what counts, names and folders may have changed since. */
export interface RunParent {
  readonly id: string | null;
  readonly run: string;
  readonly checkpoint: string | null;
  readonly step: number;
}

/** The process that trains a run, as process.json names it (contract section 1). */
export interface RunProcess {
  readonly host: string;
  readonly bootId: string;
  readonly pid: number;
  readonly started: number;
  readonly startTicks: number;
  /** What started it: a launcher's kind, or `shell` for a person's own hands. */
  readonly launcher: string;
  readonly job: string | null;
  /** Where the job is, and whose; missing where nothing tells. */
  readonly cluster?: string;
  readonly user?: string;
  readonly segment: number;
  /** The folder that it trains in; missing in what older trainers wrote. */
  readonly folder?: { readonly device: number; readonly inode: number; readonly path: string };
  /** Who started the trainer, waits for it and passes requests on; missing where nobody does. */
  readonly supervisor?: { readonly pid: number; readonly startTicks: number };
  /** The supervisor's newest start of the trainer after a failure, done or to come; `at` is Unix seconds. */
  readonly restart?: { readonly number: number; readonly of: number; readonly after: string; readonly at: number };
  /** It was asked to end by this signal, since then (Unix seconds), and has not yet; SIGQUIT: without a save. */
  readonly stopping?: { readonly signal: string; readonly since: number };
}

/**
 * `waiting`: a job that has not started yet. `elsewhere`: another machine's process, or one whose keeper does not answer; nothing
 * here can tell whether it runs.
 */
export type Liveness = 'alive' | 'waiting' | 'dead' | 'elsewhere';

/** How a run's process is, as its launcher knows it. */
export interface ProcessState {
  readonly liveness: Liveness;
  /** What else there is to say, for people, as a clause: a job's state, reason and node; null where there is nothing. */
  readonly detail: string | null;
  /** True for what waits and was told not to start. */
  readonly held?: boolean;
}

/** Asks whoever started a process how it is. Never rejects. */
export type AskProcess = (process: RunProcess) => Promise<ProcessState>;

export interface RunExit {
  readonly why: 'done' | 'stopped' | 'preempted' | 'failed' | 'killed';
  readonly step: number | null;
  readonly segment: number | null;
  readonly signal: string | null;
  readonly error: string | null;
  readonly time: number;
}

/** What waits in the queue to train a run, or could not be started. */
export interface QueuedRun {
  /** The entry's. */
  readonly id: string;
  /** Counted from 1 among those that wait; null for one that could not be started. */
  readonly position: number | null;
  /** Why it was not started, or will not be, in one line; null where nothing is in the way. */
  readonly failure: string | null;
}

/** The tag that a star is. */
export const STAR_TAG = 'star';

/** What people wrote of a run, in its notes.md. */
export interface RunNotes {
  readonly tags: readonly string[];
  /** The first line that says something; '' where none does. */
  readonly summary: string;
}

export interface Run {
  /** The folder's name (for nested sequential runs `parent/child`): what a person sees. */
  readonly name: string;
  /** From run.json; null for runs of other trainers. */
  readonly id: string | null;
  /** Absolute path of the run's folder. */
  readonly path: string;
  readonly state: RunState;
  /** The newest step known: of the last metrics line or the newest checkpoint. */
  readonly step: number;
  readonly maxSteps: number | null;
  /** Stage at `step`. */
  readonly stage: string | null;
  readonly created: number;
  readonly parent: RunParent | null;
  /** Resolved arguments of the newest config.json, by name. */
  readonly config: Readonly<Record<string, unknown>> | null;
  readonly curriculum: Curriculum | null;
  readonly process: RunProcess | null;
  /** How that process is; null where there is none. */
  readonly processState: ProcessState | null;
  readonly exit: RunExit | null;
  /** loss/total of the last logged step. */
  readonly loss: number | null;
  /** Ascending by step; without `final`. */
  readonly checkpoints: readonly Checkpoint[];
  readonly final: Checkpoint | null;
  /** Missing where nothing of it is in the queue. */
  readonly queue?: QueuedRun;
  /** Missing where nobody wrote any. */
  readonly notes?: RunNotes;
}

/** Something in the workspace that could not be read, in one line. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

export interface Workspace {
  /** Absolute path of the training workspace (the folder that holds `experiments/` and `scripts/`). */
  readonly root: string;
  /** Absolute path of the experiments folder. */
  readonly experiments: string;
  /** Newest first. */
  readonly runs: readonly Run[];
  readonly problems: readonly Problem[];
}
