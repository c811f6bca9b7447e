/** NPT: Delete Checkpoint…: says what would be lost, asks, and deletes by the rule of core/experiment/deleteCheckpoints.ts. */
import * as vscode from 'vscode';
import {
  DeletionError,
  planDeletion,
  strandedText,
  type DeletionPlan,
  type Judge,
} from '../../core/experiment/deleteCheckpoints';
import { bytesFreed } from '../../core/experiment/diskUse';
import type { Run } from '../../core/experiment/model';
import { formatBytes } from '../../core/format';
import { ask, showError, showInformation, showWarning } from '../../platform/messages';
import { withCancellableProgress } from '../../platform/progress';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoints, type CheckpointOfRun, type Named } from '../targets';
import { carryOutDeletion, judgeOf } from './carryOut';

/** What of one run is to go. */
interface OfRun {
  readonly run: Run;
  readonly chosen: readonly CheckpointOfRun[];
  readonly plan: DeletionPlan;
}

export async function deleteChosen(deps: FeatureDeps, named: Named): Promise<void> {
  const chosen = await chooseCheckpoints(deps, named, {
    title: vscode.l10n.t('Delete Checkpoint'),
    none: vscode.l10n.t('There is no checkpoint in this workspace yet.'),
    accepts: (checkpoint) => checkpoint.state !== 'writing',
  });
  const written = chosen.find(({ checkpoint }) => checkpoint.state === 'writing');
  if (written !== undefined) {
    void showError(
      vscode.l10n.t(
        '{0} of {1} is being written. Delete it when that is done.',
        written.checkpoint.name,
        written.run.name,
      ),
    );
    return;
  }
  if (chosen.length === 0) return;
  const ofRuns = await withCancellableProgress(vscode.l10n.t('Looking at what would stay'), (signal) =>
    planAll(chosen, judgeOf(deps, signal)),
  );
  if (ofRuns === undefined) return;
  // Said before the question: a question whose answer is refused is none.
  const refused = ofRuns.find(({ plan }) => plan.strands.length > 0);
  const [stranded] = refused?.plan.strands ?? [];
  if (refused !== undefined && stranded !== undefined) {
    void showError(`${refused.run.name}: ${strandedText(stranded)}`);
    return;
  }
  if (!(await confirmed(deps, ofRuns))) return;
  for (const ofRun of ofRuns) await carryOut(deps, ofRun);
  await deps.workspaces.rescan('changes');
}

async function planAll(chosen: readonly CheckpointOfRun[], isValid: Judge): Promise<OfRun[]> {
  const planned: OfRun[] = [];
  for (const run of new Set(chosen.map((each) => each.run))) {
    const ofRun = chosen.filter((each) => each.run === run);
    const paths = ofRun.map(({ checkpoint }) => checkpoint.path);
    planned.push({ run, chosen: ofRun, plan: await planDeletion(paths, isValid) });
  }
  return planned;
}

/** The question, with all that would be lost. */
async function confirmed(deps: FeatureDeps, ofRuns: readonly OfRun[]): Promise<boolean> {
  const all = ofRuns.flatMap(({ chosen }) => chosen);
  const [first] = all;
  const question =
    all.length === 1 && first !== undefined
      ? vscode.l10n.t('Delete {0} of {1}?', first.checkpoint.name, first.run.name)
      : ofRuns.length === 1 && first !== undefined
        ? vscode.l10n.t('Delete {0} checkpoints of {1}?', all.length, first.run.name)
        : vscode.l10n.t('Delete {0} checkpoints of {1} runs?', all.length, ofRuns.length);
  const losesLast = ofRuns.some(({ plan }) => plan.losesLast);
  const bytes = bytesFreed(ofRuns.flatMap(({ plan }) => plan.doomed.flatMap(({ takes }) => takes)));
  const detail = [
    ...ofRuns.flatMap((ofRun) => losses(deps, ofRun)),
    vscode.l10n.t('This frees {0} and cannot be undone.', formatBytes(bytes)),
  ];
  const button = losesLast
    ? vscode.l10n.t('Delete the Last Valid Checkpoint')
    : all.length === 1
      ? vscode.l10n.t('Delete')
      : vscode.l10n.t('Delete {0} Checkpoints', all.length);
  return (await ask(question, detail.join(' '), button)) === button;
}

function losses(deps: FeatureDeps, { run, chosen, plan }: OfRun): string[] {
  const lines: string[] = [];
  if (plan.losesLast) {
    lines.push(vscode.l10n.t('No valid checkpoint of {0} would be left: it could not be resumed any more.', run.name));
  }
  for (const { checkpoint } of chosen) {
    const branches = deps.workspaces.lineage.branchesAt(checkpoint).length;
    if (checkpoint.best) lines.push(vscode.l10n.t('{0} is the best one.', checkpoint.name));
    if (checkpoint.pinned) lines.push(vscode.l10n.t('{0} is pinned.', checkpoint.name));
    if (branches === 1) lines.push(vscode.l10n.t('A run branched from {0}.', checkpoint.name));
    if (branches > 1) lines.push(vscode.l10n.t('{0} runs branched from {1}.', branches, checkpoint.name));
  }
  const links = plan.doomed.filter(({ link }) => link);
  if (links.length > 0) {
    const names = links.map(({ name }) => name).join(', ');
    lines.push(vscode.l10n.t('Of {0} only the link is deleted, what it leads to stays.', names));
  }
  return lines;
}

async function carryOut(deps: FeatureDeps, { run, plan }: OfRun): Promise<void> {
  try {
    const { deleted, kept } = await carryOutDeletion(deps, run, plan);
    const [first] = kept;
    if (first !== undefined) {
      void showWarning(vscode.l10n.t('{0} of {1} could not be deleted: it {2}.', first.name, run.name, first.reason));
    } else if (deleted.length > 1) {
      void showInformation(vscode.l10n.t('{0} checkpoints of {1} were deleted.', deleted.length, run.name));
    }
  } catch (error) {
    if (!(error instanceof DeletionError)) throw error;
    void showError(`${run.name}: ${error.message}`);
  }
}
