/** NPT: Show Disk Use: what runs take of the disk, the largest first; one that is chosen is shown in the tree. */
import * as vscode from 'vscode';
import { bytesFreed, bytesUsed, diskItems, type DiskItem } from '../../core/experiment/diskUse';
import type { Run } from '../../core/experiment/model';
import { formatBytes, formatCount } from '../../core/format';
import { showInformation } from '../../platform/messages';
import { pick } from '../../platform/picks';
import { withCancellableProgress } from '../../platform/progress';
import type { FeatureDeps } from '../deps';
import { chooseRuns, targetPaths, type Named } from '../targets';

interface RunUse {
  readonly run: Run;
  readonly items: readonly DiskItem[];
}

export async function showDiskUse(deps: FeatureDeps, named: Named): Promise<void> {
  await deps.workspaces.ready();
  const title = vscode.l10n.t('Disk Use');
  const none = vscode.l10n.t('There is no run in this workspace yet.');
  const runs =
    targetPaths(named).length === 0
      ? deps.workspaces.runs
      : await chooseRuns(deps, named, { title, none, accepts: () => true });
  if (runs.length === 0) {
    if (targetPaths(named).length === 0) void showInformation(none);
    return;
  }
  const found = await withCancellableProgress(
    vscode.l10n.t('Looking at what is on the disk'),
    async (signal, showShare, showMessage) => {
      const uses: RunUse[] = [];
      for (const [done, run] of runs.entries()) {
        showShare(done, runs.length);
        showMessage(run.name);
        uses.push({ run, items: await diskItems(run.path, signal) });
      }
      return uses;
    },
  );
  if (found === undefined) return;
  const rows = found.map(rowOf).sort((a, b) => b.bytes - a.bytes);
  const all = formatBytes(bytesUsed(found.flatMap(({ items }) => items)));
  const picked = await pick(rows, {
    title:
      rows.length === 1
        ? vscode.l10n.t('{0}: {1} on Disk', title, all)
        : vscode.l10n.t('{0}: {1} on Disk, {2} Runs', title, all, formatCount(rows.length)),
    placeHolder: vscode.l10n.t('Choose a run to show it in the tree'),
    matchOnDescription: true,
  });
  if (picked !== undefined) await vscode.commands.executeCommand('npt.reveal', picked.run.path);
}

function rowOf({ run, items }: RunUse) {
  const bytes = bytesUsed(items);
  const freed = bytesFreed(items);
  const count = run.checkpoints.length + (run.final === null ? 0 : 1);
  return {
    run,
    bytes,
    label: run.name,
    description: formatBytes(bytes),
    detail: [
      count === 1 ? vscode.l10n.t('1 checkpoint') : vscode.l10n.t('{0} checkpoints', formatCount(count)),
      freed === bytes ? null : vscode.l10n.t('{0} of it is also elsewhere, by other names', formatBytes(bytes - freed)),
    ]
      .filter((part) => part !== null)
      .join(' · '),
  };
}
