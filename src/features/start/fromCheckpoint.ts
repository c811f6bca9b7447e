/** Fine-tune…, Debug a Stage… and Re-run…: one question or two each, then the review. */
import * as vscode from 'vscode';
import { findArgument } from '../../core/arguments/arguments';
import { newestComplete, newestUsable } from '../../core/experiment/checkpoints';
import { formatCount } from '../../core/format';
import { typedText } from '../../core/arguments/separated';
import type { Stage } from '../../core/curriculum';
import type { Plan } from '../../core/training/plan/plan';
import { askText, pick, type PickRow } from '../../platform/picks';
import { stageRows } from '../review/curriculumRows';
import { editValue } from '../branch/editValue';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoint, chooseRun, type CheckpointOfRun, type Named } from '../targets';
import { planFor } from '../training/plans';
import { reviewAndStart } from './startPlans';

/** Another learning rate for the rest, which training is extended by. */
export async function fineTune(deps: FeatureDeps, named: Named): Promise<void> {
  const title = vscode.l10n.t('Fine-tune');
  const chosen = await checkpointOf(deps, named, title);
  if (chosen === undefined) return;
  const root = deps.workspaces.rootOf(chosen.run);
  const request = { kind: 'fine-tune', checkpoint: chosen.checkpoint.path } as const;
  const plan = await planFor(deps, root, request);
  const rate = plan.arguments.find(({ name }) => name === 'learning_rate');
  const argument = findArgument('learning_rate');
  if (argument === undefined) return;
  const subject = vscode.l10n.t('Fine-tune {0} of {1}', chosen.checkpoint.name, chosen.run.name);
  const rates = await editValue({
    title: `${subject}: learning_rate (1/2)`,
    argument,
    // Any value is one to fine-tune with, the present one too.
    was: '',
    now: [typedText(rate?.value)].filter((text) => text !== ''),
    place: { step: plan.startStep, maxSteps: null },
    several: true,
  });
  if (rates === undefined || rates.length === 0) return;
  const steps = await askSteps(`${subject}: ${vscode.l10n.t('steps')} (2/2)`, plan);
  if (steps === undefined) return;
  // Several go on side by side, which one run cannot.
  const kind = rates.length === 1 ? 'fine-tune' : 'branch';
  const starting = { title: subject, root, request: { ...request, kind, additionalSteps: steps } as const };
  await reviewAndStart(deps, starting, { learning_rate: rates });
}

interface StageRow extends PickRow {
  readonly stage?: string;
}

/** A new run that jumps to a stage for a few steps. */
export async function debugStage(deps: FeatureDeps, named: Named): Promise<void> {
  const title = vscode.l10n.t('Debug a Stage');
  const chosen = await checkpointOf(deps, named, title);
  if (chosen === undefined) return;
  const root = deps.workspaces.rootOf(chosen.run);
  const { checkpoint, run } = chosen;
  const subject = vscode.l10n.t('Debug a stage from {0} of {1}', checkpoint.name, run.name);
  const current = await planFor(deps, root, { kind: 'branch', checkpoint: checkpoint.path });
  const stage = await chooseStage(`${subject} (1/2)`, current);
  if (stage === undefined) return;
  const request = { kind: 'debug', checkpoint: checkpoint.path, stage } as const;
  const steps = await askSteps(`${subject}: ${vscode.l10n.t('steps')} (2/2)`, await planFor(deps, root, request));
  if (steps === undefined) return;
  await reviewAndStart(deps, { title: subject, root, request: { ...request, additionalSteps: steps } });
}

/** A run's original command once more, into a new run. */
export async function reRun(deps: FeatureDeps, named: Named): Promise<void> {
  const run = await chooseRun(deps, named, {
    title: vscode.l10n.t('Re-run'),
    none: vscode.l10n.t('There is no run in this workspace yet.'),
    accepts: () => true,
  });
  if (run === undefined) return;
  const title = vscode.l10n.t('Re-run {0}', run.name);
  await reviewAndStart(deps, { title, root: deps.workspaces.rootOf(run), request: { kind: 're-run', from: run.path } });
}

function checkpointOf(deps: FeatureDeps, named: Named, title: string): Promise<CheckpointOfRun | undefined> {
  const notValid = deps.validations.notValid();
  return chooseCheckpoint(deps, named, {
    title,
    none: vscode.l10n.t('There is no complete checkpoint to go on from.'),
    accepts: ({ state }) => state === 'complete',
    ofRun: (run) => [newestUsable(run, notValid) ?? newestComplete(run)].filter((newest) => newest !== undefined),
  });
}

/** @param plan proposes how many @returns undefined for Escape */
async function askSteps(title: string, plan: Plan): Promise<number | undefined> {
  const maxSteps = plan.arguments.find(({ name }) => name === 'max_steps')?.value;
  const proposed = typeof maxSteps === 'number' && maxSteps > plan.startStep ? maxSteps - plan.startStep : 1000;
  const steps = await askText({
    title,
    prompt: vscode.l10n.t('How many steps beyond step {0}?', formatCount(plan.startStep)),
    value: String(proposed),
    ignoreFocusOut: true,
    problem: (text) =>
      /^[1-9]\d{0,9}$/.test(text.trim()) ? undefined : vscode.l10n.t('A whole number of steps, 1 or more.'),
  });
  return steps === undefined ? undefined : Number(steps.trim());
}

/** A stage without its length, as a plan is asked for with it: `student`, `mixed:0.75`. */
function stageText({ name, mixingRatio, mlpMixingRatio }: Stage): string {
  return [
    name,
    ...(name === 'mixed' || mlpMixingRatio !== null ? [mixingRatio] : []),
    ...(mlpMixingRatio === null ? [] : [mlpMixingRatio]),
  ].join(':');
}

/** The stages of the curriculum, and those that it does not have. */
async function chooseStage(title: string, plan: Plan): Promise<string | undefined> {
  const maxSteps = plan.arguments.find(({ name }) => name === 'max_steps')?.value;
  const place = { step: plan.startStep, maxSteps: typeof maxSteps === 'number' ? maxSteps : null };
  const rows = stageRows(plan.curriculum, place);
  const own: StageRow[] = plan.curriculum.map((stage, at) => ({
    ...(rows[at] ?? { label: stage.name }),
    stage: stageText(stage),
  }));
  const others = ['teacher', 'mixed:0.5', 'student']
    .filter((text) => !own.some(({ stage }) => stage?.split(':')[0] === text.split(':')[0]))
    .map((text): StageRow => ({ label: text, icon: 'blank', stage: text }));
  const picked = await pick<StageRow>(
    [
      { label: vscode.l10n.t('stages of its curriculum'), heading: true },
      ...own,
      ...(others.length === 0 ? [] : [{ label: vscode.l10n.t('other stages'), heading: true as const }]),
      ...others,
    ],
    { title, placeHolder: vscode.l10n.t('Which stage does the new run jump to?'), ignoreFocusOut: true },
  );
  return picked?.stage;
}
