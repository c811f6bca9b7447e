/** What a plan's remedies do: each is data, and says itself what it is called. */
import * as vscode from 'vscode';
import { withRemedy } from '../../core/training/plan/request';
import type { PlanRemedy } from '../../core/training/plan/plan';
import type { TrainingRequest } from '../../core/training/plan/taskDefinition';
import { chooseInterpreter } from '../../platform/python';
import { openSetting } from '../../platform/settings';
import type { FeatureDeps } from '../deps';
import { install } from '../environment/makeEnvironment';

const STOPS_WITHIN_MS = 300_000;

export interface Remedied {
  /** The training workspace. */
  readonly root: string;
  readonly interpreter: string;
}

/**
 * @param requests those whose plans have the message
 * @returns the requests to make plans of once more; undefined where what was opened goes on elsewhere
 */
export async function applyRemedy(
  deps: FeatureDeps,
  remedy: PlanRemedy,
  { root, interpreter }: Remedied,
  requests: readonly TrainingRequest[],
): Promise<readonly TrainingRequest[] | undefined> {
  switch (remedy.kind) {
    case 'plan':
      return requests.map((request) => withRemedy(request, remedy.request));
    case 'stop': {
      await vscode.commands.executeCommand('npt.stop', remedy.run);
      const { workspaces } = deps;
      await workspaces.until(() => workspaces.runAt(remedy.run)?.state !== 'training' || undefined, STOPS_WITHIN_MS);
      return requests;
    }
    case 'choose-interpreter':
      await chooseInterpreter(root);
      return undefined;
    case 'create-workspace':
      await vscode.commands.executeCommand('npt.createWorkspace');
      return undefined;
    case 'install-requirements':
      return (await install(root, interpreter)) ? requests : undefined;
    case 'open-setting':
      await openSetting(remedy.name);
      return undefined;
  }
}
