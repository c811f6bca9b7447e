/** The last step before anything runs: the plan, readable, with one line that starts it. */
import * as vscode from 'vscode';
import { formatCount, valueText } from '../../core/format';
import { launchFacts, shellCommandOf, type LaunchFact } from '../../core/training/launchers/shown';
import { findArgument } from '../../core/arguments/arguments';
import type { Plan, PlanMessage, PlannedArgument } from '../../core/training/plan/plan';
import { askText, pickUntil, type PickRow } from '../../platform/picks';

interface ReviewItem extends PickRow {
  readonly action?: 'start' | 'copy';
  /** The message that another value would settle. */
  readonly settles?: PlanMessage;
}

function typed(value: unknown): string {
  return valueText(value) || '–';
}

function separator(label: string): ReviewItem {
  return { label, heading: true };
}

/** What a message is about, from its code: `layer-mismatch` → "Layer mismatch"; the message itself stands below. */
function messageItem(icon: string, { code, message }: PlanMessage): ReviewItem {
  const subject = code.replaceAll('-', ' ');
  return { label: `${subject.charAt(0).toUpperCase()}${subject.slice(1)}`, icon, detail: message };
}

/** The messages, each with what would settle it where another value of an argument would. */
function messageItems(icon: string, messages: readonly PlanMessage[], offering: boolean): ReviewItem[] {
  return messages.flatMap((about) => {
    const { argument, proposal } = about;
    if (!offering || argument === undefined) return [messageItem(icon, about)];
    const label =
      proposal === undefined
        ? vscode.l10n.t('Change {0}…', argument)
        : vscode.l10n.t('Change {0}, for example to {1}…', argument, proposal);
    return [messageItem(icon, about), { label, icon: 'lightbulb', settles: about }];
  });
}

function changeItem(argument: PlannedArgument): ReviewItem {
  return {
    label: argument.name,
    icon: 'edit',
    description: `${typed(argument.previous)} → ${typed(argument.value)}`,
  };
}

function launchLabel(about: LaunchFact['about']): string {
  switch (about) {
    case 'launcher':
      return vscode.l10n.t('launcher');
    case 'variables':
      return vscode.l10n.t('environment');
    case 'envFile':
      return vscode.l10n.t('variables from');
    case 'modules':
      return vscode.l10n.t('modules');
    case 'conda':
      return vscode.l10n.t('conda environment');
    case 'restarts':
      return vscode.l10n.t('restarts at most');
  }
}

function planItems(plan: Plan, offering: boolean): ReviewItem[] {
  const changed = plan.arguments.filter((argument) => argument.source === 'changed');
  const kept = plan.arguments.filter((argument) => argument.source !== 'changed');
  const items: ReviewItem[] = [];
  if (plan.errors.length > 0) items.push(separator(vscode.l10n.t('errors')));
  items.push(...messageItems('error', plan.errors, offering));
  if (plan.warnings.length > 0) items.push(separator(vscode.l10n.t('warnings')));
  items.push(...messageItems('warning', plan.warnings, offering));
  if (changed.length > 0) items.push(separator(vscode.l10n.t('changes')), ...changed.map(changeItem));
  items.push(
    separator(vscode.l10n.t('curriculum')),
    ...plan.curriculum.map((stage) => ({
      label: stage.name,
      icon: stage.name === plan.stageAtStart ? 'arrow-right' : 'blank',
      description: `${formatCount(stage.from)} – ${formatCount(stage.until)}${stage.name === 'mixed' ? ` · ${vscode.l10n.t('ratio {0}', stage.mixingRatio)}` : ''}`,
    })),
    separator(vscode.l10n.t('how it starts')),
    ...launchFacts(plan.launch).map(({ about, text }) => ({
      label: launchLabel(about),
      icon: 'blank',
      description: text,
    })),
    separator(vscode.l10n.t('command')),
    {
      label: vscode.l10n.t('Copy Command'),
      icon: 'copy',
      detail: shellCommandOf(plan.argv, plan.launch),
      action: 'copy',
    },
    separator(vscode.l10n.t('unchanged arguments')),
    ...kept.map((argument) => ({
      label: argument.name,
      icon: 'blank',
      description: `${typed(argument.value)} · ${vscode.l10n.t('from {0}', argument.source)}`,
    })),
  );
  return items;
}

/**
 * Shows plans and waits for a decision. Several plans (one a value) are reviewed together.
 * @returns true when the user starts them.
 */
export async function reviewPlans(title: string, startLabel: string, plans: readonly Plan[]): Promise<boolean> {
  return (await decide(title, startLabel, plans, false))?.action === 'start';
}

/**
 * Shows a plan until it is started or given up; what another value would settle can be given one.
 *
 * @param again makes the plan with these changes, as typed, by argument
 * @returns the plan to start; undefined when it was given up
 */
export async function reviewPlan(
  title: string,
  startLabel: (plan: Plan) => string,
  plan: Plan,
  again: (changes: Readonly<Record<string, string>>) => Promise<Plan | undefined>,
): Promise<Plan | undefined> {
  const changes: Record<string, string> = {};
  let shown = plan;
  for (;;) {
    const decision = await decide(title, startLabel(shown), [shown], true);
    if (decision === undefined || decision.action === 'start') return decision && shown;
    const { argument = '', proposal = '' } = decision.settles ?? {};
    const known = findArgument(argument);
    const typed = await askText({
      title: `${title}: ${argument}`,
      prompt: known?.description ?? '',
      value: proposal,
      ignoreFocusOut: true,
      problem: (text) => known?.validate(text) ?? undefined,
    });
    // Escape leads back to the plan as it was.
    if (typed === undefined) continue;
    changes[argument] = typed;
    const next = await again({ ...changes });
    if (next === undefined) return undefined;
    shown = next;
  }
}

async function decide(
  title: string,
  startLabel: string,
  plans: readonly Plan[],
  offering: boolean,
): Promise<ReviewItem | undefined> {
  const blocked = plans.some((plan) => plan.errors.length > 0);
  const items: ReviewItem[] = blocked ? [] : [{ label: startLabel, icon: 'rocket', action: 'start' }];
  for (const plan of plans) {
    if (plans.length > 1) items.push(separator(plan.run));
    items.push(...planItems(plan, offering));
  }
  const placeHolder = blocked
    ? vscode.l10n.t('This cannot start. Press Escape and change it.')
    : vscode.l10n.t('Review, then press Enter to start');
  return pickUntil(
    items,
    { title, placeHolder, matchOnDescription: true, matchOnDetail: true, ignoreFocusOut: true },
    ({ action, settles }) => {
      if (action === 'copy') {
        void vscode.env.clipboard.writeText(plans.map((plan) => shellCommandOf(plan.argv, plan.launch)).join('\n'));
      }
      return action === 'start' || settles !== undefined;
    },
  );
}
