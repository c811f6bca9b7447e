/** NPT: Delete Run…: whole runs, to the trash where there is one; what would be lost and what stands in the way is said before. */
import * as vscode from 'vscode';
import { messageOf } from '../../core/errors';
import { DeletionError } from '../../core/experiment/deleteCheckpoints';
import {
  deleteRunForGood,
  planRunDeletion,
  stillGoes,
  type DoomedRun,
  type RunDeletionPlan,
} from '../../core/experiment/deleteRuns';
import type { Run } from '../../core/experiment/model';
import { Held } from '../../core/experiment/retention/held';
import { formatBytes, formatCount } from '../../core/format';
import { askProcess } from '../../core/training/launchers';
import { ask, showError, showInformation, showWarning } from '../../platform/messages';
import { withCancellableProgress } from '../../platform/progress';
import type { FeatureDeps } from '../deps';
import { chooseRuns, type Named } from '../targets';

/** Names that one sentence has room for. */
const NAMED = 5;

export async function deleteRuns(deps: FeatureDeps, named: Named): Promise<void> {
  const chosen = await chooseRuns(deps, named, {
    title: vscode.l10n.t('Delete Run'),
    none: vscode.l10n.t('There is no run in this workspace yet.'),
    accepts: () => true,
    evenOnly: true,
  });
  if (chosen.length === 0) return;
  const { workspaces } = deps;
  const plan = await withCancellableProgress(vscode.l10n.t('Looking at what would be deleted'), (signal) =>
    planRunDeletion(chosen, workspaces.runs, new Held(workspaces.all, workspaces.lineage), signal),
  );
  if (plan === undefined) return;
  const [refused] = plan.refused;
  if (plan.doomed.length === 0) {
    const more = plan.refused.length - 1;
    const line = refused === undefined ? '' : `${refused.run.name} ${refused.why}.`;
    void showError(more > 0 ? vscode.l10n.t('{0} So do {1} more.', line, more) : line);
    return;
  }
  // Over Remote-SSH, in containers and in a browser there is none.
  const trash = vscode.env.remoteName === undefined && vscode.env.uiKind === vscode.UIKind.Desktop;
  if (!(await confirmed(plan, trash))) return;
  const failed: string[] = [];
  let deleted = 0;
  /** Deletes those that still may go. @returns those that the trash does not take */
  const go = async (doomed: readonly DoomedRun[], toTrash: boolean): Promise<DoomedRun[]> => {
    const left: DoomedRun[] = [];
    for (const each of doomed) {
      try {
        await stillGoes(each, askProcess);
        if (toTrash && !(await moveToTrash(deps, each))) {
          left.push(each);
          continue;
        }
        if (!toTrash) await deleteRunForGood(each);
        deps.log.info(`deleted ${each.run.path}${toTrash ? ' (to the trash)' : ''}`);
        deleted += 1;
      } catch (error) {
        if (!(error instanceof DeletionError)) throw error;
        failed.push(error.message);
      }
    }
    return left;
  };
  const left = await go(plan.doomed, trash);
  if (left.length > 0 && (await confirmedForGood(left))) await go(left, false);
  await workspaces.rescan('changes');
  const [failure] = failed;
  if (failure !== undefined) void showWarning(failure);
  else if (deleted > 1) void showInformation(vscode.l10n.t('{0} runs were deleted.', formatCount(deleted)));
}

/** False where there is no trash for it after all: on another disk, or because the system has none. */
async function moveToTrash(deps: FeatureDeps, { run }: DoomedRun): Promise<boolean> {
  try {
    await vscode.workspace.fs.delete(vscode.Uri.file(run.path), { recursive: true, useTrash: true });
    return true;
  } catch (error) {
    deps.log.info(`${run.path} could not be taken to the trash: ${messageOf(error)}`);
    return false;
  }
}

async function confirmed(plan: RunDeletionPlan, trash: boolean): Promise<boolean> {
  const { doomed, refused, branches, pinned, starred, checkpoints, bytes } = plan;
  const [first] = doomed;
  const question =
    doomed.length === 1 && first !== undefined
      ? vscode.l10n.t('Delete {0} with its {1} checkpoints?', first.run.name, formatCount(checkpoints))
      : vscode.l10n.t(
          'Delete {0} runs with their {1} checkpoints?',
          formatCount(doomed.length),
          formatCount(checkpoints),
        );
  const inside = doomed.flatMap((each) => each.inside);
  const lines = [
    ...refused.slice(0, NAMED).map(({ run, why }) => `${run.name} ${why}.`),
    refused.length > NAMED ? vscode.l10n.t('{0} more stay.', refused.length - NAMED) : null,
    inside.length === 0 ? null : vscode.l10n.t('In their folders, too: {0}.', namesOf(inside)),
    branches.length === 0
      ? null
      : vscode.l10n.t('Branched from what goes, and kept, but without their past: {0}.', namesOf(branches)),
    starred.length === 0 ? null : vscode.l10n.t('Starred: {0}.', namesOf(starred)),
    pinned.length === 0 ? null : vscode.l10n.t('{0} of the checkpoints are pinned.', formatCount(pinned.length)),
    trash
      ? vscode.l10n.t('{0} go to the trash.', formatBytes(bytes))
      : vscode.l10n.t('There is no trash here. This frees {0} and cannot be undone.', formatBytes(bytes)),
  ].filter((line) => line !== null);
  const button = trash
    ? vscode.l10n.t('Move to Trash')
    : doomed.length === 1
      ? vscode.l10n.t('Delete for Good')
      : vscode.l10n.t('Delete {0} Runs for Good', formatCount(doomed.length));
  return (await ask(question, lines.join(' '), button)) === button;
}

async function confirmedForGood(doomed: readonly DoomedRun[]): Promise<boolean> {
  const button = vscode.l10n.t('Delete for Good');
  const question = vscode.l10n.t(
    'The trash does not take {0}. Delete for good?',
    namesOf(doomed.map(({ run }) => run)),
  );
  return (await ask(question, vscode.l10n.t('This cannot be undone.'), button)) === button;
}

function namesOf(runs: readonly Run[]): string {
  const names = runs.slice(0, NAMED).map(({ name }) => name);
  const more = runs.length - names.length;
  return more > 0 ? vscode.l10n.t('{0} and {1} more', names.join(', '), formatCount(more)) : names.join(', ');
}
