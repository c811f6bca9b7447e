/** Quick picks for commands that were started from the palette, without an item. */
import * as vscode from 'vscode';
import { formatAge, formatBytes, formatCount, formatValue } from '../core/format';
import type { Checkpoint, Run } from '../core/experiment/model';
import type { FeatureDeps } from './deps';

interface CheckpointItem extends vscode.QuickPickItem {
  readonly found?: { readonly run: Run; readonly checkpoint: Checkpoint };
}

/** Asks for a checkpoint, newest first, grouped by run. Says so when there is none. */
export async function pickCheckpoint(
  deps: FeatureDeps,
  title: string,
  accepts: (checkpoint: Checkpoint) => boolean,
): Promise<{ run: Run; checkpoint: Checkpoint } | undefined> {
  await deps.workspaces.ready();
  const now = Date.now() / 1000;
  const items = deps.workspaces.runs.flatMap((run): CheckpointItem[] => {
    const all = [...run.checkpoints]
      .reverse()
      .concat(run.final ?? [])
      .filter(accepts);
    if (all.length === 0) return [];
    return [
      { label: run.name, kind: vscode.QuickPickItemKind.Separator },
      ...all.map((checkpoint) => ({
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
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no such checkpoint in this workspace yet.'));
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: vscode.l10n.t('Choose a checkpoint'),
    matchOnDescription: true,
  });
  return picked?.found;
}

/** Asks for a run that fits; takes the only one without asking. */
export async function pickRun(
  deps: FeatureDeps,
  title: string,
  accepts: (run: Run) => boolean,
): Promise<Run | undefined> {
  await deps.workspaces.ready();
  const runs = deps.workspaces.runs.filter(accepts);
  if (runs.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no such run in this workspace.'));
    return undefined;
  }
  if (runs.length === 1) return runs[0];
  const picked = await vscode.window.showQuickPick(
    runs.map((run) => ({
      label: run.name,
      description: `${run.state} · ${formatCount(run.step)}${run.maxSteps === null ? '' : ` / ${formatCount(run.maxSteps)}`}`,
      run,
    })),
    { title, placeHolder: vscode.l10n.t('Choose a run') },
  );
  return picked?.run;
}
