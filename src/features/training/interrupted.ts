/** A machine that was started anew ended what it trained: each such run is told of once, with the way on a click away. */
import * as vscode from 'vscode';
import { newestComplete } from '../../core/experiment/checkpoints';
import type { Run } from '../../core/experiment/model';
import { endedWithMachine } from '../../core/experiment/runningProcess';
import { formatCount } from '../../core/format';
import { showWarning } from '../../platform/messages';
import type { FeatureDeps } from '../deps';

/** What was told of already, in this workspace's storage: a process of a start of the machine. */
const TOLD = 'npt.interruptedByRestart';

export function tellOfInterrupted(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const told = new Set(context.workspaceState.get<readonly string[]>(TOLD, []));
  const look = (): void => {
    const runs = deps.workspaces.runs.filter((run) => run.process !== null && endedWithMachine(run.process));
    const found = runs.map((run) => [run, keyOf(run)] as const).filter(([, key]) => !told.has(key));
    if (found.length === 0) return;
    for (const [run, key] of found) {
      told.add(key);
      void tell(deps, run);
    }
    // Of earlier starts only what is still there is remembered.
    void context.workspaceState.update(TOLD, runs.map(keyOf));
  };
  context.subscriptions.push(deps.workspaces.onDidChange(look));
  look();
}

function keyOf({ path, process }: Run): string {
  return `${path} ${process?.bootId ?? ''} ${process?.pid ?? ''}`;
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
