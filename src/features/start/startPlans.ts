/** From a request to trainers: what may be changed, the review, the start. Every command that starts training ends here. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { requestsFor } from '../../core/training/plan/makePlan';
import type { Plan } from '../../core/training/plan/plan';
import type { TrainingRequest } from '../../core/training/plan/taskDefinition';
import { formatCount } from '../../core/format';
import { chooseChanges, type Changes } from '../branch/chooseChanges';
import type { FeatureDeps } from '../deps';
import { review } from '../review/review';
import { planFor, plansFor } from '../training/plans';

export interface Starting {
  readonly title: string;
  /** The workspace folder that trains. */
  readonly root: string;
  readonly request: TrainingRequest;
}

export function startLabel(plans: readonly Plan[]): string {
  const names = plans.map((plan) => path.basename(plan.run));
  const [plan] = plans;
  if (plans.length !== 1 || plan === undefined) {
    return vscode.l10n.t('Start {0} runs: {1}', plans.length, names.join(', '));
  }
  if (plan.parent !== null) return vscode.l10n.t('Start branch {0}', names[0] ?? '');
  return plan.newRun
    ? vscode.l10n.t('Start new run {0}', names[0] ?? '')
    : vscode.l10n.t('Start {0} from step {1}', names[0] ?? '', formatCount(plan.startStep));
}

/**
 * Reviews what the requests would run, and starts it.
 *
 * @returns false where it was given up in the review
 */
export async function reviewAndStart(
  deps: FeatureDeps,
  { title, root, request }: Starting,
  values: Readonly<Record<string, readonly string[]>> = {},
): Promise<boolean> {
  const plans = await review(deps, {
    title,
    startLabel,
    requests: requestsFor(request, values),
    make: (requests, launch) => plansFor(deps, root, requests, launch),
  });
  if (plans === undefined) return false;
  if (plans !== 'elsewhere') await deps.starter.startAll(plans);
  return true;
}

export interface ChangesOffered {
  readonly offers: (name: string) => boolean;
  /** What goes on without a change. */
  readonly unchanged: string;
  /** Changes that are reviewed before anybody is asked for others. */
  readonly propose?: (current: Plan) => Changes;
}

/** As `reviewAndStart`, with the list of arguments first. Escape in the review leads back to it with what was typed. */
export async function changeAndStart(deps: FeatureDeps, starting: Starting, offered: ChangesOffered): Promise<void> {
  const { title, root, request } = starting;
  const current = await planFor(deps, root, request);
  let changes: Changes = offered.propose?.(current) ?? new Map();
  if (changes.size > 0 && (await reviewAndStart(deps, starting, Object.fromEntries(changes)))) return;
  for (;;) {
    const edited = await chooseChanges({ title, current, before: changes, ...offered, several: true });
    if (edited === undefined) return;
    changes = edited;
    if (await reviewAndStart(deps, starting, Object.fromEntries(changes))) return;
  }
}
