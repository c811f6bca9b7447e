/** The last step before anything runs: the plans, readable, what would settle what is in the way, and one line that starts. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { findArgument } from '../../core/arguments/arguments';
import { shellCommandOf } from '../../core/training/launchers/shown';
import { checkRunName } from '../../core/experiment/runName';
import type { Plan } from '../../core/training/plan/plan';
import { renderPlans } from '../../core/training/plan/renderPlans';
import type { TrainingRequest } from '../../core/training/plan/taskDefinition';
import { askText, pickUntil } from '../../platform/picks';
import type { FeatureDeps } from '../deps';
import type { ChosenLaunch } from '../training/plans';
import { chooseLaunch } from './chooseLaunch';
import { applyRemedy } from './remedies';
import { reviewRows, type ReviewAction } from './rows';
import { savePreset } from './savePreset';
import { saveTasks } from './saveTasks';

export interface ReviewQuestion {
  readonly title: string;
  /** What starts them, as the row says it. */
  readonly startLabel: (plans: readonly Plan[]) => string;
  readonly requests: readonly TrainingRequest[];
  /** A plan a request; undefined where that was given up. */
  readonly make: (
    requests: readonly TrainingRequest[],
    launch: ChosenLaunch | undefined,
  ) => Promise<readonly Plan[] | undefined>;
}

/**
 * Shows the plans until they are started or given up. What stands in the way can be settled, new runs can be named.
 *
 * @returns the plans to start; undefined when it was given up; `elsewhere` where something was opened in which the user goes on
 */
export async function review(
  deps: FeatureDeps,
  question: ReviewQuestion,
): Promise<readonly Plan[] | 'elsewhere' | undefined> {
  let { requests } = question;
  let launch: ChosenLaunch | undefined;
  for (;;) {
    const plans = await question.make(requests, launch);
    if (plans === undefined) return 'elsewhere';
    const action = await decide(question, plans, launch === undefined);
    switch (action?.kind) {
      case undefined:
        return undefined;
      case 'start':
        return plans;
      case 'report':
        await deps.reports.show(question.title, plans.map(({ run }) => run).join('\n'), renderPlans(plans));
        return 'elsewhere';
      case 'task':
        await saveTasks(plans);
        break;
      case 'preset':
        if (plans[0] !== undefined) await savePreset(plans[0]);
        break;
      case 'settle':
        requests = await settle(question.title, requests, action.message, action.plans);
        break;
      case 'answer':
        requests = await settle(question.title, requests, action.question, [...requests.keys()]);
        break;
      case 'remedy': {
        const remedied = await remedy(deps, plans, requests, action);
        if (remedied === undefined) return 'elsewhere';
        requests = remedied;
        break;
      }
      case 'launch': {
        const chosen = await chooseLaunch(question.title, plans);
        if (chosen === undefined) break;
        ({ launch } = chosen);
        const { changes } = chosen;
        requests = requests.map((request) => ({ ...request, changes: { ...request.changes, ...changes } }));
        break;
      }
      case 'rename':
        requests = await rename(question.title, requests, plans, action.plan);
        break;
      case 'copy':
        break;
    }
  }
}

async function decide(
  { title, startLabel }: ReviewQuestion,
  plans: readonly Plan[],
  launchIsSet: boolean,
): Promise<ReviewAction | undefined> {
  const blocked = plans.some((plan) => plan.errors.length > 0);
  const placeHolder = blocked
    ? vscode.l10n.t('This cannot start as it is')
    : vscode.l10n.t('Review, then press Enter to start');
  const picked = await pickUntil(
    reviewRows(startLabel(plans), plans, launchIsSet),
    { title, placeHolder, matchOnDescription: true, matchOnDetail: true, ignoreFocusOut: true },
    ({ action }) => {
      if (action?.kind !== 'copy') return action !== undefined;
      void vscode.env.clipboard.writeText(plans.map((plan) => shellCommandOf(plan.argv, plan.launch)).join('\n'));
      return false;
    },
  );
  return picked?.action;
}

/** @returns undefined where what the remedy opened goes on elsewhere */
async function remedy(
  deps: FeatureDeps,
  plans: readonly Plan[],
  requests: readonly TrainingRequest[],
  { remedy: chosen, plans: where }: Extract<ReviewAction, { kind: 'remedy' }>,
): Promise<readonly TrainingRequest[] | undefined> {
  const [plan] = plans;
  if (plan === undefined) return undefined;
  const place = { root: plan.cwd, interpreter: plan.interpreter };
  const concerned = requests.filter((_, at) => where.includes(at));
  const remedied = await applyRemedy(deps, chosen, place, concerned);
  return remedied && requests.map((request, at) => remedied[where.indexOf(at)] ?? request);
}

/** Escape leads back to the plans as they were. */
async function settle(
  title: string,
  requests: readonly TrainingRequest[],
  { argument = '', proposal }: { readonly argument?: string; readonly proposal?: string | null },
  where: readonly number[],
): Promise<readonly TrainingRequest[]> {
  const known = findArgument(argument);
  const typed = await askText({
    title: `${title}: ${argument}`,
    prompt: known?.description ?? '',
    value: proposal ?? '',
    ignoreFocusOut: true,
    problem: (text) => known?.validate(text) ?? undefined,
  });
  if (typed === undefined) return requests;
  return requests.map((request, at) =>
    where.includes(at) ? { ...request, changes: { ...request.changes, [argument]: typed } } : request,
  );
}

async function rename(
  title: string,
  requests: readonly TrainingRequest[],
  plans: readonly Plan[],
  which: number,
): Promise<readonly TrainingRequest[]> {
  const run = plans[which]?.run ?? '';
  const others = plans.filter((_, at) => at !== which).map((plan) => path.basename(plan.run));
  const name = await askText({
    title,
    prompt: vscode.l10n.t('Name of the new run: a folder beside the others.'),
    value: path.basename(run),
    ignoreFocusOut: true,
    problem: async (text) => {
      if (others.includes(text.trim())) return vscode.l10n.t('Another of these runs is named {0}.', text.trim());
      return (await checkRunName(text, path.dirname(run)))?.message;
    },
  });
  if (name === undefined) return requests;
  return requests.map((request, at) => (at === which ? { ...request, name: name.trim() } : request));
}
