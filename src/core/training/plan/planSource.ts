/** What a plan starts from: a checkpoint on disk with its run, and every argument's value with where it was found. */
import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { type CheckpointFacts, readCheckpointFacts } from '../../checkpoint/facts';
import { CHECKPOINTS, CONFIG, WEIGHTS } from '../../checkpoint/fileNames';
import { layoutOf } from '../../checkpoint/layouts';
import { CheckpointPathError } from '../../checkpoint/pathErrors';
import { type Finding } from '../../checkpoint/report/report';
import { verdictOf } from '../../checkpoint/validate/findings';
import { validateCheckpoint } from '../../checkpoint/validate/validate';
import { type Curriculum, CurriculumError, curriculumFromEntries } from '../../curriculum';
import { allCheckpoints, newestComplete, newestUsable } from '../../experiment/checkpoints';
import { danglingLink, isAbsent, isFileError, readFailure, regularStats } from '../../files';
import { readDocument } from '../../jsonFile';
import { FileContentError, type JsonObject, isObject, parseDocument } from '../../jsonText';
import type { Checkpoint, Run } from '../../experiment/model';
import { ScanContext, scanRun } from '../../experiment/scan';
import type { TorchFile } from '../../torchfile/torchFile';
import { askProcess } from '../launchers';
import type { PlanMessage, PlanRemedy } from './plan';
import { type StoredArgument, collect, curriculumOf, found } from './storedArguments';

export interface PlanSource {
  /** Absolute path of the checkpoint's folder; null for a start from nothing. */
  readonly path: string | null;
  /** The checkpoint's name; empty for a start from nothing. */
  readonly name: string;
  /** 0 for a start from nothing. */
  readonly step: number;
  /** The run that the checkpoint's path is in, wherever it was moved; null for a checkpoint outside a run. */
  readonly run: Run | null;
  /** The run was named, and means its newest checkpoint that can be used at the time of the start. */
  readonly namesRun: boolean;
  /** The run's newest checkpoint that can be used. */
  readonly newest: Checkpoint | null;
  /** The run has newer checkpoints, which are known to be wrong: training goes on in it all the same. */
  readonly passedOver: boolean;
  readonly arguments: ReadonlyMap<string, StoredArgument>;
  /** Those that the trainer would not find by itself: they have to be on its command line. */
  readonly passed: ReadonlySet<string>;
  readonly curriculum: Curriculum | null;
  /** The learning-rate schedule as stored; null for other trainers', whose schedules are functions of their own. */
  readonly schedule: { readonly endStep: number; readonly baseRate: number } | null;
  /** Another NPT trainer wrote it (contract section 7), and our trainer translates it. */
  readonly translated: boolean;
  /** Put together from several runs; where the merge is another trainer's, its optimizer state does not fit its weights. */
  readonly merged: boolean;
  /** What can be resumed, but not as one would expect. */
  readonly warnings: readonly PlanMessage[];
  /** What validation finds wrong with the files as they are; a resume refuses it too. */
  readonly errors: readonly PlanMessage[];
}

/** The start cannot be used; `message` is one line. */
export class PlanSourceError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly remedies: readonly PlanRemedy[] = [],
  ) {
    super(message);
    this.name = 'PlanSourceError';
  }
}

/**
 * Reads a checkpoint's facts for a plan.
 *
 * @param target a checkpoint's folder, or a run's (its newest complete checkpoint)
 * @throws PlanSourceError when there is nothing that training can go on from
 */
export async function readPlanSource(target: string, notValid: NotValid = new Map()): Promise<PlanSource> {
  const checkpointPath = path.resolve(target);
  const context = new ScanContext({ ask: askProcess });
  await lookAt(checkpointPath);
  const inRun = path.basename(path.dirname(checkpointPath)) === CHECKPOINTS;
  const hasWeights = await isReadable(path.join(checkpointPath, WEIGHTS));
  if (!hasWeights) await refuseOtherLayout(checkpointPath);
  const asRun = hasWeights || inRun ? null : await scanRun(checkpointPath, context);
  if (asRun !== null) return { ...(await fromRun(asRun, notValid, context)), namesRun: true };

  const run = inRun ? await scanRun(path.dirname(path.dirname(checkpointPath)), context) : null;
  const known = run === null ? undefined : allCheckpoints(run).find((checkpoint) => checkpoint.path === checkpointPath);
  if (known?.state === 'writing') throw unusable(known, run);
  if (!hasWeights) {
    throw new PlanSourceError('not-found', `NPT weights not found: ${checkpointPath} has no npt_weights.pt.`);
  }
  if (known?.state === 'broken') throw unusable(known, run);
  const wrong = notValid.get(checkpointPath);
  if (wrong !== undefined) throw refused(path.basename(checkpointPath), wrong, run, notValid);
  try {
    return await fromCheckpoint(checkpointPath, run, known, notValid);
  } catch (error) {
    if (!(error instanceof CheckpointPathError)) throw error;
    // Deleted since it was looked at: by the trainer's limit, or by a person.
    const left = run === null ? null : await scanRun(run.path, context);
    const remedies = useInstead(left && newestUsable(left, notValid));
    throw new PlanSourceError('not-found', `NPT weights not found: ${error.message}`, remedies);
  }
}

/** @throws PlanSourceError where a path leads nowhere, or may not be looked at */
async function lookAt(target: string): Promise<void> {
  try {
    await stat(target);
  } catch (error) {
    if (!isAbsent(error)) throw new PlanSourceError('checkpoint-unreadable', `${target} ${readFailure(error)}.`);
    const why = readFailure(danglingLink(target) ?? error);
    throw new PlanSourceError('not-found', `NPT weights not found: ${target} ${why}.`);
  }
}

/** False for a file that is not there. @throws PlanSourceError for one that no trainer could open */
async function isReadable(file: string): Promise<boolean> {
  try {
    if ((await regularStats(file)) === null) return false;
    await access(file, constants.R_OK);
    return true;
  } catch (error) {
    if (!isFileError(error)) throw error;
    throw new PlanSourceError('checkpoint-unreadable', `${file} ${readFailure(error)}.`);
  }
}

/** What is known of checkpoints beside what the scan sees: not valid, by absolute path, and why. */
type NotValid = ReadonlyMap<string, string>;

function refused(name: string, why: string, run: Run | null, notValid: NotValid): PlanSourceError {
  const newest = run === null ? undefined : newestUsable(run, notValid);
  const instead = newest === undefined ? '' : ` The newest one that can be used is ${newest.name}.`;
  return new PlanSourceError('checkpoint-not-valid', `${name} is not valid: ${why}.${instead}`, useInstead(newest));
}

function useInstead(checkpoint: Checkpoint | null | undefined): PlanRemedy[] {
  if (checkpoint === null || checkpoint === undefined) return [];
  return [{ kind: 'plan', label: `Use ${checkpoint.name}`, request: { checkpoint: checkpoint.path } }];
}

/** @throws PlanSourceError for a checkpoint that our trainer does not go on from; what is none passes */
async function refuseOtherLayout(folder: string): Promise<void> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isFileError(error)) return; // what it is, the rest of the plan finds out
    throw error;
  }
  const refusal = layoutOf({ names: new Set(names) }).refusal(path.basename(folder));
  if (refusal !== null) throw new PlanSourceError('other-layout', refusal);
}

async function fromRun(run: Run, notValid: NotValid, context: ScanContext): Promise<PlanSource> {
  const newest = newestUsable(run, notValid);
  if (newest !== undefined) {
    await refuseOtherLayout(newest.path);
    let source: PlanSource;
    try {
      source = await fromCheckpoint(newest.path, run, newest, notValid);
    } catch (error) {
      if (!(error instanceof CheckpointPathError)) throw error;
      // Deleted since it was looked at: whatever is the newest now is what is meant.
      const now = await scanRun(run.path, context);
      if (now === null) throw new PlanSourceError('not-found', `NPT weights not found: ${error.message}`);
      return fromRun(now, notValid, context);
    }
    const wrong = source.errors.find(({ code }) => code === NOT_VALID);
    if (wrong === undefined) return source;
    // A run means its newest valid checkpoint. Where there is none, the newest one says what is wrong with it.
    const why = wrong.message.slice(cannotBeUsed(newest.path).length).replace(/\.$/, '');
    const known = new Map([...notValid, [newest.path, why]]);
    return newestUsable(run, known) === undefined ? source : fromRun(run, known, context);
  }
  const known = newestComplete(run);
  if (known !== undefined) throw refused(known.name, notValid.get(known.path) ?? '', run, notValid);
  const [broken] = run.checkpoints.slice(-1);
  const why = broken === undefined ? 'it has no checkpoint' : `${broken.name}: ${broken.stateReason ?? broken.state}`;
  throw new PlanSourceError('not-found', `NPT weights not found: nothing to resume in ${run.path} (${why}).`);
}

function unusable(checkpoint: Checkpoint, run: Run | null): PlanSourceError {
  if (checkpoint.state === 'writing') {
    return new PlanSourceError(
      'checkpoint-incomplete',
      `${checkpoint.name} is still being written: wait until it is complete.`,
    );
  }
  const newest = run === null ? null : (newestComplete(run) ?? null);
  const instead = newest === null ? 'The run has no complete checkpoint' : `The newest complete one is ${newest.name}`;
  return new PlanSourceError(
    'checkpoint-broken',
    `${checkpoint.name} is broken: ${checkpoint.stateReason ?? 'files are missing'}. ${instead}.`,
    useInstead(newest),
  );
}

/** @throws CheckpointPathError where it is deleted meanwhile */
async function fromCheckpoint(
  folder: string,
  run: Run | null,
  known: Checkpoint | undefined,
  notValid: NotValid,
): Promise<PlanSource> {
  // Its files say more than a failed read of facts does: a document that is damaged is named.
  const config = (await configOf(path.join(folder, CONFIG))) ?? {};
  const opened = new Map<string, TorchFile>();
  const { findings } = await validateCheckpoint(folder, {
    level: 'structure',
    onTorchFile: (name, file) => {
      opened.set(name, file);
    },
  });
  const facts = await readCheckpointFacts(folder, opened);
  const step = facts.step ?? known?.step;
  if (step === undefined) {
    throw new PlanSourceError('checkpoint-broken', `${folder} does not say which step it is of.`);
  }
  const { translated } = facts.layout;
  const newest = run === null ? null : (newestUsable(run, notValid) ?? null);
  const passed = run === null || (newest !== null && newest.step > step) ? [] : passedOver(run, step, notValid);
  const warnings: PlanMessage[] = passed.map((line) => ({ code: 'passed-over', message: line }));
  for (const { code, message } of findings) if (TOLD.has(code)) warnings.push({ code, message });
  const scheduled = translated ? scheduleOf(facts, warnings) : null;
  const stored = collect(config, run, translated ? facts : null, scheduled);
  return {
    path: folder,
    name: path.basename(folder),
    step,
    run,
    namesRun: false,
    newest,
    passedOver: passed.length > 0,
    arguments: stored,
    passed: translated ? found(stored) : new Set(),
    curriculum: scheduled ?? curriculumOf(stored, warnings),
    schedule: translated ? null : readSchedule(facts.schedulerStateDict),
    translated,
    merged: facts.merged || isObject(config.merge_info),
    warnings,
    errors: refusals(folder, findings, run, notValid),
  };
}

/** A line for each newer checkpoint that training goes on without. Broken ones are passed over by the trainer itself, too. */
function passedOver(run: Run, step: number, notValid: NotValid): string[] {
  return run.checkpoints.flatMap(({ name, step: at, state, path: folder }) => {
    const why = notValid.get(folder);
    return at <= step || state !== 'complete' || why === undefined
      ? []
      : [`${name} is not valid, and passed over: ${why}.`];
  });
}

/** Why nothing goes on from a checkpoint that is not valid; damage that only a look at every byte shows, the trainer refuses. */
function refusals(folder: string, findings: readonly Finding[], run: Run | null, notValid: NotValid): PlanMessage[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const first = errors.find((item) => verdictOf([item]) === 'dangerous') ?? errors[0];
  if (first === undefined) return [];
  const message = `${cannotBeUsed(folder)}${first.message}`;
  const remedies = useInstead(run && newestUsable(run, new Map([...notValid, [folder, first.message]])));
  return [{ code: NOT_VALID, message, ...(remedies.length === 0 ? {} : { remedies }) }];
}

const NOT_VALID = 'checkpoint-invalid';

function cannotBeUsed(folder: string): string {
  return `${path.basename(folder)} cannot be used: `;
}

/** Findings that leave a checkpoint valid, of which a resume says the same. */
const TOLD: ReadonlySet<string> = new Set([
  'optimizer-other',
  'optimizer-order',
  'optimizer-empty',
  'optimizer-converted',
  'encoded-pickle',
]);

function readSchedule(state: JsonObject | null): PlanSource['schedule'] {
  const endStep = state?.end_step;
  const baseRate = state?.base_rate;
  return typeof endStep === 'number' && typeof baseRate === 'number' ? { endStep, baseRate } : null;
}

function scheduleOf(facts: CheckpointFacts, warnings: PlanMessage[]): Curriculum | null {
  if (facts.curriculumSchedule === null) return null;
  try {
    return curriculumFromEntries(facts.curriculumSchedule);
  } catch (error) {
    if (!(error instanceof CurriculumError)) throw error;
    warnings.push({ code: 'curriculum-unreadable', message: `The stored curriculum cannot be used: ${error.message}` });
    return null;
  }
}

/** A JSON file; null where there is none. */
async function configOf(file: string): Promise<JsonObject | null> {
  try {
    return parseDocument(await readDocument(file));
  } catch (error) {
    if (isAbsent(error)) return null;
    if (!isFileError(error) && !(error instanceof FileContentError)) throw error;
    throw new PlanSourceError(
      'checkpoint-broken',
      `${file} ${error instanceof FileContentError ? error.message : readFailure(error)}.`,
    );
  }
}
