/** Branch with New Hyperparameters…: what to change → new values → review → one run a combination of values. */
import * as vscode from 'vscode';
import { findArgument } from '../../core/arguments/arguments';
import type { Plan } from '../../core/training/plan/plan';
import type { FeatureDeps } from '../deps';
import { changeAndStart } from '../start/startPlans';
import type { Changes } from './chooseChanges';
import { chooseCheckpoint, type Named } from '../targets';

export async function branch(deps: FeatureDeps, named: Named): Promise<void> {
  await branchFrom(deps, named, vscode.l10n.t('Branch with New Hyperparameters'), () => new Map());
}

/** Half the learning rate is proposed: in the review, from where Escape leads to the list of arguments. */
export async function branchWithLowerRate(deps: FeatureDeps, named: Named): Promise<void> {
  await branchFrom(deps, named, vscode.l10n.t('Branch with a Lower Learning Rate'), (current) => {
    const rate = current.arguments.find(({ name }) => name === RATE)?.value;
    return typeof rate === 'number' && rate > 0 ? new Map([[RATE, [lowerRate(rate)]]]) : new Map();
  });
}

const RATE = 'learning_rate';

/** Half of it, in the few digits in which rates are written. */
function lowerRate(rate: number): string {
  return Number((rate / 2).toPrecision(3)).toExponential();
}

/** @param propose changes that are shown in the review at once; none: the list of arguments comes first */
async function branchFrom(
  deps: FeatureDeps,
  named: Named,
  question: string,
  propose: (current: Plan) => Changes,
): Promise<void> {
  const chosen = await chooseCheckpoint(deps, named, {
    title: question,
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
      propose,
    },
  );
}
