/** From a run or a checkpoint to elsewhere: its folder in the explorer, its config.json, and what a shell or a notebook takes. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { CONFIG } from '../../core/checkpoint/fileNames';
import { newestComplete, newestUsable } from '../../core/experiment/checkpoints';
import { exists } from '../../core/files';
import { shellCommand } from '../../core/training/commandLine';
import { shellCommandOf } from '../../core/training/launchers/shown';
import { loadSnippet } from '../../core/training/loadSnippet';
import { showError, showInformation } from '../../platform/messages';
import { needingPython } from '../../platform/python';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoint, chooseRuns, targetPath, targetPaths, type CheckpointOfRun, type Named } from '../targets';
import { planFor } from '../training/plans';

/** What is shown in an explorer: the node's folder or file, else a run that is asked for. */
async function placeOf(deps: FeatureDeps, named: Named, title: string): Promise<string | undefined> {
  const [first] = targetPaths({ argument: named.argument });
  if (first !== undefined) return first;
  const none = vscode.l10n.t('There is no run in this workspace yet.');
  return (await chooseRuns(deps, {}, { title, none, accepts: () => true }))[0]?.path;
}

export async function revealInExplorer(deps: FeatureDeps, named: Named): Promise<void> {
  const place = await placeOf(deps, named, vscode.l10n.t('Reveal in Explorer View'));
  if (place === undefined) return;
  const file = vscode.Uri.file(place);
  if (vscode.workspace.getWorkspaceFolder(file) === undefined) {
    void showInformation(vscode.l10n.t('{0} is in no folder that is open here.', place));
    return;
  }
  await vscode.commands.executeCommand('revealInExplorer', file);
}

export async function revealInFileManager(deps: FeatureDeps, named: Named): Promise<void> {
  if (vscode.env.remoteName !== undefined || vscode.env.uiKind !== vscode.UIKind.Desktop) {
    void showInformation(vscode.l10n.t('The files are on another machine: its file manager cannot be shown here.'));
    return;
  }
  const place = await placeOf(deps, named, vscode.l10n.t('Reveal in File Manager'));
  if (place !== undefined) await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(place));
}

/** Of a checkpoint its own, else its run's. */
export async function openConfig(deps: FeatureDeps, named: Named): Promise<void> {
  const runs = await chooseRuns(deps, named, {
    title: vscode.l10n.t('Open Configuration'),
    none: vscode.l10n.t('There is no run in this workspace yet.'),
    accepts: () => true,
  });
  const targets = targetPaths(named);
  for (const run of runs) {
    const own = targets
      .map((place) => deps.workspaces.checkpointAt(place))
      .find((found) => found?.run.path === run.path);
    const places = [...(own === undefined ? [] : [own.checkpoint.path]), run.path].map((at) => path.join(at, CONFIG));
    const found = await firstThere(places);
    if (found === undefined) void showInformation(vscode.l10n.t('{0} has no config.json.', run.name));
    else {
      const preview = runs.length === 1;
      await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(found), { preview });
    }
  }
}

async function firstThere(places: readonly string[]): Promise<string | undefined> {
  for (const place of places) if (await exists(place)) return place;
  return undefined;
}

/** @param trainer folder of the trainer that ships with the extension */
export async function copySnippet(deps: FeatureDeps, named: Named, trainer: string): Promise<void> {
  const chosen = await checkpointFor(deps, named, vscode.l10n.t('Copy Python to Load Checkpoint'));
  if (chosen === undefined) return;
  const root = deps.workspaces.rootOf(chosen.run);
  const own = await exists(path.join(root, 'npt', 'inference.py'));
  await vscode.env.clipboard.writeText(loadSnippet(chosen.checkpoint, own ? root : trainer));
  void showInformation(vscode.l10n.t('Copied Python that loads {0} of {1}.', chosen.checkpoint.name, chosen.run.name));
}

/** The command of the plan that Resume would start, with the folder that it is run in. */
export async function copyResumeCommand(deps: FeatureDeps, named: Named): Promise<void> {
  const chosen = await checkpointFor(deps, named, vscode.l10n.t('Copy Resume Command'));
  if (chosen === undefined) return;
  const { run, checkpoint } = chosen;
  await needingPython(async () => {
    // A run stays a run: what is newest when the command is run counts.
    const target = targetPath(named.argument) === run.path ? run.path : checkpoint.path;
    const plan = await planFor(deps, deps.workspaces.rootOf(run), { kind: 'resume', checkpoint: target });
    const wrong = plan.errors[0]?.message ?? plan.questions[0]?.message;
    if (wrong !== undefined) {
      void showError(wrong);
      return;
    }
    await vscode.env.clipboard.writeText(`cd ${shellCommand([plan.cwd])} && ${shellCommandOf(plan.argv, plan.launch)}`);
    void showInformation(vscode.l10n.t('Copied the command that resumes {0} of {1}.', checkpoint.name, run.name));
  });
}

function checkpointFor(deps: FeatureDeps, named: Named, title: string): Promise<CheckpointOfRun | undefined> {
  const notValid = deps.validations.notValid();
  return chooseCheckpoint(deps, named, {
    title,
    none: vscode.l10n.t('There is no complete checkpoint in this workspace yet.'),
    accepts: ({ state }) => state === 'complete',
    ofRun: (run) => [newestUsable(run, notValid) ?? newestComplete(run)].filter((newest) => newest !== undefined),
  });
}
