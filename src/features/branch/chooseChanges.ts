/** The list of arguments to change. */
import * as vscode from 'vscode';
import { findArgument } from '../../core/arguments/arguments';
import { typedText } from '../../core/arguments/separated';
import { MOST_BRANCHES, branchCount } from '../../core/arguments/values';
import type { Plan, PlannedArgument } from '../../core/training/plan/plan';
import { pick, type PickRow } from '../../platform/picks';
import type { CurriculumPlace } from '../review/curriculumRows';
import { editValue } from './editValue';

/** New values by argument; more than one value makes more than one run. */
export type Changes = ReadonlyMap<string, readonly string[]>;

export interface ChangesQuestion {
  readonly title: string;
  /** A plan without changes: where today's values come from. */
  readonly current: Plan;
  /** What was changed so far. */
  readonly before: Changes;
  /** Which arguments may be changed. */
  readonly offers: (name: string) => boolean;
  /** What goes on without a change. */
  readonly unchanged: string;
  /** Whether several values may be given, each for a run of its own. */
  readonly several: boolean;
}

interface ArgumentItem extends PickRow {
  readonly argument?: PlannedArgument;
  readonly action?: 'review' | 'reset';
}

/** A planned value as one types it. */
function typed({ value }: PlannedArgument): string {
  return typedText(value);
}

function argumentItem(argument: PlannedArgument, values: readonly string[] | undefined): ArgumentItem {
  const was = typed(argument) || '–';
  return {
    label: argument.name,
    icon: values === undefined ? 'blank' : 'edit',
    description:
      values === undefined
        ? `${was} · ${vscode.l10n.t('from {0}', argument.source)}`
        : `${was} → ${values.join(' | ')}`,
    detail: findArgument(argument.name)?.description,
    argument,
  };
}

function listItems({ current, offers, unchanged }: ChangesQuestion, changes: Changes): ArgumentItem[] {
  const editable = current.arguments.filter(({ name }) => offers(name));
  const changed = editable.filter(({ name }) => changes.has(name));
  const rest = editable.filter(({ name }) => !changes.has(name));
  const rows = (arguments_: readonly PlannedArgument[]): ArgumentItem[] =>
    arguments_.map((argument) => argumentItem(argument, changes.get(argument.name)));
  const heading = (label: string): ArgumentItem => ({ label, heading: true });
  if (changed.length === 0) {
    return [
      heading(vscode.l10n.t('arguments')),
      ...rows(rest),
      heading(vscode.l10n.t('or')),
      { label: unchanged, icon: 'check', action: 'review' },
    ];
  }
  const runs = branchCount(Object.fromEntries(changes));
  const review: ArgumentItem =
    runs > MOST_BRANCHES
      ? { label: vscode.l10n.t('{0} runs are too many: {1} at most', runs, MOST_BRANCHES), icon: 'error' }
      : {
          label: vscode.l10n.t('Review and start'),
          icon: 'check',
          description: runs === 1 ? '' : vscode.l10n.t('{0} runs, one a combination', runs),
          action: 'review',
        };
  return [
    review,
    heading(vscode.l10n.t('changed')),
    ...rows(changed),
    { label: vscode.l10n.t('Undo these changes'), icon: 'discard', action: 'reset' },
    heading(vscode.l10n.t('arguments')),
    ...rows(rest),
  ];
}

function placeOf(current: Plan, changes: Changes): CurriculumPlace {
  const [changed] = changes.get('max_steps') ?? [];
  const maxSteps = Number(changed ?? current.arguments.find(({ name }) => name === 'max_steps')?.value);
  return { step: current.startStep, maxSteps: Number.isFinite(maxSteps) ? maxSteps : null };
}

/**
 * Lets the user change arguments until they go on to the review.
 *
 * @returns undefined when the user gave up.
 */
export async function chooseChanges(question: ChangesQuestion): Promise<Changes | undefined> {
  const { title, current, several } = question;
  const changes = new Map(question.before);
  for (;;) {
    const picked = await pick(listItems(question, changes), {
      title,
      placeHolder: vscode.l10n.t('What do you want to change? Type to search'),
      matchOnDescription: true,
      matchOnDetail: true,
      ignoreFocusOut: true,
    });
    if (picked === undefined) return undefined;
    if (picked.action === 'review') return changes;
    if (picked.action === 'reset') changes.clear();
    const argument = picked.argument === undefined ? undefined : findArgument(picked.argument.name);
    if (picked.argument === undefined || argument === undefined) continue;
    const values = await editValue({
      title: `${title}: ${argument.name}`,
      argument,
      was: typed(picked.argument),
      now: changes.get(argument.name),
      place: placeOf(current, changes),
      several,
    });
    if (values === undefined) continue;
    if (values.length === 0) changes.delete(argument.name);
    else changes.set(argument.name, values);
  }
}
