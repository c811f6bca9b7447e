/** What a person is asked before an assistant starts a run. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { changesOf, commandOf, launchOf } from '../../core/assistant/plans';
import { formatCount } from '../../core/format';
import type { Plan } from '../../core/training/plan/plan';
import type { Confirmation } from '../../platform/toolTexts';

/** Everything that tells this start from another; each text is the door's to make harmless. */
export function confirmationOf(plan: Plan): Confirmation {
  const { parent, checkpoint, stageAtStart, warnings } = plan;
  const name = path.basename(plan.run);
  const from = checkpoint === null ? '' : path.basename(checkpoint);
  const step = vscode.l10n.t('step {0}', formatCount(plan.startStep));
  const start = [from, step, stageAtStart ?? ''].filter((part) => part !== '').join(', ');
  const rows: (readonly [string, string])[] = [
    plan.newRun ? [vscode.l10n.t('New run'), name] : [vscode.l10n.t('Run, which goes on'), name],
    [vscode.l10n.t('From'), parent === null ? start : vscode.l10n.t('{0} of {1}', start, parent.run)],
    ...changesOf(plan).map(({ argument, was, becomes }) => [argument, `${was || '–'} → ${becomes}`] as const),
    [vscode.l10n.t('Starts with'), launchTexts(plan).join(' · ')],
    [vscode.l10n.t('Folder'), plan.cwd],
    [vscode.l10n.t('Command'), commandOf(plan)],
    ...warnings.map(({ message }) => [vscode.l10n.t('Warning'), message] as const),
  ];
  return { title: vscode.l10n.t('Start training?'), rows };
}

function launchTexts(plan: Plan): string[] {
  return launchOf(plan).map(({ text }) => text);
}
