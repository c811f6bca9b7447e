/** What would be trained: the answer of `npt_plan_resume`, and what of a plan `npt_start_training` holds to. */
import path from 'node:path';
import { typedText } from '../arguments/separated';
import { describeCurriculum } from '../curriculum';
import type { NamedPlace } from '../experiment/named';
import { launchFacts, shellCommandOf, withoutValues } from '../training/launchers/shown';
import type { Plan, PlanMessage, PlanQuestion, PlanRemedy } from '../training/plan/plan';
import { requestOf, type TrainingRequest } from '../training/plan/taskDefinition';
import { textFrom } from './answer';
import { InputProblem } from './input';

export interface PlanInput {
  readonly run: string;
  readonly checkpoint?: string;
  readonly kind?: 'resume' | 'extend' | 'fine-tune' | 'branch';
  readonly changes?: Readonly<Record<string, string>>;
  readonly additionalSteps?: number;
  readonly name?: string;
}

/**
 * What is asked for, as every command asks for it. A run that is named without a checkpoint stays a run: its plan takes the newest
 * checkpoint that can be used, and says what it passed over.
 *
 * @throws InputProblem
 */
export function requestFrom(
  { kind = 'resume', changes, additionalSteps, name }: PlanInput,
  { run, checkpoint }: NamedPlace,
): TrainingRequest {
  const target = (checkpoint ?? run).path;
  const request = requestOf({ kind, checkpoint: target, changes, additionalSteps, name }, target);
  if (typeof request === 'string') throw new InputProblem(request);
  return request;
}

/** Why what was asked for as a resume makes a new run. */
const NEW_RUN = 'what does not go on from the newest checkpoint of its run, or has a name of its own, makes a new run';
/** A message and a command are longer than a name. */
const OF_MESSAGE = 1000;
const OF_COMMAND = 4000;
const MOST_MESSAGES = 12;

/** The command as a person would type it; without the values of variables that somebody set. */
export function commandOf(plan: Plan): string {
  const { argv, launch } = withoutValues(plan.argv, plan.launch);
  return argv.length === 0 ? '' : textFrom(shellCommandOf(argv, launch), OF_COMMAND);
}

/** How it is started, one fact an entry; likewise. */
export function launchOf(plan: Plan): readonly { readonly about: string; readonly text: string }[] {
  return launchFacts(withoutValues(plan.argv, plan.launch).launch).map(({ about, text }) => ({
    about,
    text: textFrom(text),
  }));
}

/** What it changes of the arguments that it starts from. */
export function changesOf(plan: Plan): { argument: string; was: string; becomes: string }[] {
  return plan.arguments
    .filter(({ source }) => source === 'changed')
    .map(({ name, previous, value }) => ({
      argument: textFrom(name),
      was: textFrom(typedText(previous), OF_MESSAGE),
      becomes: textFrom(typedText(value), OF_MESSAGE),
    }));
}

/**
 * @param asked the kind that was asked for: a resume from an older checkpoint has become a branch
 * @param trusted whether anything may be started here
 */
export function planAnswer(plan: Plan, asked: string, trusted: boolean): object {
  const { run, parent, checkpoint, curriculum, questions, warnings, errors } = plan;
  const maxSteps = plan.arguments.find(({ name }) => name === 'max_steps')?.value;
  const inTheWay = obstaclesOf(plan, trusted);
  return {
    kind: plan.kind,
    ...(plan.kind === asked ? {} : { askedFor: asked, because: NEW_RUN }),
    run: textFrom(path.basename(run)),
    runFolder: textFrom(run, 1000),
    newRun: plan.newRun,
    ...(parent === null
      ? {}
      : { branchesFrom: { run: textFrom(parent.run), checkpoint: textFrom(parent.checkpoint), step: parent.step } }),
    checkpoint: checkpoint === null ? null : textFrom(path.basename(checkpoint)),
    startStep: plan.startStep,
    ...(typeof maxSteps === 'number' ? { untilStep: maxSteps } : {}),
    stageAtStart: plan.stageAtStart,
    ...(curriculum.length === 0 ? {} : { curriculum: textFrom(describeCurriculum({ stages: curriculum })) }),
    changes: changesOf(plan),
    launch: Object.fromEntries(launchOf(plan).map(({ about, text }) => [about, text])),
    folder: textFrom(plan.cwd, 1000),
    command: commandOf(plan),
    ...messages('errors', errors),
    ...messages('questions', questions),
    ...messages('warnings', warnings),
    canStart: inTheWay.length === 0,
    ...(inTheWay.length === 0
      ? { next: 'npt_start_training with the same input starts it, after the user has confirmed.' }
      : { inTheWay }),
    started: false,
  };
}

/** Why a plan is not started as it is, a line each; none where it can be. */
export function obstaclesOf({ errors, questions }: Plan, trusted: boolean): string[] {
  return [
    ...(trusted
      ? []
      : ['This workspace is in Restricted Mode: training starts a process, so the user has to trust it first.']),
    ...errors.map(({ message }) => textFrom(message, OF_MESSAGE)),
    ...questions.map(
      ({ argument, message, proposal }) =>
        `${textFrom(message, OF_MESSAGE)} Answer it in "changes" as ${textFrom(argument)}${proposal === null ? '' : `, such as ${textFrom(proposal)}`}.`,
    ),
  ];
}

function messages(title: string, all: readonly (PlanMessage | PlanQuestion)[]): object {
  if (all.length === 0) return {};
  const told = all.slice(0, MOST_MESSAGES).map((each) => ({
    ...('code' in each ? { code: each.code } : {}),
    message: textFrom(each.message, OF_MESSAGE),
    ...(each.argument === undefined ? {} : { argument: textFrom(each.argument) }),
    ...(each.proposal === undefined || each.proposal === null ? {} : { proposal: textFrom(each.proposal) }),
    ...('remedies' in each && each.remedies !== undefined ? { remedies: each.remedies.map(remedyOf) } : {}),
  }));
  return {
    [title]: told,
    ...(told.length === all.length ? {} : { [`${title}LeftOut`]: all.length - told.length }),
  };
}

/** What would settle a message: another input of the same tool, or something that the user does in the window. */
function remedyOf(remedy: PlanRemedy): object {
  const label = textFrom(remedy.label);
  if (remedy.kind !== 'plan') return { label, by: 'the user' };
  const { checkpoint, kind, changes, additionalSteps, name } = remedy.request;
  return {
    label,
    input: {
      ...(checkpoint === undefined ? {} : { checkpoint: textFrom(checkpoint, 1000) }),
      ...{ kind, changes, additionalSteps, name },
    },
  };
}

/**
 * What a person who agrees to a plan agrees to. A plan that is made again with another fingerprint is another plan; figures in its
 * messages, such as how much of a disk is free, are not part of that.
 */
export function fingerprintOf(plan: Plan): string {
  const { kind, run, newRun, parent, checkpoint, cwd, launch, interpreter, argv, startStep, curriculum } = plan;
  const values = plan.arguments.map(({ name, value, previous }) => [name, value, previous]);
  const said = [...plan.warnings, ...plan.errors].map(({ code }) => code).sort();
  const asked = plan.questions.map(({ argument }) => argument);
  return JSON.stringify([
    ...[kind, run, newRun, parent, checkpoint, cwd, launch, interpreter, argv, startStep, curriculum],
    ...[values, said, asked],
  ]);
}
