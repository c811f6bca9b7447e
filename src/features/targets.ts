/**
 * What a command acts on: what it was called with (a node of the tree, the selection around it, a path, a file's address),
 * or what the user then picks. Every command asks here, so that all of them understand the same things.
 */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { allCheckpoints } from '../core/experiment/checkpoints';
import type { Checkpoint, Run } from '../core/experiment/model';
import { formatAge, formatBytes, formatCount, formatValue } from '../core/format';
import { showError, showInformation, showWarning } from '../platform/messages';
import { pick, type PickRow } from '../platform/picks';
import type { FeatureDeps } from './deps';

/** What VS Code calls a command of the tree with: the node that was clicked, and all that are selected where it is one of them. */
export interface Named {
  readonly argument?: unknown;
  readonly selection?: unknown;
}

/** A checkpoint with the run that it is in. */
export interface CheckpointOfRun {
  readonly run: Run;
  readonly checkpoint: Checkpoint;
}

interface Question {
  /** The quick pick's title: what will be done. */
  readonly title: string;
  /** Said where the workspace has nothing to pick from. */
  readonly none: string;
}

export interface CheckpointQuestion extends Question {
  /** Which checkpoints are offered when the user picks one. */
  readonly accepts: (checkpoint: Checkpoint) => boolean;
  /** Which of its checkpoints a run stands for; without it, the command is about single checkpoints. */
  readonly ofRun?: (run: Run) => readonly Checkpoint[];
}

export interface RunQuestion extends Question {
  /** Said instead, where the workspace is not trusted: process.json comes with the folder, and so does whom it names. */
  readonly untrusted?: string;
  /** Asked also where there is but one: for what cannot be undone. */
  readonly evenOnly?: boolean;
  readonly accepts: (run: Run) => boolean;
}

/** The path that an argument names; undefined for anything that names none. */
export function targetPath(argument: unknown): string | undefined {
  if (typeof argument === 'string') return argument;
  if (typeof argument !== 'object' || argument === null) return undefined;
  if ('path' in argument && 'kind' in argument && typeof argument.path === 'string') return argument.path;
  if ('fsPath' in argument && typeof argument.fsPath === 'string') return argument.fsPath;
  return undefined;
}

/** The paths that a command was called with, each once; none when it was started from the palette. */
export function targetPaths({ argument, selection }: Named): string[] {
  const several = Array.isArray(selection) && selection.length > 1;
  const nodes: readonly unknown[] = several ? selection : [argument];
  return [...new Set(nodes.map(targetPath).filter((found) => found !== undefined))];
}

/** The checkpoints meant; none when the user gave up, or was told that there are none. */
export async function chooseCheckpoints(
  deps: FeatureDeps,
  named: Named,
  question: CheckpointQuestion,
): Promise<readonly CheckpointOfRun[]> {
  await deps.workspaces.ready();
  const paths = targetPaths(named);
  if (paths.length === 0) {
    const picked = await pickCheckpoint(deps, question);
    return picked === undefined ? [] : [picked];
  }
  const found = paths.flatMap((target) => checkpointsAt(deps, target, question));
  // Pages and palettes name what was there a moment ago.
  if (found.length === 0) tellGone(deps, paths[0] ?? '', question);
  return found;
}

/** The one checkpoint meant, for commands that act on one. */
export async function chooseCheckpoint(
  deps: FeatureDeps,
  named: Named,
  question: CheckpointQuestion,
): Promise<CheckpointOfRun | undefined> {
  return (await chooseCheckpoints(deps, { argument: named.argument }, question))[0];
}

function checkpointsAt(deps: FeatureDeps, target: string, { ofRun }: CheckpointQuestion): readonly CheckpointOfRun[] {
  const { workspaces } = deps;
  const found = workspaces.checkpointAt(target);
  if (found !== undefined) return [found];
  const run = workspaces.runAt(target);
  if (run === undefined) return [];
  if (run.path === target) return (ofRun?.(run) ?? []).map((checkpoint) => ({ run, checkpoint }));
  // A file of a checkpoint stands for the checkpoint.
  const checkpoint = allCheckpoints(run).find((each) => each.path === path.dirname(target));
  return checkpoint === undefined ? [] : [{ run, checkpoint }];
}

function tellGone(deps: FeatureDeps, target: string, { none }: Question): void {
  const run = deps.workspaces.runAt(target);
  const message =
    run?.path === target ? `${run.name}: ${none}` : vscode.l10n.t('{0} no longer exists.', path.basename(target));
  void showError(message);
}

/** The runs meant: those named, or whose checkpoints are named; none when the user gave up or was told that there are none. */
export async function chooseRuns(deps: FeatureDeps, named: Named, question: RunQuestion): Promise<readonly Run[]> {
  if (question.untrusted !== undefined && !vscode.workspace.isTrusted) {
    void showError(question.untrusted);
    return [];
  }
  const { workspaces } = deps;
  await workspaces.ready();
  const paths = targetPaths(named);
  if (paths.length === 0) {
    const picked = await pickRun(deps, question);
    return picked === undefined ? [] : [picked];
  }
  // A run that was born a moment ago may not have been seen yet.
  if (paths.some((target) => workspaces.runAt(target) === undefined)) await workspaces.rescan('changes');
  const runs = new Set(paths.map((target) => workspaces.runAt(target)).filter((run) => run !== undefined));
  if (runs.size === 0) {
    void showWarning(vscode.l10n.t('There is no training run at {0}.', paths[0] ?? ''));
  }
  return [...runs];
}

/** The one run meant, for commands that act on one. */
export async function chooseRun(deps: FeatureDeps, named: Named, question: RunQuestion): Promise<Run | undefined> {
  return (await chooseRuns(deps, { argument: named.argument }, question))[0];
}

interface CheckpointRow extends PickRow {
  readonly found?: CheckpointOfRun;
}

/** Asks for a checkpoint, newest first, grouped by run. */
async function pickCheckpoint(
  deps: FeatureDeps,
  { title, none, accepts }: CheckpointQuestion,
): Promise<CheckpointOfRun | undefined> {
  const now = Date.now() / 1000;
  const items = deps.workspaces.runs.flatMap((run): CheckpointRow[] => {
    const offered = [...allCheckpoints(run)].reverse().filter(accepts);
    if (offered.length === 0) return [];
    return [
      { label: run.name, heading: true },
      ...offered.map((checkpoint) => ({
        label: checkpoint.name,
        description: run.name,
        detail: [
          checkpoint.stage,
          checkpoint.loss === null ? null : vscode.l10n.t('loss {0}', formatValue(checkpoint.loss)),
          formatBytes(checkpoint.bytes),
          formatAge(checkpoint.time, now),
          checkpoint.best ? vscode.l10n.t('best') : null,
          checkpoint.state === 'complete' ? null : checkpoint.state,
        ]
          .filter((part) => part !== null)
          .join(' · '),
        found: { run, checkpoint },
      })),
    ];
  });
  if (items.length === 0) {
    void showInformation(none);
    return undefined;
  }
  const picked = await pick(items, {
    title,
    placeHolder: vscode.l10n.t('Choose a checkpoint'),
    matchOnDescription: true,
  });
  return picked?.found;
}

/** Asks for a run that fits; takes the only one without asking. */
async function pickRun(deps: FeatureDeps, { title, none, accepts, evenOnly }: RunQuestion): Promise<Run | undefined> {
  const runs = deps.workspaces.runs.filter(accepts);
  if (runs.length === 0) {
    void showInformation(none);
    return undefined;
  }
  if (runs.length === 1 && evenOnly !== true) return runs[0];
  const picked = await pick(
    runs.map((run) => ({
      label: run.name,
      description: `${run.state} · ${formatCount(run.step)}${run.maxSteps === null ? '' : ` / ${formatCount(run.maxSteps)}`}`,
      run,
    })),
    { title, placeHolder: vscode.l10n.t('Choose a run') },
  );
  return picked?.run;
}
