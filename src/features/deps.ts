/** What every feature is given, and how commands name what they act on. */
import type * as vscode from 'vscode';
import type { CheckpointWorker } from '../core/checkpoint/worker/workerClient';
import type { ReportDocuments } from '../platform/reportDocuments';
import type { Workspaces } from '../platform/workspaces';
import type { ValidationResults } from './validate/results';

export interface FeatureDeps {
  readonly workspaces: Workspaces;
  /** Output channel "NPT Checkpoints". */
  readonly log: vscode.LogOutputChannel;
  /** Reads, validates and compares checkpoints in a worker thread. */
  readonly checkpoints: CheckpointWorker;
  /** Validation results by checkpoint path, for the tree's icons. */
  readonly validations: ValidationResults;
  /** Markdown reports in the preview. */
  readonly reports: ReportDocuments;
}

/** The path that a command's argument names: a tree node, a path, a file URI; undefined when called without one. */
export function targetPath(argument: unknown): string | undefined {
  if (typeof argument === 'string') return argument;
  if (typeof argument !== 'object' || argument === null) return undefined;
  if ('path' in argument && 'kind' in argument && typeof argument.path === 'string') return argument.path;
  if ('fsPath' in argument && typeof argument.fsPath === 'string') return argument.fsPath;
  return undefined;
}
