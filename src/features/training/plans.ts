/** The one way from a request to a plan: for the tree, the palette, the dashboard and tasks.json alike. */
import * as vscode from 'vscode';
import type { LaunchRequest } from '../../core/training/launchers';
import type { Plan } from '../../core/training/plan/plan';
import type { PlanRequest } from '../../core/training/plan/request';
import type { TrainingRequest } from '../../core/training/plan/taskDefinition';
import { withStatus } from '../../platform/progress';
import { findPython } from '../../platform/python';
import { settings } from '../../platform/settings';
import type { FeatureDeps } from '../deps';

/** Where and with what a workspace folder trains, from its settings. */
export interface TrainingEnvironment extends Pick<PlanRequest, 'workspaceRoot' | 'interpreter' | 'script' | 'launch'> {
  /** Where new runs are made. */
  readonly experiments?: string | undefined;
}

/** A launcher, with values of its options, instead of what the settings say. */
export type ChosenLaunch = Pick<LaunchRequest, 'kind' | 'options'>;

/**
 * @param root the workspace folder that trains
 * @throws PythonNotFound
 */
export async function environmentOf(root: string, chosen?: ChosenLaunch): Promise<TrainingEnvironment> {
  const scope = vscode.Uri.file(root);
  const folder = vscode.workspace.getWorkspaceFolder(scope);
  return {
    workspaceRoot: root,
    experiments: folder === undefined ? undefined : experimentsIn(folder),
    interpreter: await findPython(root),
    script: settings.trainScript(scope),
    launch: settings.launch(scope, chosen),
  };
}

/** Where the tree looks for runs is where new ones are made; undefined for the usual place. */
function experimentsIn(folder: vscode.WorkspaceFolder): string | undefined {
  const { folder: named, isDefault } = settings.experimentsFolder(folder);
  return isDefault ? undefined : named;
}

/** The plan for a request. */
export async function planIn(
  deps: FeatureDeps,
  environment: TrainingEnvironment,
  request: TrainingRequest,
): Promise<Plan> {
  const { makePlan } = await import('../../onDemand');
  return makePlan({ ...request, ...environment, notValid: deps.validations.notValid(), askScript: asking() });
}

/**
 * The plan for a request.
 *
 * @param root the workspace folder that trains
 * @throws PythonNotFound
 */
export async function planFor(
  deps: FeatureDeps,
  root: string,
  request: TrainingRequest,
  chosen?: ChosenLaunch,
): Promise<Plan> {
  return planIn(deps, await environmentOf(root, chosen ?? request.launch), request);
}

/**
 * Plans that are started together.
 *
 * @throws PythonNotFound
 */
export async function plansFor(
  deps: FeatureDeps,
  root: string,
  requests: readonly TrainingRequest[],
  chosen?: ChosenLaunch,
): Promise<Plan[]> {
  const environment = await environmentOf(root, chosen ?? requests[0]?.launch);
  const notValid = deps.validations.notValid();
  const { makePlans } = await import('../../onDemand');
  return makePlans(requests.map((request) => ({ ...request, ...environment, notValid, askScript: asking() })));
}

/** How another trainer's script is asked for its options, which runs it; undefined where nothing may run. */
function asking(): PlanRequest['askScript'] {
  if (!vscode.workspace.isTrusted) return undefined;
  return async (question) => {
    const { askScript } = await import('../../onDemand');
    return withStatus(vscode.l10n.t('Asking {0} for its options…', question.script), askScript(question));
  };
}
