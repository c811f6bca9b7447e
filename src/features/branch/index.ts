/** Branch with New Hyperparameters…: what to change → new values → review → one run a combination of values. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { needingPython } from '../../platform/python';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoint, type Named } from '../targets';
import { planFor, plansFor } from '../training/plans';
import type { Changes } from './chooseChanges';

async function branch(deps: FeatureDeps, named: Named): Promise<void> {
  const title = vscode.l10n.t('Branch with New Hyperparameters');
  const chosen = await chooseCheckpoint(deps, named, {
    title,
    none: vscode.l10n.t('There is no complete checkpoint to branch from in this workspace yet.'),
    accepts: (checkpoint) => checkpoint.state === 'complete',
  });
  if (chosen === undefined) return;
  const { run, checkpoint } = chosen;
  const root = deps.workspaces.rootOf(run);
  const request = { kind: 'branch', checkpoint: checkpoint.path } as const;
  const current = await planFor(deps, root, request);
  const { chooseChanges, findArgument, reviewPlans } = await import('../../onDemand');
  const subject = vscode.l10n.t('Branch from {0} of {1}', checkpoint.name, run.name);
  let changes: Changes = new Map();
  // Escape in the review leads back to the list with what was typed so far; Escape in the list ends.
  for (;;) {
    const edited = await chooseChanges({
      title: subject,
      current,
      before: changes,
      offers: (name) => findArgument(name)?.branchable === true,
      unchanged: vscode.l10n.t('Branch without changes'),
      several: true,
    });
    if (edited === undefined) return;
    changes = edited;
    const plans = await plansFor(deps, root, request, Object.fromEntries(changes));
    const names = plans.map((plan) => path.basename(plan.run));
    const start =
      plans.length === 1
        ? vscode.l10n.t('Start branch {0}', names[0] ?? '')
        : vscode.l10n.t('Start {0} branches: {1}', plans.length, names.join(', '));
    if (!(await reviewPlans(subject, start, plans))) continue;
    await deps.starter.startAll(plans);
    return;
  }
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  registerCommands(context, deps, { 'npt.branch': (named) => needingPython(() => branch(deps, named)) });
}
