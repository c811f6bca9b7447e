/**
 * Makes plans (contract sections 5 and 8). Nothing is started or written: a plan says what would run, with which arguments,
 * each with where it came from, what changes, and what could go wrong.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { CurriculumError, parseCurriculum, stageAt, type Curriculum } from '../../curriculum';
import { TRAINER_ARGUMENTS, findArgument, type TrainerArgument } from '../../arguments/arguments';
import { valueText } from '../../format';
import { branchName, checkRunName, freeFolder } from './branchName';
import { launcherOf, launchFailures, readLaunch } from '../launchers';
import type { Plan, PlanKind, PlanMessage, PlannedArgument } from './plan';
import { type PlanSource, PlanSourceError, readPlanSource } from './planSource';
import type { PlanDraft, PlanRequest } from './planDraft';
import { judge } from './planMessages';
import { type UnsavedArguments, sameValue, unsavedArguments } from './unsavedArguments';
import { inWorkspace, lookAtScript, workspaceRootOf } from './trainerScript';
import { combinations } from '../../arguments/values';

/** Steps that `extend` adds unless told otherwise, as resume_training.sh does. */
export const DEFAULT_ADDITIONAL_STEPS = 15000;
export const DEFAULT_SCRIPT = 'scripts/train_multi_layer_npt.py';

/** Never rejects for what is on disk or what was typed: that is in the plan's `errors`. */
export function makePlan(request: PlanRequest): Promise<Plan> {
  return planFor(request, new Set());
}

/** One plan for each combination of one value per argument; their new runs have different names. */
export async function makePlans(
  request: PlanRequest,
  values: Readonly<Record<string, readonly string[]>> = {},
): Promise<Plan[]> {
  const plans: Plan[] = [];
  const taken = new Set<string>();
  for (const changes of combinations(values)) {
    const plan = await planFor({ ...request, changes: { ...request.changes, ...changes } }, taken);
    taken.add(plan.run);
    plans.push(plan);
  }
  return plans;
}

async function planFor(request: PlanRequest, taken: ReadonlySet<string>): Promise<Plan> {
  let source: PlanSource;
  try {
    source = await readPlanSource(request.checkpoint, request.notValid);
  } catch (error) {
    if (!(error instanceof PlanSourceError)) throw error;
    return emptyPlan(request, { code: error.code, message: error.message });
  }
  const errors: PlanMessage[] = [];
  const typed = readChanges(request, source, errors);
  const kind = kindOf(request.kind, source);
  const planned = planArguments(source, typed, kind === 'branch' ? null : unsavedArguments(source));
  const changed = new Map(planned.filter((item) => item.source === 'changed').map((item) => [item.name, item.value]));

  const cwd = path.resolve(request.workspaceRoot ?? (await workspaceRootOf(source.path)));
  const script = request.script ?? DEFAULT_SCRIPT;
  const run = await runOf(request, kind, source, cwd, Object.fromEntries(changed), taken, errors);
  const curriculum = curriculumOf(planned, source);
  const trainer = await lookAtScript(path.resolve(cwd, script));
  const { launch, problems } = readLaunch(request.launch);
  errors.push(...problems.map((message) => ({ code: 'invalid-launch', message })));
  const draft: PlanDraft = {
    ...{ request, kind, source, launch, arguments: planned, curriculum, run, cwd, script },
    scriptFailure: trainer.failure,
    launchFailures: problems.length === 0 ? await launchFailures(launch) : [],
    ourTrainer: trainer.isOurs,
  };
  const judged = judge(draft);
  return {
    kind,
    run,
    parent: parentOf(kind, source),
    checkpoint: source.path,
    cwd,
    launch,
    interpreter: interpreterOf(request),
    ...commandsOf(draft, changed),
    arguments: planned,
    curriculum: curriculum?.stages ?? [],
    stageAtStart: curriculum === null ? null : stageAt(curriculum, source.step).stage.name,
    startStep: source.step,
    warnings: [...source.warnings, ...judged.warnings],
    errors: [...source.errors, ...errors, ...judged.errors],
  };
}

/** Typed changes that differ from what is stored, by name; what is wrong with the others goes to `errors`. */
function readChanges(request: PlanRequest, source: PlanSource, errors: PlanMessage[]): Map<string, unknown> {
  const changes = new Map<string, unknown>();
  for (const [name, typed] of Object.entries(request.changes ?? {})) {
    const argument = TRAINER_ARGUMENTS.find((known) => known.name === name);
    if (argument === undefined) {
      const why = findArgument(name) === undefined ? 'The trainer has no such argument' : 'It is not for changing here';
      errors.push({ code: 'unknown-argument', message: `${name}: ${why}.` });
      continue;
    }
    const wrong = argument.validate(typed);
    if (wrong !== null) errors.push({ code: 'invalid-value', message: `${name}: ${wrong}` });
    else changes.set(name, argument.read(typed));
  }
  const steps =
    request.additionalSteps ??
    (request.kind === 'extend' && !changes.has('max_steps') ? DEFAULT_ADDITIONAL_STEPS : undefined);
  if (steps !== undefined) {
    if (Number.isSafeInteger(steps) && steps > 0) changes.set('max_steps', source.step + steps);
    else
      errors.push({
        code: 'invalid-value',
        message: `${steps} is not a number of additional steps (a whole number from 1).`,
      });
  }
  // The trainer does the same, and a plan shows what will be used.
  if (changes.get('triple_modulation') === true) changes.set('dual_modulation', true);
  if (changes.has('train_file') && !changes.has('dataset_preset')) changes.set('dataset_preset', 'custom');
  return changes;
}

function planArguments(
  source: PlanSource,
  changes: ReadonlyMap<string, unknown>,
  unsaved: UnsavedArguments | null,
): PlannedArgument[] {
  return [...source.arguments].map(([name, stored]): PlannedArgument => {
    const changed = changes.get(name);
    const carried = changes.has(name) || unsaved?.carried !== true ? undefined : unsaved.values.get(name);
    const next = changed ?? carried;
    if (next === undefined || sameValue(name, next, stored.value)) {
      return { name, value: stored.value, source: stored.source, previous: null };
    }
    return { name, value: next, source: changed === undefined ? 'run' : 'changed', previous: stored.value };
  });
}

/** Training on from anything but the run's newest checkpoint makes a new run: nothing that came later is buried. */
function kindOf(asked: PlanKind, source: PlanSource): PlanKind {
  if (asked === 'branch' || source.run === null) return 'branch';
  return source.newest !== null && source.newest.step > source.step ? 'branch' : asked;
}

async function runOf(
  request: PlanRequest,
  kind: PlanKind,
  source: PlanSource,
  cwd: string,
  changes: Readonly<Record<string, unknown>>,
  taken: ReadonlySet<string>,
  errors: PlanMessage[],
): Promise<string> {
  if (kind !== 'branch' && source.run !== null) return source.run.path;
  const folder = source.run === null ? path.join(cwd, 'experiments') : path.dirname(source.run.path);
  if (request.name !== undefined) {
    const name = request.name.trim();
    const wrong = await checkRunName(name, folder);
    if (wrong === null) return path.join(folder, name);
    errors.push({ code: 'invalid-name', message: wrong });
    return path.join(folder, path.basename(name === '' ? 'branch' : name));
  }
  const distinct = request.kind === 'branch' ? changes : {};
  return freeFolder(path.join(folder, branchName(originOf(source), source.step, distinct)), taken);
}

function parentOf(kind: PlanKind, source: PlanSource): Plan['parent'] {
  if (kind !== 'branch') return null;
  return { id: source.run?.id ?? null, run: originOf(source), checkpoint: source.name, step: source.step };
}

/** What a branch is named after: the run, or the checkpoint where there is none around it. */
function originOf(source: PlanSource): string {
  return source.run === null ? source.name : path.basename(source.run.path);
}

function curriculumOf(planned: readonly PlannedArgument[], source: PlanSource): Curriculum | null {
  const item = planned.find((candidate) => candidate.name === 'curriculum_stages');
  if (item?.source !== 'changed' || typeof item.value !== 'string') return source.curriculum;
  try {
    return parseCurriculum(item.value);
  } catch (error) {
    if (!(error instanceof CurriculumError)) throw error;
    return source.curriculum;
  }
}

function commandsOf(draft: PlanDraft, changed: ReadonlyMap<string, unknown>): Pick<Plan, 'argv' | 'again'> {
  const { request, source, cwd, kind, run, launch } = draft;
  const passed = new Map(changed);
  // Our trainer reads its own checkpoints' arguments itself. Of other trainers' config.json it knows at most seven, under
  // their names; the rest is in their tensors and their run (contract section 7): all that was found is passed.
  if (source.translated) {
    for (const item of draft.arguments) {
      const byDefault = valueText(item.value) === valueText(findArgument(item.name)?.default);
      const refused = source.arguments.get(item.name)?.refused !== undefined && item.source !== 'changed';
      if (item.source !== 'default' && !byDefault && !refused) passed.set(item.name, item.value);
    }
  }
  for (const item of draft.arguments) {
    if (item.source === 'run' && item.previous !== null) passed.set(item.name, item.value);
  }
  const words = [...passed].flatMap(([name, value]) => argvOfArgument(findArgument(name), value));
  const trainer = {
    interpreter: interpreterOf(request),
    script: draft.script,
  };
  const args = [
    '--resume_from',
    inWorkspace(source.path, cwd),
    // Named for a resume, too, that passes newer checkpoints over: the trainer would branch from under them.
    ...(kind === 'branch' || source.passedOver ? ['--output_dir', inWorkspace(run, cwd)] : []),
    ...words,
  ];
  const launcher = launcherOf(launch.kind);
  const first = { ...trainer, args };
  // The run's own newest checkpoint holds everything that was changed.
  const again = { ...trainer, args: ['--resume_from', inWorkspace(run, cwd)] };
  return {
    argv: launcher.argv({ launch, run, cwd, fromStep: source.step, first, again }),
    again: launcher.argv({ launch, run, cwd, fromStep: source.step, first: again, again }),
  };
}

function interpreterOf(request: PlanRequest): string {
  return request.interpreter ?? (process.platform === 'win32' ? 'python' : 'python3');
}

function argvOfArgument(argument: TrainerArgument | undefined, value: unknown): string[] {
  if (argument === undefined || value === null || (Array.isArray(value) && value.length === 0)) return [];
  return argument.argv(value);
}

/** False where there is none, or none that may be looked at. */
async function isFolder(target: string): Promise<boolean> {
  try {
    return (await stat(target)).isDirectory();
  } catch {
    return false;
  }
}

async function emptyPlan(request: PlanRequest, error: PlanMessage): Promise<Plan> {
  const target = path.resolve(request.checkpoint);
  const inRun = (await isFolder(target)) && path.basename(path.dirname(target)) === 'checkpoints';
  return {
    kind: request.kind,
    run: inRun ? path.dirname(path.dirname(target)) : target,
    parent: null,
    checkpoint: target,
    cwd: path.resolve(request.workspaceRoot ?? (await workspaceRootOf(target))),
    launch: readLaunch(request.launch).launch,
    interpreter: interpreterOf(request),
    argv: [],
    again: [],
    arguments: [],
    curriculum: [],
    stageAtStart: null,
    startStep: 0,
    warnings: [],
    errors: [error],
  };
}
