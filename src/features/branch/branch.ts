/** Branch with New Hyperparameters…: what to change → new values → review → one run a combination of values. */
import * as vscode from 'vscode';
import { findArgument } from '../../core/arguments/arguments';
import type { FeatureDeps } from '../deps';
import { changeAndStart } from '../start/startPlans';
import { chooseCheckpoint, type Named } from '../targets';

export async function branch(deps: FeatureDeps, named: Named): Promise<void> {
  const chosen = await chooseCheckpoint(deps, named, {
    title: vscode.l10n.t('Branch with New Hyperparameters'),
    none: vscode.l10n.t('There is no complete checkpoint to branch from in this workspace yet.'),
    accepts: (checkpoint) => checkpoint.state === 'complete',
  });
  if (chosen === undefined) return;
  const { run, checkpoint } = chosen;
  const title = vscode.l10n.t('Branch from {0} of {1}', checkpoint.name, run.name);
  await changeAndStart(
    deps,
    { title, root: deps.workspaces.rootOf(run), request: { kind: 'branch', checkpoint: checkpoint.path } },
    {
      offers: (name) => findArgument(name)?.branchable === true,
      unchanged: vscode.l10n.t('Branch without changes'),
    },
  );
}
