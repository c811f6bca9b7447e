/**
 * Makes plans (contract sections 5 and 8). Nothing is started or written: a plan says what would run, with which arguments,
 * each with where it came from, what changes, and what could go wrong.
 */
import path from 'node:path';
import { CurriculumError, parseCurriculum, stageAt, type Curriculum } from '../../curriculum';
import { readQueue } from '../../experiment/queueFiles';
import { CHECKPOINTS } from '../../checkpoint/fileNames';
import { WANDB } from '../../experiment/runLayout';
import { exists } from '../../files';
import { valueText } from '../../format';
import { launchFailures, readLaunch } from '../launchers';
import { findArgument } from '../../arguments/arguments';
import { combinations } from '../../arguments/values';
import { fieldCommand } from '../field/command';
import { questionsOf } from '../field/questions';
import { diskRoom } from './diskRoom';
import { reRunSource, startSource } from './freshSource';
import type { Plan, PlanMessage, PlannedArgument } from './plan';
import { readChanges } from './planChanges';
import { commandsOf, interpreterOf } from './planCommand';
import { type PlanSource, PlanSourceError, readPlanSource } from './planSource';
import type { PlanDraft, Surroundings } from './planDraft';
import type { PlanRequest } from './request';
import { judge } from './messages';
import { Said } from './messages/say';
import { judgeSurroundings } from './messages/surroundings';
import { kindOf, parentOf, runOf } from './planRun';
import type { StoredArgument } from './storedArguments';
import { type UnsavedArguments, sameValue, unsavedArguments } from './unsavedArguments';
import { lookAtScript, workspaceRootOf } from './trainerScript';

export const DEFAULT_SCRIPT = 'scripts/train_multi_layer_npt.py';

/** Never rejects for what is on disk or what was typed: that is in the plan's `errors`. */
export function makePlan(request: PlanRequest): Promise<Plan> {
  return planFor(request, new Set());
}

/** One request for each combination of one value per argument. */
export function requestsFor<Request extends Pick<PlanRequest, 'kind' | 'changes'>>(
  request: Request,
  values: Readonly<Record<string, readonly string[]>> = {},
): Request[] {
  return combinations(values).map((changes) => ({ ...request, changes: { ...request.changes, ...changes } }));
}

/** Plans that are started together: their new runs have different names. */
export async function makePlans(requests: readonly PlanRequest[]): Promise<Plan[]> {
  const plans: Plan[] = [];
  const taken = new Set<string>();
  for (const request of requests) {
    const plan = await planFor(request, taken);
    taken.add(plan.run);
    plans.push(plan);
  }
  return plans;
}

async function planFor(request: PlanRequest, taken: ReadonlySet<string>): Promise<Plan> {
  let source: PlanSource;
  const place = request.checkpoint ?? request.from;
  try {
    source = await sourceOf(request);
  } catch (error) {
    if (!(error instanceof PlanSourceError)) throw error;
    return emptyPlan(request, { code: error.code, message: error.message, ...remediesOf(error) });
  }
  const errors: PlanMessage[] = [];
  const cwd = await rootOf(request, source.path ?? place);
  const { isOurs, ...surroundings } = await surroundingsOf(request, cwd);
  const { help, scriptUnknown } = isOurs ? { help: null, scriptUnknown: null } : await optionsOf(request, surroundings);
  const typed = readChanges(request, source, help, errors);
  const { kind, newRun } = kindOf(request, source);
  const planned = planArguments(source, typed, newRun ? null : unsavedArguments(source));
  // A run that waits in the queue has its name before it has its folder.
  const waiting = (await readQueue(cwd)).entries.map((entry) => entry.run);
  const names = new Set([...taken, ...waiting]);
  const run = await runOf({ request, kind, newRun, source, cwd, planned, taken: names }, errors);
  const curriculum = curriculumOf(planned, source);
  const draft: PlanDraft = {
    ...{ request, kind, newRun, source, arguments: planned, curriculum, run, ...surroundings },
    ...{ ourTrainer: isOurs, help, scriptUnknown },
    field:
      help &&
      fieldCommand(help, planned, source.arguments, request.changes ?? {}, {
        checkpoint: source.path !== null,
        folder: newRun,
      }),
    disk: await diskRoom(source, planned, run),
    modelIsFolder: await modelIsFolder(planned, cwd),
    hasWandbRun: source.run !== null && (await exists(path.join(source.run.path, WANDB))),
  };
  const judged = judge(draft);
  return {
    kind,
    run,
    newRun,
    parent: parentOf(newRun, source),
    checkpoint: source.path,
    from: request.from === undefined ? null : path.resolve(request.from),
    preset: request.preset ?? null,
    cwd,
    launch: draft.launch,
    interpreter: draft.interpreter,
    ...commandsOf(draft),
    arguments: planned,
    curriculum: curriculum?.stages ?? [],
    stageAtStart: curriculum === null ? null : stageAt(curriculum, source.step).stage.name,
    startStep: source.step,
    questions: questionsOf(draft),
    warnings: [...source.warnings, ...judged.warnings],
    errors: [...source.errors, ...errors, ...judged.errors],
  };
}

async function surroundingsOf(request: PlanRequest, cwd: string): Promise<Surroundings & { readonly isOurs: boolean }> {
  const script = request.script ?? DEFAULT_SCRIPT;
  const { isOurs, failure } = await lookAtScript(path.resolve(cwd, script));
  const { launch, problems } = readLaunch(request.launch);
  const wrong = problems.map((message) => ({ code: 'invalid-launch', message }));
  return {
    ...{ cwd, script, isOurs, scriptFailure: failure, launch },
    launchFailures: wrong.length === 0 ? await launchFailures(launch) : wrong,
    interpreter: interpreterOf(request),
    lacks: request.lacks ?? [],
  };
}

/** The options of another trainer's script, where they may be asked for. */
async function optionsOf(
  { askScript }: PlanRequest,
  { interpreter, script, scriptFailure, cwd, launch }: Surroundings,
): Promise<Pick<PlanDraft, 'help' | 'scriptUnknown'>> {
  if (askScript === undefined || scriptFailure !== null) return { help: null, scriptUnknown: null };
  const answer = await askScript({
    ...{ interpreter, script: path.resolve(cwd, script), folder: cwd },
    variables: launch.environment.variables,
  });
  return 'help' in answer ? { help: answer.help, scriptUnknown: null } : { help: null, scriptUnknown: answer.failure };
}

/** @throws PlanSourceError */
async function sourceOf(request: PlanRequest): Promise<PlanSource> {
  const { kind, checkpoint, from } = request;
  if (kind === 'start') return startSource(request, await rootOf(request, from));
  if (kind === 're-run') return reRunSource(request, await rootOf(request, from));
  if (checkpoint === undefined) throw new PlanSourceError('not-found', `Name the checkpoint to ${kind} from.`);
  return readPlanSource(checkpoint, request.notValid);
}

/** Absolute path of the training workspace. @param place what is trained from, where that is anything */
async function rootOf({ workspaceRoot }: PlanRequest, place: string | undefined): Promise<string> {
  return path.resolve(workspaceRoot ?? (place === undefined ? '.' : await workspaceRootOf(place)));
}

function remediesOf({ remedies }: PlanSourceError): Pick<PlanMessage, 'remedies'> {
  return remedies.length === 0 ? {} : { remedies };
}

function planArguments(
  source: PlanSource,
  changes: ReadonlyMap<string, unknown>,
  unsaved: UnsavedArguments | null,
): PlannedArgument[] {
  const own = [...changes].filter(([name]) => !source.arguments.has(name) && findArgument(name) === undefined);
  const known = [...source.arguments].map(([name, stored]: [string, StoredArgument]): PlannedArgument => {
    const changed = changes.get(name);
    const carried = changes.has(name) || unsaved?.carried !== true ? undefined : unsaved.values.get(name);
    const next = changed ?? carried;
    if (next === undefined || sameValue(name, next, stored.value)) {
      const answered = changed !== undefined && source.translated && stored.source === 'default';
      return { name, value: stored.value, source: answered ? 'answered' : stored.source, previous: null };
    }
    return { name, value: next, source: changed === undefined ? 'run' : 'changed', previous: stored.value };
  });
  return [...known, ...own.map(([name, value]) => ({ name, value, source: 'changed' as const, previous: null }))];
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

/** A folder may have been moved, or hold what the hub has under a name: only the trainer can tell whether it is the same. */
async function modelIsFolder(planned: readonly PlannedArgument[], cwd: string): Promise<boolean> {
  const model = planned.find((item) => item.name === 'model_name');
  if (model?.source !== 'changed') return false;
  for (const name of [valueText(model.previous), valueText(model.value)]) {
    if (/^([/~.]|[A-Za-z]:)/.test(name) || (await exists(path.resolve(cwd, name)))) return true;
  }
  return false;
}

async function emptyPlan(request: PlanRequest, error: PlanMessage): Promise<Plan> {
  const place = request.checkpoint ?? request.from;
  const cwd = await rootOf(request, place);
  const target = path.resolve(cwd, place ?? '');
  const inRun = path.basename(path.dirname(target)) === CHECKPOINTS;
  // What else would be in the way is said at once.
  const said = new Said();
  const surroundings = await surroundingsOf(request, cwd);
  judgeSurroundings(surroundings, said);
  return {
    kind: request.kind,
    run: inRun ? path.dirname(path.dirname(target)) : target,
    newRun: false,
    parent: null,
    checkpoint: request.checkpoint === undefined ? null : path.resolve(request.checkpoint),
    from: request.from === undefined ? null : path.resolve(request.from),
    preset: request.preset ?? null,
    cwd,
    launch: surroundings.launch,
    interpreter: surroundings.interpreter,
    argv: [],
    again: [],
    arguments: [],
    curriculum: [],
    stageAtStart: null,
    startStep: 0,
    questions: [],
    warnings: said.warnings,
    errors: [error, ...said.errors],
  };
}
