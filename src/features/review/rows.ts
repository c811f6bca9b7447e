/** A review's rows: what would run, what changes, what to know of it, where each argument comes from. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { typedText } from '../../core/arguments/separated';
import { launchFacts, shellCommandOf, type LaunchFact } from '../../core/training/launchers/shown';
import type { Plan, PlanMessage, PlannedArgument, PlanQuestion, PlanRemedy } from '../../core/training/plan/plan';
import { changeRows, factRows, longRows, messageRows, type PickRow } from '../../platform/picks';
import { readableStageRows } from './curriculumRows';

/** What choosing a row does; rows without only say something. */
export type ReviewAction =
  | { readonly kind: 'start' | 'copy' | 'report' | 'task' | 'preset' | 'launch' }
  /** Another value for a message's argument, in the plans that have the message. */
  | { readonly kind: 'settle'; readonly message: PlanMessage; readonly plans: readonly number[] }
  /** A message's remedy, for the plans that have the message. */
  | { readonly kind: 'remedy'; readonly remedy: PlanRemedy; readonly plans: readonly number[] }
  /** An answer to what nothing on disk tells. */
  | { readonly kind: 'answer'; readonly question: PlanQuestion }
  | { readonly kind: 'rename'; readonly plan: number };

export interface ReviewRow extends PickRow {
  readonly action?: ReviewAction;
}

function heading(label: string): ReviewRow {
  return { label, heading: true };
}

/** A planned value as one types it. */
function typed(value: unknown): string {
  return typedText(value) || '–';
}

export function changedIn(plan: Plan): PlannedArgument[] {
  return plan.arguments.filter(({ source }) => source === 'changed');
}

/** What a message is about, from its code: `layer-mismatch` → "Layer mismatch"; the message itself stands below. */
export function subjectOf({ code }: PlanMessage): string {
  const subject = code.replaceAll('-', ' ');
  return `${subject.charAt(0).toUpperCase()}${subject.slice(1)}`;
}

/** A message in full, and below it what would settle it. */
function messageItems(icon: string, message: PlanMessage, plans: readonly number[]): ReviewRow[] {
  const { argument, proposal, remedies = [] } = message;
  const rows: ReviewRow[] = [
    { label: subjectOf(message), icon },
    ...messageRows('blank', message.message),
    ...remedies.flatMap((remedy) =>
      longRows<ReviewRow>({ label: remedy.label, icon: 'lightbulb', action: { kind: 'remedy', remedy, plans } }),
    ),
  ];
  if (argument === undefined) return rows;
  const label =
    proposal === undefined
      ? vscode.l10n.t('Change {0}…', argument)
      : vscode.l10n.t('Change {0}, for example to {1}…', argument, proposal);
  return [...rows, ...longRows<ReviewRow>({ label, icon: 'lightbulb', action: { kind: 'settle', message, plans } })];
}

const sameMessage = (a: PlanMessage, b: PlanMessage): boolean => a.code === b.code && a.message === b.message;

/** A list's messages that every plan has, each once; and those that only this one has. */
function inAll(plans: readonly Plan[], list: 'errors' | 'warnings'): PlanMessage[] {
  const [first, ...others] = plans;
  return (first?.[list] ?? []).filter((message) =>
    others.every((plan) => plan[list].some((each) => sameMessage(each, message))),
  );
}

function messagesOf(
  plans: readonly Plan[],
  which: (list: 'errors' | 'warnings') => readonly PlanMessage[],
  at: readonly number[],
): ReviewRow[] {
  const [errors, warnings] = [which('errors'), which('warnings')];
  const named = plans.length > 1 && at.length > 1;
  return [
    ...(errors.length === 0 ? [] : [heading(named ? vscode.l10n.t('errors, in all runs') : vscode.l10n.t('errors'))]),
    ...errors.flatMap((message) => messageItems('error', message, at)),
    ...(warnings.length === 0
      ? []
      : [heading(named ? vscode.l10n.t('warnings, in all runs') : vscode.l10n.t('warnings'))]),
    ...warnings.flatMap((message) => messageItems('warning', message, at)),
  ];
}

/** What nothing on disk tells, and what is taken unless it is answered. */
function questionRows({ questions }: Plan): ReviewRow[] {
  if (questions.length === 0) return [];
  return [
    heading(vscode.l10n.t('questions')),
    ...questions.flatMap((question): ReviewRow[] => [
      ...factRows({ label: question.argument, icon: 'question' }, question.proposal ?? ''),
      ...messageRows('blank', question.message),
      {
        label: vscode.l10n.t('Change {0}…', question.argument),
        icon: 'lightbulb',
        action: { kind: 'answer', question },
      },
    ]),
  ];
}

function nameRows(plan: Plan, at: number): ReviewRow[] {
  const rows = longRows<ReviewRow>({
    label: vscode.l10n.t('Name: {0}', path.basename(plan.run)),
    icon: 'edit',
    action: { kind: 'rename', plan: at },
  });
  const [only] = rows;
  return only === undefined || rows.length > 1 ? rows : [{ ...only, description: vscode.l10n.t('choose another') }];
}

function changes(plan: Plan): ReviewRow[] {
  return changedIn(plan).flatMap(({ name, previous, value }) =>
    changeRows({ label: name, icon: 'edit' }, typed(previous), typed(value)),
  );
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

function launchRows(plan: Plan): ReviewRow[] {
  return [
    heading(vscode.l10n.t('how it starts')),
    ...launchFacts(plan.launch).flatMap(({ about, text }) =>
      factRows({ label: launchLabel(about), icon: 'blank' }, text),
    ),
    { label: vscode.l10n.t('Choose Launcher and Devices…'), icon: 'server-process', action: { kind: 'launch' } },
  ];
}

/** What a single plan has besides, and the first of several stands for all in. */
function detailRows(plan: Plan): ReviewRow[] {
  const maxSteps = plan.arguments.find(({ name }) => name === 'max_steps')?.value;
  return [
    heading(vscode.l10n.t('curriculum')),
    ...readableStageRows(plan.curriculum, {
      step: plan.startStep,
      maxSteps: typeof maxSteps === 'number' ? maxSteps : null,
    }),
    ...launchRows(plan),
  ];
}

function commandRows(plans: readonly Plan[], launchIsSet: boolean): ReviewRow[] {
  const [first] = plans;
  if (first === undefined || first.argv.length === 0) return [];
  return [
    heading(vscode.l10n.t('command')),
    {
      label: plans.length === 1 ? vscode.l10n.t('Copy Command') : vscode.l10n.t('Copy Commands'),
      icon: 'copy',
      action: { kind: 'copy' },
    },
    ...messageRows('blank', shellCommandOf(first.argv, first.launch)),
    {
      label: plans.length === 1 ? vscode.l10n.t('Save as Task') : vscode.l10n.t('Save as Tasks'),
      icon: 'save',
      description: launchIsSet
        ? vscode.l10n.t('in .vscode/tasks.json')
        : vscode.l10n.t('in .vscode/tasks.json, which starts it as the settings say'),
      action: { kind: 'task' },
    },
    ...(plans.length === 1
      ? [{ label: vscode.l10n.t('Save as Preset…'), icon: 'symbol-constant', action: { kind: 'preset' as const } }]
      : []),
    { label: vscode.l10n.t('Show as Report'), icon: 'markdown', action: { kind: 'report' } },
  ];
}

/**
 * @param startLabel of the row that starts them; there is none while something is in the way
 * @param launchIsSet they start as the settings say, and not with what was chosen in the review
 */
export function reviewRows(startLabel: string, plans: readonly Plan[], launchIsSet: boolean): ReviewRow[] {
  const blocked = plans.some((plan) => plan.errors.length > 0);
  const rows: ReviewRow[] = blocked
    ? []
    : longRows<ReviewRow>({ label: startLabel, icon: 'rocket', action: { kind: 'start' } });
  const [only] = plans;
  if (only === undefined) return [];
  const everywhere = { errors: inAll(plans, 'errors'), warnings: inAll(plans, 'warnings') };
  const all = plans.map((_, at) => at);
  if (plans.length === 1) {
    rows.push(...(only.newRun ? nameRows(only, 0) : []), ...messagesOf(plans, (list) => everywhere[list], all));
    const changed = changes(only);
    if (changed.length > 0) rows.push(heading(vscode.l10n.t('changes')), ...changed);
  } else {
    rows.push(...messagesOf(plans, (list) => everywhere[list], all));
    for (const [at, plan] of plans.entries()) {
      const own = (list: 'errors' | 'warnings'): PlanMessage[] =>
        plan[list].filter((message) => !everywhere[list].some((each) => sameMessage(each, message)));
      rows.push(
        heading(vscode.l10n.t('run {0} of {1}', at + 1, plans.length)),
        ...nameRows(plan, at),
        ...changes(plan),
      );
      for (const message of own('errors')) rows.push(...messageItems('error', message, [at]));
      for (const message of own('warnings')) rows.push(...messageItems('warning', message, [at]));
    }
  }
  rows.push(...questionRows(only));
  const varied = new Set(plans.flatMap((plan) => changedIn(plan).map(({ name }) => name)));
  rows.push(...(varied.has('curriculum_stages') && plans.length > 1 ? launchRows(only) : detailRows(only)));
  rows.push(
    ...commandRows(plans, launchIsSet),
    heading(vscode.l10n.t('unchanged arguments')),
    ...only.arguments
      .filter(({ name }) => !varied.has(name))
      .flatMap(({ name, value, source }) =>
        factRows({ label: name, icon: 'blank' }, `${typed(value)} · ${vscode.l10n.t('from {0}', source)}`),
      ),
  );
  return rows;
}
