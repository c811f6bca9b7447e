/** What the extension host and the checkpoint worker say to each other. */
import type { Backup, BackupRequest, Restored, RestoreRequest, VerifiedBackup } from '../backup';
import type { Comparison } from '../compare/compare';
import type { FileIdentity } from '../fileIdentity';
import type { RunProbe } from '../probe/probeRun';
import type { Level, ValidationReport } from '../report/report';

/** A torch file's structure on its way to the page: only what the host itself needs is unpacked. */
export interface PackedOutline {
  readonly identity: FileIdentity;
  /** A TorchOutline as JSON. Objects would be copied one by one on the host's thread, 200 ms for a hundred thousand. */
  readonly json: Uint8Array;
  /** Bytes of each listed tensor. */
  readonly sizes: Float64Array;
}

/** Statistics on their way to the page, which the host passes on unread: SummaryResult[] as JSON, one for each tensor asked for. */
export interface PackedSummaries {
  readonly json: Uint8Array;
}

/** What the worker does, and what each kind of work gives. */
export interface WorkResults {
  readonly validate: ValidationReport;
  readonly compare: Comparison;
  readonly outline: PackedOutline;
  readonly summarize: PackedSummaries;
  readonly probe: RunProbe;
  readonly backUp: Backup;
  readonly verifyBackup: VerifiedBackup;
  readonly restore: Restored;
}

/** What is asked for, as plain data. */
export type Work =
  | { readonly kind: 'validate'; readonly path: string; readonly level: Level }
  | { readonly kind: 'compare'; readonly a: string; readonly b: string }
  | { readonly kind: 'outline'; readonly path: string }
  | {
      readonly kind: 'summarize';
      readonly path: string;
      readonly identity: FileIdentity;
      readonly tensors: readonly number[];
    }
  /** Absolute paths of a run's checkpoints, in the order of their steps. */
  | { readonly kind: 'probe'; readonly checkpoints: readonly string[] }
  | { readonly kind: 'backUp'; readonly request: BackupRequest }
  | { readonly kind: 'verifyBackup'; readonly folder: string }
  | { readonly kind: 'restore'; readonly request: RestoreRequest };

/** Host to worker. `cancel` is one 32-bit word: not zero means stop. */
export interface WorkerRequest {
  readonly id: number;
  readonly work: Work;
  readonly cancel: SharedArrayBuffer;
}

/** Worker to host. */
export type WorkerReply =
  | { readonly kind: 'progress'; readonly id: number; readonly done: number; readonly total: number }
  | { readonly kind: 'result'; readonly id: number; readonly result: WorkResults[keyof WorkResults] }
  | { readonly kind: 'cancelled'; readonly id: number }
  /** `expected` errors are the user's (a path that leads nowhere); others are ours. */
  | { readonly kind: 'error'; readonly id: number; readonly expected: boolean; readonly message: string };
