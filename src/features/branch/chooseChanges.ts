/** The list of arguments to change, and the boxes to type new values into. */
import * as vscode from 'vscode';
import { valueText } from '../../core/format';
import { findArgument, type TrainerArgument } from '../../core/arguments/arguments';
import type { Plan, PlannedArgument } from '../../core/training/plan/plan';
import { askText, pick, type PickRow } from '../../platform/picks';
import { splitValues } from '../../core/arguments/values';

/** New values by argument; more than one value makes more than one branch. */
export type Changes = ReadonlyMap<string, readonly string[]>;

interface ArgumentItem extends PickRow {
  readonly argument?: PlannedArgument;
  readonly review?: true;
}

function listItems(current: Plan, changes: Changes): ArgumentItem[] {
  const item = (argument: PlannedArgument): ArgumentItem => {
    const values = changes.get(argument.name);
    const was = valueText(argument.value) || '–';
    return {
      label: argument.name,
      icon: values === undefined ? 'blank' : 'edit',
      description: values === undefined ? was : `${was} → ${values.join(' | ')}`,
      detail: findArgument(argument.name)?.description,
      argument,
    };
  };
  const editable = current.arguments.filter((argument) => findArgument(argument.name)?.branchable === true);
  const changed = editable.filter((argument) => changes.has(argument.name));
  const rest = editable.filter((argument) => !changes.has(argument.name));
  const separator = (label: string): ArgumentItem => ({ label, heading: true });
  return [
    ...(changed.length === 0
      ? []
      : [
          { label: vscode.l10n.t('Review and start'), icon: 'check', review: true as const },
          separator(vscode.l10n.t('changed')),
          ...changed.map(item),
        ]),
    separator(vscode.l10n.t('arguments')),
    ...rest.map(item),
    ...(changed.length > 0
      ? []
      : [
          separator(vscode.l10n.t('or')),
          { label: vscode.l10n.t('Branch without changes'), icon: 'check', review: true as const },
        ]),
  ];
}

/** What is wrong with typed values, in one line; undefined when they can be used. */
function problem(argument: TrainerArgument, typed: string): string | undefined {
  const values = splitValues(argument, typed);
  if (values.length === 0) return vscode.l10n.t('Type a value, or press Escape to leave it as it is.');
  for (const value of values) {
    const message = argument.validate(value);
    if (message !== null) return message;
  }
  return undefined;
}

/** @returns the new values; none = back to what it was; undefined = Escape. */
async function editValue(
  title: string,
  argument: TrainerArgument,
  was: string,
  now: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  if (argument.choices !== undefined) {
    const picked = await pick(
      argument.choices.map((choice) => ({ label: choice, description: choice === was ? vscode.l10n.t('now') : '' })),
      { title, placeHolder: argument.description, ignoreFocusOut: true },
    );
    return picked === undefined ? undefined : picked.label === was ? [] : [picked.label];
  }
  const typed = await askText({
    title,
    value: now?.join(' | ') ?? was,
    prompt: vscode.l10n.t('{0} To make several branches, separate the values with |.', argument.description),
    ignoreFocusOut: true,
    problem: (value) => problem(argument, value),
  });
  if (typed === undefined) return undefined;
  const values = splitValues(argument, typed);
  return values.length === 1 && values[0] === was ? [] : values;
}

/**
 * Lets the user change arguments until they go on to the review.
 * @param current a plan without changes: where today's values come from.
 * @returns undefined when the user gave up.
 */
export async function chooseChanges(title: string, current: Plan, before: Changes): Promise<Changes | undefined> {
  const changes = new Map(before);
  for (;;) {
    const picked = await pick(listItems(current, changes), {
      title,
      placeHolder: vscode.l10n.t('What do you want to change? Type to search'),
      matchOnDescription: true,
      matchOnDetail: true,
      ignoreFocusOut: true,
    });
    if (picked === undefined) return undefined;
    if (picked.review === true) return changes;
    const argument = picked.argument === undefined ? undefined : findArgument(picked.argument.name);
    if (argument === undefined) continue;
    const was = valueText(picked.argument?.value);
    const values = await editValue(`${title}: ${argument.name}`, argument, was, changes.get(argument.name));
    if (values === undefined) continue;
    if (values.length === 0) changes.delete(argument.name);
    else changes.set(argument.name, values);
  }
}
