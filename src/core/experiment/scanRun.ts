/** One run's folder as a Run (contract sections 1, 2 and 7). Content that cannot be read becomes a problem, never an exception. */
import type { Stats } from 'node:fs';
import path from 'node:path';
import { LOG_SOURCES, METRICS_FILES } from '../metrics/sources/logs';
import { type Curriculum, CurriculumError, parseCurriculum, stageAt } from '../curriculum';
import { CHECKPOINTS, CONFIG } from '../checkpoint/fileNames';
import { isAhead } from '../checkpoint/writing';
import { readFailure } from '../files';
import { fieldFacts } from './fieldFacts';
import { fieldParent } from './fieldParent';
import type { JsonObject } from '../jsonText';
import { TAIL_BYTES, lastLogged } from './lastLogged';
import type { Checkpoint, Run } from './model';
import { BACKUPS, BEST, BIRTH, EXIT, GROWING, NOTES, PINS, PROCESS } from './runLayout';
import { checkpointsIn, isRun } from './runMarks';
import { isAbout } from './processFolder';
import { readNotes } from './notes';
import { readBackups, readBest, readBirth, readExit, readPins, readProcess } from './runFiles';
import { runState } from './runState';
import type { FoundCheckpoint } from './checkpointContent';
import { assembleCheckpoint } from './scanCheckpoint';
import { scanCheckpoints } from './scanCheckpoints';
import type { ScanContext } from './scanContext';

/**
 * Scans one run's folder.
 *
 * @param runPath absolute
 * @param name as shown; the folder's name, or `parent/child` for a nested sequential run
 * @returns null when the folder is gone or is no run
 */
export async function scanRun(
  runPath: string,
  context: ScanContext,
  name: string = path.basename(runPath),
): Promise<Run | null> {
  // Before it is looked at: what changes meanwhile must not pass for what was seen.
  const checkpoints = path.join(runPath, CHECKPOINTS);
  const signs = await context.signsOfRest(runPath, checkpoints, METRICS_FILES);
  const rested = signs === null ? null : context.atRest(runPath, checkpoints, signs);
  if (rested?.name === name) return rested;
  context.disturb(runPath);
  const problems = context.problemCount;
  context.enterRun(runPath);
  try {
    const found = await lookAt(runPath, context, name);
    if (found === null) return null;
    if (signs !== null && context.problemCount === problems && hasEnded(found.run))
      context.noteRest(runPath, { run: found.run, signs }, found.folders);
    return found.run;
  } finally {
    context.leaveRun();
  }
}

/** Whether a run can only change by a change of its files. */
function hasEnded({ state, process, processState }: Run): boolean {
  if (state === 'training' || state === 'queued') return false;
  return process === null || processState?.liveness === 'dead';
}

/** @returns the run, and its checkpoints' folders; null when the folder is gone or is no run */
async function lookAt(
  runPath: string,
  context: ScanContext,
  name: string,
): Promise<{ readonly run: Run; readonly folders: readonly string[] } | null> {
  const { disk } = context;
  let names: readonly string[];
  try {
    const entries = await disk.list(runPath);
    if (entries === null || !(await isRun(runPath, entries, context))) return null;
    names = entries.map((entry) => entry.name);
  } catch (error) {
    context.problem(runPath, readFailure(error));
    return null;
  }

  const inRun = (file: string): string => path.join(runPath, file);
  // Most runs lack most of these: what is not listed is not asked for.
  const readJson = async <T>(file: string, read: (json: JsonObject) => T): Promise<T | null> =>
    names.includes(file) ? context.readJson(inRun(file), read) : null;
  const birth = await readJson(BIRTH, readBirth);
  const config = await readJson(CONFIG, (json) => json);
  const named = await readJson(PROCESS, readProcess);
  const folder = named?.folder === undefined ? null : await context.disk.stat(runPath).catch(() => null);
  const process = named !== null && (await isAbout(named, runPath, folder)) ? named : null;
  const exit = await readJson(EXIT, readExit);
  const best = await context.readJson(inRun(path.join(CHECKPOINTS, BEST)), readBest);
  const pins = await readJson(PINS, readPins);
  const backups = await readJson(BACKUPS, readBackups);
  const notes = names.includes(NOTES) ? await context.readDocument(inRun(NOTES), readNotes) : null;
  const logged = await readLastLogged(runPath, context);

  const processState = process === null ? null : await context.ask(process);
  const alive = processState?.liveness ?? 'dead';
  const inFolder = path.join(runPath, checkpointsIn(names));
  const found = await scanCheckpoints(inFolder, process !== null && alive !== 'dead', context);

  const ofField = await fieldFacts(found.checkpoints, found.final, context);
  const curriculum = ofField?.curriculum ?? curriculumOf(config, inRun(CONFIG), context);
  const told = found.checkpoints.reduce<FoundCheckpoint | null>(
    (newest, each) => ((each.place.step ?? 0) >= (newest?.place.step ?? 0) ? each : newest),
    null,
  )?.content;
  const toldBest = told?.best ?? null;
  const stageOf = (step: number): string | null => (curriculum === null ? null : stageAt(curriculum, step).stage.name);
  const assemble = ({ place, content }: FoundCheckpoint): Checkpoint => {
    const step = place.step ?? content.step ?? ofField?.finalStep ?? 0;
    const flags = {
      step,
      stage: stageOf(step),
      best: (best ?? toldBest) === place.name,
      pinned: pins?.has(place.name) ?? false,
    };
    return context.reuseCheckpoint(content.signature, assembleCheckpoint(place, content, flags, backups ?? []));
  };
  const checkpoints = found.checkpoints.map(assemble).sort((a, b) => a.step - b.step);
  const final = found.final === null ? null : assemble(found.final);
  const newest = checkpoints.findLast((checkpoint) => checkpoint.state === 'complete') ?? null;

  const step = logged?.step ?? Math.max(newest?.step ?? 0, final?.step ?? 0);
  const maxSteps = numberOf(config?.max_steps) ?? ofField?.maxSteps ?? told?.maxSteps ?? null;
  const finalDone = final?.state === 'complete';
  const now = context.now();
  const dates = found.checkpoints.map(({ content }) => content.time);
  const ahead = [...dates, found.final?.content.time ?? 0, birth?.created ?? 0].filter((date) => isAhead(date, now));
  if (ahead.length > 0) {
    const newest = new Date(Math.max(...ahead) * 1000).toISOString().slice(0, 16).replace('T', ' ');
    context.problem(
      runPath,
      `has files dated in the future (up to ${newest} UTC), by a wrong clock: how old they are is not known`,
    );
  }
  const born = await bornAt(runPath, context);
  if (born === null) return null; // renamed or deleted meanwhile: some of its files were seen, and some not
  const growing = await newestGrowth(runPath, birth === null, context);
  const run: Run = {
    name,
    id: birth?.id ?? null,
    path: runPath,
    state: runState({
      process,
      liveness: alive,
      exit,
      loggedEnd: logged?.end ?? null,
      step,
      maxSteps,
      finalStep: finalDone ? (found.final?.content.step ?? ofField?.finalStep ?? null) : null,
      hasFinal: finalDone,
      ours: birth !== null,
      lastSign: growing,
      now: context.now(),
    }),
    step,
    maxSteps,
    stage: stageOf(step),
    created: sinceWhen([birth?.created ?? null, born, ...dates], now),
    // Runs of ours say it themselves.
    parent: birth === null ? fieldParent(config, runPath, name) : birth.parent,
    config,
    curriculum,
    process,
    processState,
    exit,
    loss: logged?.loss ?? newest?.loss ?? null,
    checkpoints,
    final,
    ...(notes === null ? {} : { notes }),
  };
  const all = found.final === null ? found.checkpoints : [...found.checkpoints, found.final];
  return { run, folders: all.map(({ place }) => place.folder) };
}

async function readLastLogged(runPath: string, context: ScanContext): Promise<ReturnType<typeof lastLogged> | null> {
  for (const source of LOG_SOURCES) {
    const log = path.join(runPath, source.file);
    try {
      const logged = await context.readCachedTail(log, (tail) => lastLogged(tail, source), TAIL_BYTES);
      if (logged !== null) return logged;
    } catch (error) {
      context.problem(log, readFailure(error));
    }
  }
  return null;
}

function curriculumOf(config: JsonObject | null, file: string, context: ScanContext): Curriculum | null {
  const text = config?.curriculum_stages;
  if (typeof text !== 'string') return null;
  try {
    return parseCurriculum(text);
  } catch (error) {
    if (!(error instanceof CurriculumError)) throw error;
    context.problem(file, `curriculum_stages: ${error.message}`);
    return null;
  }
}

/**
 * When the files that grow while training last changed, Unix seconds. For runs without a process.json only a log that has
 * been growing counts: one that was just copied or unpacked is as new as its folder, and nobody trains it.
 */
async function newestGrowth(runPath: string, withoutBirth: boolean, context: ScanContext): Promise<number> {
  let newest = 0;
  for (const file of GROWING) {
    const stats = await context.disk.stat(path.join(runPath, file)).catch(() => null);
    if (stats === null || (withoutBirth && !grewSinceBirth(stats))) continue;
    const changed = context.lastChange(
      path.join(runPath, file),
      `${stats.mtimeMs}:${stats.size}`,
      stats.mtimeMs / 1000,
    );
    newest = Math.max(newest, changed);
  }
  return newest;
}

function grewSinceBirth(stats: Stats): boolean {
  return stats.birthtimeMs === 0 || stats.mtimeMs - stats.birthtimeMs > 2000;
}

/** The first of these dates that can be true, Unix seconds; 0 where none can. */
function sinceWhen(dates: readonly (number | null)[], now: number): number {
  return dates.find((date) => date !== null && date > 0 && !isAhead(date, now)) ?? 0;
}

/** For runs without run.json: the oldest time that the folder tells of itself, Unix seconds; null where it is gone. */
async function bornAt(runPath: string, context: ScanContext): Promise<number | null> {
  const stats = await context.disk.stat(runPath).catch(() => undefined);
  if (stats === undefined) return 0;
  if (stats === null) return null;
  return (stats.birthtimeMs > 0 ? Math.min(stats.birthtimeMs, stats.mtimeMs) : stats.mtimeMs) / 1000;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
