/** `plan`: what a resume, an extension or a branch would run. Starts nothing. */
import path from 'node:path';
import { describeCurriculum } from '../core/curriculum';
import { formatCount } from '../core/format';
import { valueText } from '../core/format';
import { shellCommand } from '../core/training/commandLine';
import { launchFacts, shellCommandOf } from '../core/training/launchers/shown';
import { askScript } from '../core/training/field/askScript';
import { makePlan } from '../core/training/plan/makePlan';
import { DEFAULT_LAUNCHER, LAUNCHER_KINDS } from '../core/training/launchers';
import type { Plan, PlanMessage } from '../core/training/plan/plan';
import { PLAN_KINDS, type PlanKind, type PlanRequest } from '../core/training/plan/request';
import { DEFAULT_ADDITIONAL_STEPS } from '../core/training/plan/planChanges';
import { PLACES } from '../core/training/plan/taskDefinition';
import { type Command, type Invocation, UsageError, oneOf } from './options';
import { SUMMARIES } from './summaries';
import { printable } from './table';

/** What says which plan is meant, besides its kind and what it starts from. */
export const PLAN_OPTIONS: Command['options'] = {
  set: { type: 'string', multiple: true, value: 'NAME=VALUE', description: 'An argument to change; repeatable.' },
  steps: {
    type: 'string',
    value: 'N',
    description: `Steps beyond the checkpoint [extend: ${DEFAULT_ADDITIONAL_STEPS}].`,
  },
  launcher: {
    type: 'string',
    value: LAUNCHER_KINDS.join('|'),
    description: `What starts the trainer [${DEFAULT_LAUNCHER}].`,
  },
  preset: { type: 'string', value: 'NAME', description: 'start: take the arguments of this preset.' },
  stage: { type: 'string', value: 'STAGE', description: 'debug: the stage to jump to, as student or mixed:0.5.' },
  name: { type: 'string', value: 'NAME', description: "A new run's folder [made from what changes]." },
  workspace: { type: 'string', value: 'FOLDER', description: 'Training workspace [found from the checkpoint].' },
  python: { type: 'string', value: 'PATH', description: 'Interpreter that trains [python3].' },
};

export const planCommand: Command = {
  ...SUMMARIES.plan,
  details: [
    'Exits with 0 when it can be started, 1 when it cannot. A run instead of a checkpoint means its newest one.',
    `Kinds: ${PLAN_KINDS.join(', ')}.`,
    'start takes the settings of a run, where one is named; re-run takes a run.',
  ],
  positionals: { least: 1, most: 2 },
  options: PLAN_OPTIONS,
  async run(invocation) {
    const [word = '', place] = invocation.positionals;
    const kind = oneOf('The kind', word, PLAN_KINDS);
    if (place === undefined && kind !== 'start') throw new UsageError(`Usage: ${SUMMARIES.plan.usage}`);
    const plan = await makePlan(requestOf(kind, place, invocation));
    const missing = plan.errors.find((error) => error.code === 'not-found');
    if (missing !== undefined) throw new UsageError(missing.message);
    return { document: plan, text: planText(plan), yes: plan.errors.length === 0 };
  },
};

/** @throws UsageError */
export function requestOf(kind: PlanKind, place: string | undefined, { option, all }: Invocation): PlanRequest {
  const changes = new Map<string, string>();
  for (const word of all('set')) {
    const equals = word.indexOf('=');
    if (equals < 1) throw new UsageError(`--set "${word}" is not NAME=VALUE.`);
    changes.set(word.slice(0, equals), word.slice(equals + 1));
  }
  const steps = option('steps');
  if (steps !== undefined && !/^[1-9]\d*$/.test(steps)) {
    throw new UsageError(`--steps "${steps}" is not a whole number from 1.`);
  }
  return {
    kind,
    ...(place === undefined ? {} : { [PLACES[kind]]: path.resolve(place) }),
    preset: option('preset'),
    stage: option('stage'),
    changes: Object.fromEntries(changes),
    additionalSteps: steps === undefined ? undefined : Number(steps),
    launch: { kind: oneOf('--launcher', option('launcher') ?? DEFAULT_LAUNCHER, LAUNCHER_KINDS) },
    name: option('name'),
    askScript,
    workspaceRoot: option('workspace'),
    interpreter: option('python'),
  };
}

const LAUNCH_WORDS = {
  launcher: 'launcher',
  variables: 'environment',
  envFile: 'variables from',
  modules: 'modules',
  conda: 'conda environment',
  restarts: 'restarts at most',
} as const;

export function planText(plan: Plan): string {
  const changed = plan.arguments.filter((argument) => argument.source === 'changed');
  const stage = plan.stageAtStart === null ? '' : `, stage ${plan.stageAtStart}`;
  const from = plan.parent === null ? '' : ` (branches from ${plan.parent.run}, ${plan.parent.checkpoint})`;
  return [
    printable(`${plan.kind} ${plan.run}${from}`),
    `  from step ${formatCount(plan.startStep)}${stage}`,
    ...changed.map(({ name, previous, value }) => `  ${name}: ${valueText(previous) || '–'} → ${valueText(value)}`),
    ...(plan.curriculum.length === 0 ? [] : [`  curriculum: ${describeCurriculum({ stages: plan.curriculum })}`]),
    ...launchFacts(plan.launch).map(({ about, text }) => printable(`  ${LAUNCH_WORDS[about]}: ${text}`)),
    ...(plan.argv.length === 0
      ? []
      : [`  cd ${shellCommand([plan.cwd])}`, `  ${shellCommandOf(plan.argv, plan.launch)}`]),
    ...plan.questions.flatMap((question) => messageLines('question', question)),
    ...plan.warnings.flatMap((warning) => messageLines('warning', warning)),
    ...plan.errors.flatMap((error) => messageLines('error', error)),
  ].join('\n');
}

/** A message, and what would settle it. */
function messageLines(
  kind: string,
  {
    message,
    argument,
    proposal,
    remedies = [],
  }: Omit<PlanMessage, 'code' | 'proposal'> & { readonly proposal?: string | null },
): string[] {
  const settling = [
    ...(argument === undefined ? [] : [`--set ${argument}=${shellCommand([proposal ?? '…'])}`]),
    ...remedies.map(({ label }) => label),
  ];
  return [`${kind}: ${message}`, ...settling.map((line) => `  → ${line}`)].map(printable);
}
