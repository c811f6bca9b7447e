/** A machine that was started anew ended what it trained: each such run is told of once, with the way on a click away. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { newestComplete } from '../../core/experiment/checkpoints';
import type { Run, RunProcess } from '../../core/experiment/model';
import { endedWithMachine } from '../../core/experiment/runningProcess';
import { firstToTell } from '../../core/experiment/toldOnce';
import { formatCount } from '../../core/format';
import { showWarning } from '../../platform/messages';
import type { FeatureDeps } from '../deps';

/** What was told of already, by whichever window: in the storage that all of them have in common. */
const TOLD = 'interruptedByRestart.json';

export function tellOfInterrupted(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const file = path.join(context.globalStorageUri.fsPath, TOLD);
  /** What this window has seen to. */
  const seen = new Set<string>();
  const look = (): void => {
    const found = new Map<string, Run>();
    for (const run of deps.workspaces.runs) {
      if (run.process === null || !endedWithMachine(run.process)) continue;
      const key = keyOf(run.process);
      if (!seen.has(key)) found.set(key, run);
    }
    if (found.size === 0) return;
    for (const key of found.keys()) seen.add(key);
    void tellFirst(deps, file, found);
  };
  context.subscriptions.push(deps.workspaces.onDidChange(look));
  look();
}

/** A process of one start of a machine, whose run may be renamed. */
function keyOf({ host, bootId, pid, startTicks, job }: RunProcess): string {
  return [host, bootId, pid, startTicks, job ?? ''].join(' ');
}

async function tellFirst(deps: FeatureDeps, file: string, found: ReadonlyMap<string, Run>): Promise<void> {
  for (const key of await firstToTell(file, [...found.keys()])) {
    const run = found.get(key);
    if (run !== undefined) void tell(deps, run);
  }
}

async function tell(deps: FeatureDeps, run: Run): Promise<void> {
  const newest = newestComplete(run);
  if (newest === undefined) {
    void showWarning(
      vscode.l10n.t('{0} was interrupted: this machine was restarted before it had saved a checkpoint.', run.name),
    );
    return;
  }
  const resume = vscode.l10n.t('Resume from {0}', newest.name);
  const answer = await showWarning(
    vscode.l10n.t(
      '{0} was interrupted at step {1}: this machine was restarted while it trained.',
      run.name,
      formatCount(run.step),
    ),
    ...(vscode.workspace.isTrusted ? [resume] : []),
  );
  if (answer !== resume) return;
  deps.log.info(`interrupted ${run.path}: resumes`);
  await vscode.commands.executeCommand('npt.resume', run.path);
}
