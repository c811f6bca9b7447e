/** Compare Checkpoints: two from the tree or the palette; a report, and the difference of their configurations. */
import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Comparison } from '../../core/checkpoint/compare/compare';
import { CONFIG } from '../../core/checkpoint/fileNames';
import { renderComparison, summarizeComparison } from '../../core/checkpoint/report/renderComparison';
import { CheckpointPathError } from '../../core/checkpoint/pathErrors';
import { withCancellableProgress } from '../../platform/progress';
import { showError, showInformation } from '../../platform/messages';
import { showDifference } from '../../platform/editors';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoint, targetPaths, type CheckpointOfRun, type Named } from '../targets';

/** What the command gives to whoever runs it from code. */
export interface ShownComparison {
  readonly comparison: Comparison;
  /** The Markdown document that the preview shows. */
  readonly report: vscode.Uri;
}

/**
 * The two checkpoints: those of the selection, the missing ones picked. The earlier one comes first, so that a change is
 * a change over time, in whichever order they were clicked. Undefined when the user gave up, or chose too many.
 */
async function chooseTwo(
  deps: FeatureDeps,
  named: Named,
): Promise<readonly [CheckpointOfRun, CheckpointOfRun] | undefined> {
  await deps.workspaces.ready();
  const chosen = targetPaths(named)
    .map((candidate): CheckpointOfRun | undefined => deps.workspaces.checkpointAt(candidate))
    .filter((found) => found !== undefined);
  if (chosen.length > 2) {
    void showError(vscode.l10n.t('{0} checkpoints are selected: select the two to compare.', chosen.length));
    return undefined;
  }
  while (chosen.length < 2) {
    const [first] = chosen;
    const title =
      first === undefined
        ? vscode.l10n.t('Compare Checkpoints: Choose the First')
        : vscode.l10n.t('Compare {0} of {1} With', first.checkpoint.name, first.run.name);
    const picked = await chooseCheckpoint(
      deps,
      {},
      {
        title,
        none: vscode.l10n.t('This workspace does not have two checkpoints to compare yet.'),
        accepts: (checkpoint) => checkpoint.state !== 'writing' && checkpoint.path !== first?.checkpoint.path,
      },
    );
    if (picked === undefined) return undefined;
    chosen.push(picked);
  }
  chosen.sort((x, y) => x.checkpoint.step - y.checkpoint.step || x.checkpoint.time - y.checkpoint.time);
  return chosen as [CheckpointOfRun, CheckpointOfRun];
}

function titleOf({ run, checkpoint }: CheckpointOfRun, other: CheckpointOfRun): string {
  return run.path === other.run.path ? checkpoint.name : `${run.name} ${checkpoint.name}`;
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch {
    // Older checkpoints have none.
    return false;
  }
}

async function tell(a: CheckpointOfRun, b: CheckpointOfRun, summary: string): Promise<void> {
  const [left, right] = [path.join(a.checkpoint.path, CONFIG), path.join(b.checkpoint.path, CONFIG)];
  const open = vscode.l10n.t('Compare Configurations');
  const buttons = (await isFile(left)) && (await isFile(right)) ? [open] : [];
  const names = `${titleOf(a, b)} ↔ ${titleOf(b, a)}`;
  const answer = await showInformation(`${names}: ${summary}`, ...buttons);
  if (answer !== open) return;
  await showDifference(vscode.Uri.file(left), vscode.Uri.file(right), `${CONFIG}: ${names}`);
}

export async function compare(deps: FeatureDeps, named: Named): Promise<ShownComparison | undefined> {
  const chosen = await chooseTwo(deps, named);
  if (chosen === undefined) return undefined;
  const [a, b] = chosen;
  let comparison: Comparison | undefined;
  try {
    comparison = await withCancellableProgress(
      vscode.l10n.t('Comparing {0} and {1}', titleOf(a, b), titleOf(b, a)),
      (signal, onProgress) => deps.checkpoints.compare(a.checkpoint.path, b.checkpoint.path, { signal, onProgress }),
    );
  } catch (error) {
    if (!(error instanceof CheckpointPathError)) throw error;
    void showError(error.message);
    return undefined;
  }
  if (comparison === undefined) return undefined;
  const summary = summarizeComparison(comparison);
  deps.log.info(`compare ${a.checkpoint.path} ${b.checkpoint.path}: ${summary}`);
  const report = await deps.reports.show(
    `${titleOf(a, b)} ↔ ${titleOf(b, a)}`,
    `${a.checkpoint.path}\n${b.checkpoint.path}`,
    renderComparison(comparison),
  );
  // Not awaited: the notification stays as long as it likes, the command is done.
  void tell(a, b, summary);
  return { comparison, report };
}
