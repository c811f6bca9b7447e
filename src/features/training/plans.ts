/** The one way from a request to a plan: for the tree, the palette, the dashboard and tasks.json alike. */
import * as vscode from 'vscode';
import { makePlans } from '../../core/training/plan/makePlan';
import type { Plan } from '../../core/training/plan/plan';
import type { TrainingRequest } from '../../core/training/plan/taskDefinition';
import { findPython } from '../../platform/python';
import { settings } from '../../platform/settings';
import type { FeatureDeps } from '../deps';

/**
 * The plan for a request.
 *
 * @param root the workspace folder that trains
 * @throws PythonNotFound
 */
export async function planFor(deps: FeatureDeps, root: string, request: TrainingRequest): Promise<Plan> {
  const [plan] = await plansFor(deps, root, request, {});
  if (plan === undefined) throw new Error('A request without values makes one plan.');
  return plan;
}

/** One plan for each combination of one value per argument. */
export async function plansFor(
  deps: FeatureDeps,
  root: string,
  request: TrainingRequest,
  values: Readonly<Record<string, readonly string[]>>,
): Promise<Plan[]> {
  const scope = vscode.Uri.file(root);
  return makePlans(
    {
      ...request,
      workspaceRoot: root,
      interpreter: await findPython(root),
      script: settings.trainScript(scope),
      launcher: settings.launcher(scope),
      notValid: deps.validations.notValid(),
    },
    values,
  );
}
