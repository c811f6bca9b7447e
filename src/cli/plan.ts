/** `plan`: what a resume, an extension or a branch would run. Starts nothing. */
import path from 'node:path';
import { findArgument } from '../core/arguments/arguments';
import { ValueRefused } from '../core/arguments/argumentValues';
import { branchCount, MOST_BRANCHES, readAlternatives } from '../core/arguments/values';
import { describeCurriculum } from '../core/curriculum';
import { formatCount } from '../core/format';
import { valueText } from '../core/format';
import { shellCommand } from '../core/training/commandLine';
import { launchFacts, shellCommandOf } from '../core/training/launchers/shown';
import { askScript } from '../core/training/field/askScript';
import { deviceChange } from '../core/training/plan/deviceChange';
import { makePlans, requestsFor } from '../core/training/plan/makePlan';
import type { Plan, PlanMessage } from '../core/training/plan/plan';
import { PLAN_KINDS, type PlanKind, type PlanRequest } from '../core/training/plan/request';
import { DEFAULT_ADDITIONAL_STEPS } from '../core/training/plan/planChanges';
import { PLACES } from '../core/training/plan/taskDefinition';
import { workspaceRootOf } from '../core/training/plan/trainerScript';
import { LAUNCH_OPTIONS, chosenLaunch } from './launch';
import { type Command, type Invocation, type Result, UsageError, oneOf } from './options';
import { SUMMARIES } from './summaries';
import { printable } from './table';

/** What says which plan is meant, besides its kind and what it starts from. */
export const PLAN_OPTIONS: Command['options'] = {
  set: {
    type: 'string',
    multiple: true,
    value: 'NAME=VALUE',
    description: 'An argument to change; repeatable. 1e-5,3e-5 or "log 1e-6..1e-4 x4": a run for each.',
  },
  steps: {
    type: 'string',
    value: 'N',
    description: `Steps beyond the checkpoint [extend: ${DEFAULT_ADDITIONAL_STEPS}].`,
  },
  preset: { type: 'string', value: 'NAME', description: 'start: take the arguments of this preset.' },
  stage: { type: 'string', value: 'STAGE', description: 'debug: the stage to jump to, as student or mixed:0.5.' },
  name: { type: 'string', value: 'NAME', description: "A new run's folder [made from what changes]." },
  workspace: { type: 'string', value: 'FOLDER', description: 'Training workspace [found from the checkpoint].' },
  python: {
    type: 'string',
    value: 'PATH',
    description: 'Interpreter that trains [npt.pythonPath, .venv of the workspace, python3].',
  },
  ...LAUNCH_OPTIONS,
};

export const planCommand: Command = {
  ...SUMMARIES.plan,
  details: [
    'Exits with 0 when it can be started, 1 when it cannot. A run instead of a checkpoint means its newest one.',
    `Kinds: ${PLAN_KINDS.join(', ')}.`,
    'start takes the settings of a run, where one is named; re-run takes a run.',
    "How it starts is what the workspace's .vscode/settings.json sets (npt.*) unless an option says otherwise.",
  ],
  positionals: { least: 1, most: 2 },
  options: PLAN_OPTIONS,
  async run(invocation) {
    const [word = '', place] = invocation.positionals;
    const kind = oneOf('The kind', word, PLAN_KINDS);
    if (place === undefined && kind !== 'start') throw new UsageError(`Usage: ${SUMMARIES.plan.usage}`);
    return shownPlans(await makePlans(await requestsOf(kind, place, invocation)));
  },
};

/** Plans as a command's answer. @throws UsageError where what they start from is not there */
export function shownPlans(plans: readonly Plan[]): Result {
  for (const { errors } of plans) {
    const missing = errors.find(({ code }) => code === 'not-found');
    if (missing !== undefined) throw new UsageError(missing.message);
  }
  return {
    document: plans.length === 1 ? plans[0] : { plans },
    text: plans.map(planText).join('\n'),
    yes: plans.every(({ errors }) => errors.length === 0),
  };
}

/** A request for each combination of the values that were given. @throws UsageError */
export async function requestsOf(
  kind: PlanKind,
  place: string | undefined,
  invocation: Invocation,
): Promise<readonly PlanRequest[]> {
  const { option } = invocation;
  const values = changedValues(invocation);
  const steps = option('steps');
  if (steps !== undefined && !/^[1-9]\d*$/.test(steps)) {
    throw new UsageError(`--steps "${steps}" is not a whole number from 1.`);
  }
  const at = place === undefined ? undefined : path.resolve(place);
  const root = path.resolve(option('workspace') ?? (at === undefined ? '.' : await workspaceRootOf(at)));
  const { gpus, here, ...launch } = await chosenLaunch(root, invocation);
  const request: PlanRequest = {
    kind,
    ...(at === undefined ? {} : { [PLACES[kind]]: at }),
    preset: option('preset'),
    stage: option('stage'),
    additionalSteps: steps === undefined ? undefined : Number(steps),
    name: option('name'),
    askScript,
    workspaceRoot: option('workspace'),
    ...launch,
  };
  const requests = requestsFor(request, values);
  if (gpus === null || 'device' in values) return requests;
  const changes = deviceChange(await makePlans(requests.slice(0, 1)), gpus, here);
  return requests.map((each) => ({ ...each, changes: { ...each.changes, ...changes } }));
}

/** New values by argument; several make several runs, as in the window. @throws UsageError */
function changedValues({ all, option }: Invocation): Readonly<Record<string, readonly string[]>> {
  const changes = new Map<string, readonly string[]>();
  for (const word of all('set')) {
    const equals = word.indexOf('=');
    if (equals < 1) throw new UsageError(`--set "${word}" is not NAME=VALUE.`);
    const name = word.slice(0, equals);
    changes.set(name, valuesOf(name, word.slice(equals + 1)));
  }
  const values = Object.fromEntries(changes);
  const count = branchCount(values);
  if (count > MOST_BRANCHES) throw new UsageError(`These are ${count} runs; ${MOST_BRANCHES} are the most at once.`);
  if (count > 1 && option('name') !== undefined) {
    throw new UsageError(`--name names one run, and these are ${count}: they are named for what changes.`);
  }
  return values;
}

function valuesOf(name: string, typed: string): readonly string[] {
  const argument = findArgument(name);
  // What another trainer's argument may hold, its script says.
  if (argument === undefined) return [typed];
  try {
    return readAlternatives(argument, typed);
  } catch (error) {
    if (!(error instanceof ValueRefused)) throw error;
    // A single value's mistake is one of the plan's messages, beside whatever else is in its way.
    if (argument.validate(typed) === error.message) return [typed];
    throw new UsageError(`--set ${name}: ${error.message}`);
  }
}

const LAUNCH_WORDS = {
  launcher: 'launcher',
  variables: 'environment',
  envFile: 'variables from',
  modules: 'modules',
  conda: 'conda environment',
  restarts: 'restarts at most',
} as const;

function planText(plan: Plan): string {
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
