/** NPT: Rename Run…: a new name for its folder, after what would no longer find it was said. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Run, Workspace } from '../../core/experiment/model';
import { planRename, RenameError, renameObstacle, renameRun, type RenamePlan } from '../../core/experiment/renameRun';
import { renameNotes } from '../../core/training/renameNotes';
import { markdownText } from '../../core/plainText';
import { ask, showError } from '../../platform/messages';
import { moveEditors, unsavedIn } from '../../platform/movedFolder';
import { askText } from '../../platform/picks';
import type { FeatureDeps } from '../deps';
import { chooseRun, type Named } from '../targets';

/** How long the model may take to show the run under its new name, ms; then it is not revealed. */
const SEEN_MS = 10_000;

export async function renameChosen(deps: FeatureDeps, named: Named): Promise<void> {
  const title = vscode.l10n.t('Rename Run');
  const none = vscode.l10n.t('There is no run in this workspace yet.');
  const run = await chooseRun(deps, named, { title, none, accepts: () => true });
  if (run === undefined) return;
  try {
    await rename(deps, run, title);
  } catch (error) {
    if (!(error instanceof RenameError)) throw error;
    void showError(error.message);
  }
}

async function rename(deps: FeatureDeps, run: Run, title: string): Promise<void> {
  const { workspaces } = deps;
  const home = workspaces.workspaceOf(run.path);
  const obstacle = home === undefined ? null : await renameObstacle(run, home);
  if (obstacle !== null) throw new RenameError(obstacle);
  const unsaved = unsavedIn(run.path);
  if (unsaved !== undefined)
    throw new RenameError(
      vscode.l10n.t('{0} of {1} is edited and not saved: save it, then rename the run.', unsaved, run.name),
    );
  const typed = await askText({
    title: `${title}: ${run.name}`,
    prompt: vscode.l10n.t('The folder’s new name. Branches go on finding the run by its id.'),
    value: path.basename(run.path),
    problem: async (text) => {
      if (text.trim() === path.basename(run.path)) return undefined;
      try {
        await planRename(run, text, workspaces.all);
        return undefined;
      } catch (error) {
        if (error instanceof RenameError) return error.message;
        throw error;
      }
    },
  });
  if (typed === undefined || typed.trim() === path.basename(run.path)) return;
  // Made anew: much can have happened while the name was typed.
  const plan = await planRename(run, typed, workspaces.all);
  if (!(await agreed(plan, workspaces.all))) return;
  await renameRun(plan);
  deps.log.info(`renamed ${run.path} to ${plan.to}`);
  await moveEditors(run.path, plan.to);
  const now = vscode.l10n.t('{0} is called {1} since this was written.', run.name, plan.name);
  deps.reports.moved(run.path, plan.to, `*${markdownText(now)}*`);
  await workspaces.rescan('changes');
  const seen = await workspaces.until(() => {
    const now = workspaces.runAt(plan.to);
    return now?.path === plan.to ? now : undefined;
  }, SEEN_MS);
  if (seen !== undefined) await vscode.commands.executeCommand('npt.reveal', seen.path);
}

/** Asks only where something goes by the name alone, or by the path. */
async function agreed(plan: RenamePlan, workspaces: readonly Workspace[]): Promise<boolean> {
  const roots = workspaces.map(({ root }) => root);
  const told = await renameNotes(plan, roots);
  if (told.length === 0) return true;
  const go = vscode.l10n.t('Rename');
  return (await ask(vscode.l10n.t('Rename {0} to {1}?', plan.run.name, plan.name), told.join('\n\n'), go)) === go;
}
