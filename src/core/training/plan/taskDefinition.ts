/** An `npt` task as tasks.json writes it (package.json, `taskDefinitions`): read into a request, and made from a plan. */
import path from 'node:path';
import { typedText } from '../../arguments/separated';
import { isObject } from '../../jsonText';
import { PROGRAM_KINDS } from '../checkpointPrograms';
import { type Launch, LAUNCHER_KINDS } from '../launchers';
import type { Plan } from './plan';
import { PLAN_KINDS, type PlanKind, type TrainingRequest } from './request';
import { inWorkspace } from './trainerScript';

export type { TrainingRequest } from './request';

export interface TaskDefinition {
  readonly type: 'npt';
  readonly kind: PlanKind;
  /** The checkpoint's folder, or a run's; absolute, or relative to the workspace folder. */
  readonly checkpoint?: string;
  /** A run's folder, likewise: whose command a re-run runs again, or whose settings a start takes. */
  readonly from?: string;
  /** The preset whose arguments a start takes. */
  readonly preset?: string;
  /** The stage that a debug jumps to. */
  readonly stage?: string;
  readonly changes?: Readonly<Record<string, string | number | boolean>>;
  readonly additionalSteps?: number;
  /** Folder name of a new run. */
  readonly name?: string;
  /** What starts the trainer, instead of what the settings say. */
  readonly launcher?: string;
  /** Values of its options (`options` is VS Code's own word in tasks.json); those that are left out are as they are set. */
  readonly launcherOptions?: Launch['options'];
}

/** What a kind of plan starts from: it has to be given, but for a start. */
export const PLACES: Readonly<Record<PlanKind, 'checkpoint' | 'from'>> = {
  start: 'from',
  resume: 'checkpoint',
  extend: 'checkpoint',
  'fine-tune': 'checkpoint',
  debug: 'checkpoint',
  branch: 'checkpoint',
  're-run': 'from',
};

/**
 * What somebody wrote in tasks.json, as a request.
 *
 * @param root absolute path of the workspace folder
 * @returns in one line what is wrong with it, where it is no request
 */
export function requestOf(definition: Readonly<Record<string, unknown>>, root: string): TrainingRequest | string {
  const { kind, changes = {}, additionalSteps } = definition;
  const known = PLAN_KINDS.find((each) => each === kind);
  if (known === undefined) return `"kind" is ${shown(kind)}: write ${[...PLAN_KINDS, ...PROGRAM_KINDS].join(', ')}.`;
  const place = PLACES[known];
  const named = definition[place];
  if ((known !== 'start' || named !== undefined) && !isText(named)) {
    const what = place === 'from' ? 'the path of a run' : 'the path of a checkpoint or of a run';
    return `"${place}" is ${shown(named)}: write ${what}.`;
  }
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) {
    return `"changes" is ${shown(changes)}: write an object of arguments and their values.`;
  }
  const typed = new Map<string, string>();
  for (const [argument, value] of Object.entries(changes as Record<string, unknown>)) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      return `"changes" gives ${argument} the value ${shown(value)}: write a text, a number, true or false.`;
    }
    typed.set(argument, String(value));
  }
  if (additionalSteps !== undefined && !(Number.isSafeInteger(additionalSteps) && Number(additionalSteps) > 0)) {
    return `"additionalSteps" is ${shown(additionalSteps)}: write a whole number from 1.`;
  }
  const texts = new Map<string, string>();
  for (const [key, what] of Object.entries(TEXTS)) {
    const text = definition[key];
    if (text === undefined) continue;
    if (!isText(text)) return `"${key}" is ${shown(text)}: write ${what}.`;
    texts.set(key, text);
  }
  const launch = launchOf(definition);
  if (typeof launch === 'string') return launch;
  return {
    kind: known,
    ...(isText(named) ? { [place]: path.resolve(root, named) } : {}),
    name: undefined,
    ...Object.fromEntries(texts),
    changes: Object.fromEntries(typed),
    additionalSteps: additionalSteps === undefined ? undefined : Number(additionalSteps),
    ...(launch === undefined ? {} : { launch }),
  };
}

/** What a definition says of how to start; the values of options are judged with the plan. @returns what is wrong with it */
function launchOf({
  launcher,
  launcherOptions: options,
}: Readonly<Record<string, unknown>>): TrainingRequest['launch'] | string {
  if (launcher === undefined && options === undefined) return undefined;
  const kind = LAUNCHER_KINDS.find((known) => known === launcher);
  if (kind === undefined) return `"launcher" is ${shown(launcher)}: write ${LAUNCHER_KINDS.join(', ')}.`;
  if (options === undefined) return { kind };
  if (!isObject(options)) return `"launcherOptions" is ${shown(options)}: write an object of the launcher's options.`;
  return { kind, options };
}

const TEXTS = {
  name: 'the name of a folder',
  preset: 'the name of a preset',
  stage: 'a stage, such as student or mixed:0.5',
} as const;

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}

/** A plan as tasks.json would ask for it. */
export function definitionOf(plan: Plan): TaskDefinition {
  const changed = plan.arguments.filter(({ source }) => source === 'changed' || source === 'answered');
  const place = PLACES[plan.kind];
  const named = plan[place];
  return {
    type: 'npt',
    kind: plan.kind,
    ...(named === null ? {} : { [place]: inWorkspace(named, plan.cwd) }),
    ...(plan.preset === null ? {} : { preset: plan.preset }),
    ...(changed.length === 0
      ? {}
      : { changes: Object.fromEntries(changed.map(({ name, value }) => [name, typedText(value)])) }),
    ...(plan.newRun ? { name: path.basename(plan.run) } : {}),
  };
}

/** A plan as an entry of tasks.json, which says what it does, and starts it as the plan would, whatever is set by then. */
export function taskEntry(plan: Plan): TaskDefinition & { readonly label: string } {
  const { kind: launcher, options: launcherOptions } = plan.launch;
  return { label: `${plan.kind} ${path.basename(plan.run)}`, ...definitionOf(plan), launcher, launcherOptions };
}
