/** An `npt` task as tasks.json writes it (package.json, `taskDefinitions`): read into a request, and made from a plan. */
import path from 'node:path';
import { valueText } from '../../format';
import { PLAN_KINDS, type Plan, type PlanKind } from './plan';
import type { PlanRequest } from './planDraft';
import { inWorkspace } from './trainerScript';

export interface TaskDefinition {
  readonly type: 'npt';
  readonly kind: PlanKind;
  /** The checkpoint's folder, or a run's; absolute, or relative to the workspace folder. */
  readonly checkpoint: string;
  readonly changes?: Readonly<Record<string, string | number | boolean>>;
  readonly additionalSteps?: number;
  /** Folder name of a new run. */
  readonly name?: string;
}

/** What to train; every path absolute. Where and with what it trains comes from the workspace's settings. */
export type TrainingRequest = Pick<PlanRequest, 'kind' | 'checkpoint' | 'changes' | 'additionalSteps' | 'name'>;

/**
 * What somebody wrote in tasks.json, as a request.
 *
 * @param root absolute path of the workspace folder
 * @returns in one line what is wrong with it, where it is no request
 */
export function requestOf(definition: Readonly<Record<string, unknown>>, root: string): TrainingRequest | string {
  const { kind, checkpoint, changes = {}, additionalSteps, name } = definition;
  const known = PLAN_KINDS.find((each) => each === kind);
  if (known === undefined) return `"kind" is ${shown(kind)}: write ${PLAN_KINDS.join(', ')}.`;
  if (typeof checkpoint !== 'string' || checkpoint.trim() === '') {
    return `"checkpoint" is ${shown(checkpoint)}: write the path of a checkpoint or of a run.`;
  }
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) {
    return `"changes" is ${shown(changes)}: write an object of arguments and their values.`;
  }
  const typed = new Map<string, string>();
  for (const [argument, value] of Object.entries(changes as Record<string, unknown>)) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      return `"changes" gives ${argument} the value ${shown(value)}: write a text, a number, true or false.`;
    }
    typed.set(argument, String(value));
  }
  if (additionalSteps !== undefined && !(Number.isSafeInteger(additionalSteps) && Number(additionalSteps) > 0)) {
    return `"additionalSteps" is ${shown(additionalSteps)}: write a whole number from 1.`;
  }
  if (name !== undefined && typeof name !== 'string') return `"name" is ${shown(name)}: write the name of a folder.`;
  return {
    kind: known,
    checkpoint: path.resolve(root, checkpoint),
    changes: Object.fromEntries(typed),
    additionalSteps: additionalSteps === undefined ? undefined : Number(additionalSteps),
    name,
  };
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}

/** A plan as tasks.json would ask for it. */
export function definitionOf(plan: Plan): TaskDefinition {
  const changed = plan.arguments.filter((argument) => argument.source === 'changed');
  return {
    type: 'npt',
    kind: plan.kind,
    checkpoint: inWorkspace(plan.checkpoint, plan.cwd),
    ...(changed.length === 0
      ? {}
      : { changes: Object.fromEntries(changed.map(({ name, value }) => [name, valueText(value)])) }),
    ...(plan.kind === 'branch' ? { name: path.basename(plan.run) } : {}),
  };
}
