/** Validation of a checkpoint's folder: which files there are, each of them, and whether they agree. */
import { join } from 'node:path';
import { knownStage, stageIndexAt } from '../../curriculum';
import { checkAgreement } from './agreementChecks';
import { readMultiLayerState, readTrainingState, type MultiLayerState, type TrainingState } from '../contents';
import type { TensorNumbers } from '../data/dataParts';
import { layoutOf, rulesOf } from '../layouts';
import type { NptRules } from '../layouts/layout';
import type { FileIdentity } from '../fileIdentity';
import { lookAtFiles, namesIn } from '../fileState';
import { isFileError, readFailure } from '../../files';
import { finding, unreadable } from './findings';
import { checkConfig, checkManifest } from './jsonChecks';
import type { Manifest } from '../layouts/manifest';
import type { JsonObject } from '../../jsonText';
import {
  CHECKPOINT_FILES,
  CHECKPOINTS,
  CONFIG,
  MANIFEST,
  MULTI_LAYER_STATE,
  TORCH_FILES,
  TRAINING_STATE,
  WEIGHTS,
} from '../fileNames';
import { stepOfFolder } from '../folderNames';
import { checkParts } from './partsChecks';
import { optimizerFacts } from '../optimizerFacts';
import { checkMultiLayerState, checkTrainingState } from './stateChecks';
import { checkTorchFile, type FileNumbers } from './torchFileChecks';
import type { Validation } from './validation';
import { checkWeights } from './weightChecks';
import { noticeChanges, recent, underWay } from './writingChecks';

/** The checkpoint's files that are there, by name, as they were before anything was read. */
type FileStates = ReadonlyMap<string, FileIdentity>;

export async function checkFolder(validation: Validation): Promise<void> {
  const { path, findings } = validation;
  const { states, obstacles } = await lookAtFiles(path, CHECKPOINT_FILES, validation.options.blocking);
  validation.step = stepOfFolder(path);
  const writing = underWay(path);
  if (writing) {
    validation.listUnread(states);
    findings.push(writing);
    return;
  }
  if (obstacles.size === CHECKPOINT_FILES.length) {
    // The folder itself keeps everything from being looked at.
    const [error] = obstacles.values();
    findings.push(finding('unreadable-file', null, `${path} ${readFailure(error)}.`));
    return;
  }
  if (![...TORCH_FILES, MANIFEST].some((name) => states.has(name) || obstacles.has(name))) {
    await tellWhatElse(validation, states);
    return;
  }
  for (const [name, error] of obstacles) {
    validation.files.push({ name, bytes: 0, format: 'unreadable' });
    findings.push(unreadable(name, error));
  }
  if (![CONFIG, MANIFEST].some((name) => states.has(name) || obstacles.has(name)) && recent(states)) {
    validation.listUnread(states);
    findings.push(
      finding('being-written', null, 'This checkpoint is being written: its config.json is not there yet.'),
    );
    return;
  }
  const { manifest, weightNumbers } = await checkFiles(validation, states, new Set(obstacles.keys()));
  await compareWithEarlier(validation, weightNumbers);
  await noticeChanges(validation, states);
  if (!validation.reaches('forward')) return;
  const { runForward } = await import('./deepLevels');
  await runForward(validation, join(path, WEIGHTS), manifest);
}

/** A folder that is no checkpoint with NP components. */
async function tellWhatElse(validation: Validation, states: FileStates): Promise<void> {
  let entries: readonly string[];
  try {
    entries = await namesIn(validation.path, validation.options.blocking);
  } catch (error) {
    if (!isFileError(error)) throw error;
    validation.findings.push(finding('unreadable-file', null, `${validation.path} ${readFailure(error)}.`));
    return;
  }
  const { parts } = layoutOf({ names: new Set(entries) });
  if (parts !== null) {
    await checkParts(validation, parts, entries);
    return;
  }
  validation.listUnread(states);
  const run = entries.includes(CHECKPOINTS);
  validation.findings.push(
    entries.length === 0
      ? finding('missing-file', null, 'The folder is empty.')
      : finding(
          'not-a-checkpoint',
          null,
          run
            ? 'This is a run: choose one of the checkpoints in it.'
            : 'The folder holds none of a checkpoint’s files.',
        ),
  );
}

/** What the files hold. */
interface Contents {
  readonly states: FileStates;
  readonly manifest: Manifest | null;
  readonly config: JsonObject | null;
  training: TrainingState | null;
  multiLayer: MultiLayerState | null;
  /** Names of the torch files that gave a value. */
  readonly readable: Set<string>;
}

async function checkFiles(
  validation: Validation,
  states: FileStates,
  unread: ReadonlySet<string>,
): Promise<{ manifest: Manifest | null; weightNumbers: readonly TensorNumbers[] }> {
  const { findings } = validation;
  const manifest = await checkManifest(validation, states);
  const config = await checkConfig(validation, states, manifest);
  const contents: Contents = { states, manifest, config, training: null, multiLayer: null, readable: new Set() };
  planProgress(validation, states, manifest);
  const numbers = new Map<string, FileNumbers>();
  for (const name of TORCH_FILES) {
    const found = await checkOneOf(validation, contents, name);
    if (found) numbers.set(name, found);
  }
  const { training } = contents;
  const present = new Set([...states.keys(), ...unread]);
  const rules = rulesOf({
    names: present,
    schema: training?.schema ?? null,
    savedArguments: training?.config ?? null,
  });
  requireFiles(validation, present, rules);
  if (validation.reaches('structure')) checkContents(validation, contents, rules);
  else validation.step = training?.globalStep ?? validation.step;
  if (numbers.size > 0) {
    const { checkNumbers } = await import('./deepLevels');
    for (const [name, { role, tensors }] of numbers)
      findings.push(...checkNumbers(tensors, name, role, validation.step));
  }
  return { manifest, weightNumbers: numbers.get(WEIGHTS)?.tensors ?? [] };
}

function planProgress(validation: Validation, states: FileStates, manifest: Manifest | null): void {
  if (!validation.reaches('checksums')) return;
  for (const name of TORCH_FILES) {
    const passes = manifest?.files.get(name)?.sha256 ? 2 : 1;
    validation.progress.expect(passes * (states.get(name)?.bytes ?? 0));
  }
}

/** One of the torch files; what it holds goes into `contents`. */
async function checkOneOf(
  validation: Validation,
  contents: Contents,
  name: (typeof TORCH_FILES)[number],
): Promise<FileNumbers | null> {
  const { findings, files } = validation;
  const state = contents.states.get(name);
  if (!state) return null;
  if (state.bytes === 0) {
    files.push({ name, bytes: 0, format: 'empty' });
    findings.push(finding('empty-file', name, `${name} is empty.`));
    return null;
  }
  // The training state says whose this is, so that it is looked at even where only files are asked for.
  if (!validation.reaches('structure') && (name !== TRAINING_STATE || contents.states.has(MANIFEST))) {
    validation.listUnread([[name, state]]);
    return null;
  }
  return checkTorchFile(validation, name, join(validation.path, name), state, async (file, source) => {
    if (file.value !== null) contents.readable.add(name);
    if (name === TRAINING_STATE) {
      const training = readTrainingState(file.value);
      contents.training = training;
      if (training && validation.reaches('structure'))
        validation.optimizer = await optimizerFacts(training, source, file);
    } else if (name === MULTI_LAYER_STATE) contents.multiLayer = readMultiLayerState(file.value);
    else if (file.value !== null) {
      const { shape, findings: found } = checkWeights(file.value, file.tensors);
      findings.push(...found);
      validation.weights = shape;
    }
    return {
      role: name === WEIGHTS ? 'weights' : 'state',
      sha256: contents.manifest?.files.get(name)?.sha256 ?? null,
    };
  });
}

function requireFiles(validation: Validation, present: ReadonlySet<string>, { required }: NptRules): void {
  const missing = required.filter((name) => !present.has(name));
  for (const name of missing) validation.findings.push(finding('missing-file', name, `${name} is missing.`));
}

/** Keys, and the files beside each other; from there the step, the stage and the layers. */
function checkContents(validation: Validation, contents: Contents, rules: NptRules): void {
  const { findings, weights } = validation;
  const { training, multiLayer, config, manifest, readable } = contents;
  if (readable.has(TRAINING_STATE)) findings.push(...checkTrainingState(training, rules));
  if (readable.has(MULTI_LAYER_STATE)) findings.push(...checkMultiLayerState(multiLayer));
  const folderStep = stepOfFolder(validation.path);
  findings.push(...checkAgreement({ rules, folderStep, weights, training, multiLayer, config, manifest }));
  if (rules.note !== null && findings.every((item) => item.severity !== 'error'))
    findings.push(finding('other-trainer', null, rules.note));
  const step = training?.globalStep ?? manifest?.step ?? folderStep;
  const schedule = multiLayer?.curriculumSchedule;
  validation.step = step;
  validation.stage = knownStage(
    step !== null && schedule && schedule.length > 0 ? schedule[stageIndexAt(schedule, step)]?.name : manifest?.stage,
  );
  validation.layers = weights && weights.weights.length > 0 ? weights.layers : (multiLayer?.layersToTrain ?? []);
}

async function compareWithEarlier(validation: Validation, weightNumbers: readonly TensorNumbers[]): Promise<void> {
  const { path, step } = validation;
  if (!validation.reaches('numbers') || step === null || weightNumbers.length === 0) return;
  const { checkAgainstEarlier, readEarlier } = await import('./deepLevels');
  const earlier = await readEarlier(path, step, validation.options);
  if (earlier) validation.findings.push(...checkAgainstEarlier(weightNumbers, earlier));
}
