/** Branch with New Hyperparameters…: what to change → new values → review → one run a combination of values. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { makePlans } from '../../core/training/plan/makePlan';
import type { Plan } from '../../core/training/plan/plan';
import type { Checkpoint, Run } from '../../core/experiment/model';
import { findPython, needingPython } from '../../platform/python';
import { settings } from '../../platform/settings';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoint, type Named } from '../targets';
import type { Launcher } from '../training/launch';
import { reviewPlans } from '../training/review';
import { chooseChanges, type Changes } from './chooseChanges';

async function plansFor(deps: FeatureDeps, run: Run, checkpoint: Checkpoint, changes: Changes): Promise<Plan[]> {
  const root = deps.workspaces.rootOf(run);
  const scope = vscode.Uri.file(root);
  return makePlans(
    {
      kind: 'branch',
      checkpoint: checkpoint.path,
      workspaceRoot: root,
      interpreter: await findPython(root),
      script: settings.trainScript(scope),
      launcher: settings.launcher(scope),
    },
    Object.fromEntries(changes),
  );
}

async function branch(deps: FeatureDeps, launcher: Launcher, named: Named): Promise<void> {
  const title = vscode.l10n.t('Branch with New Hyperparameters');
  const chosen = await chooseCheckpoint(deps, named, {
    title,
    none: vscode.l10n.t('There is no complete checkpoint to branch from in this workspace yet.'),
    accepts: (checkpoint) => checkpoint.state === 'complete',
  });
  if (chosen === undefined) return;
  const { run, checkpoint } = chosen;
  const [current] = await plansFor(deps, run, checkpoint, new Map());
  if (current === undefined) return;
  const subject = vscode.l10n.t('Branch from {0} of {1}', checkpoint.name, run.name);
  let changes: Changes = new Map();
  // Escape in the review leads back to the list with what was typed so far; Escape in the list ends.
  for (;;) {
    const edited = await chooseChanges(subject, current, changes);
    if (edited === undefined) return;
    changes = edited;
    const plans = await plansFor(deps, run, checkpoint, changes);
    const names = plans.map((plan) => path.basename(plan.run));
    const start =
      plans.length === 1
        ? vscode.l10n.t('Start branch {0}', names[0] ?? '')
        : vscode.l10n.t('Start {0} branches: {1}', plans.length, names.join(', '));
    if (!(await reviewPlans(subject, start, plans))) continue;
    for (const plan of plans) {
      const changed = plan.arguments.filter((each) => each.source === 'changed');
      const started = await launcher.launch(plan, {
        type: 'npt',
        kind: 'branch',
        checkpoint: path.relative(plan.cwd, checkpoint.path),
        changes: Object.fromEntries(changed.map((each) => [each.name, String(each.value)])),
        name: path.basename(plan.run),
      });
      if (!started) return;
    }
    return;
  }
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps, launcher: Launcher): void {
  registerCommands(context, deps, {
    'npt.branch': (named) => needingPython(() => branch(deps, launcher, named)),
  });
}
