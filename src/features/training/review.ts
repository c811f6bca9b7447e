/** The last step before anything runs: the plan, readable, with one line that starts it. */
import * as vscode from 'vscode';
import { formatCount, valueText } from '../../core/format';
import { shellCommand } from '../../core/training/commandLine';
import type { Plan, PlannedArgument } from '../../core/training/plan/plan';
import { pickUntil, type PickRow } from '../../platform/picks';

interface ReviewItem extends PickRow {
  readonly action?: 'start' | 'copy';
}

function typed(value: unknown): string {
  return valueText(value) || '–';
}

function separator(label: string): ReviewItem {
  return { label, heading: true };
}

/** What a message is about, from its code: `layer-mismatch` → "Layer mismatch"; the message itself stands below. */
function messageItem(icon: string, { code, message }: Plan['warnings'][number]): ReviewItem {
  const subject = code.replaceAll('-', ' ');
  return { label: `${subject.charAt(0).toUpperCase()}${subject.slice(1)}`, icon, detail: message };
}

function changeItem(argument: PlannedArgument): ReviewItem {
  return {
    label: argument.name,
    icon: 'edit',
    description: `${typed(argument.previous)} → ${typed(argument.value)}`,
  };
}

function planItems(plan: Plan): ReviewItem[] {
  const changed = plan.arguments.filter((argument) => argument.source === 'changed');
  const kept = plan.arguments.filter((argument) => argument.source !== 'changed');
  const items: ReviewItem[] = [];
  if (plan.errors.length > 0) items.push(separator(vscode.l10n.t('errors')));
  for (const error of plan.errors) items.push(messageItem('error', error));
  if (plan.warnings.length > 0) items.push(separator(vscode.l10n.t('warnings')));
  for (const warning of plan.warnings) items.push(messageItem('warning', warning));
  if (changed.length > 0) items.push(separator(vscode.l10n.t('changes')), ...changed.map(changeItem));
  items.push(
    separator(vscode.l10n.t('curriculum')),
    ...plan.curriculum.map((stage) => ({
      label: stage.name,
      icon: stage.name === plan.stageAtStart ? 'arrow-right' : 'blank',
      description: `${formatCount(stage.from)} – ${formatCount(stage.until)}${stage.name === 'mixed' ? ` · ${vscode.l10n.t('ratio {0}', stage.mixingRatio)}` : ''}`,
    })),
    separator(vscode.l10n.t('command')),
    { label: vscode.l10n.t('Copy Command'), icon: 'copy', detail: shellCommand(plan.argv), action: 'copy' },
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
  const blocked = plans.some((plan) => plan.errors.length > 0);
  const items: ReviewItem[] = blocked ? [] : [{ label: startLabel, icon: 'rocket', action: 'start' }];
  for (const plan of plans) {
    if (plans.length > 1) items.push(separator(plan.run));
    items.push(...planItems(plan));
  }
  const placeHolder = blocked
    ? vscode.l10n.t('This cannot be started as it is. Press Escape to change it.')
    : vscode.l10n.t('Review, then press Enter to start');
  const chosen = await pickUntil(
    items,
    { title, placeHolder, matchOnDescription: true, matchOnDetail: true, ignoreFocusOut: true },
    ({ action }) => {
      if (action === 'copy') {
        void vscode.env.clipboard.writeText(plans.map((plan) => shellCommand(plan.argv)).join('\n'));
      }
      return action === 'start';
    },
  );
  return chosen !== undefined;
}
