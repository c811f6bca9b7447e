/** Validation of a checkpoint folder or a single file in the levels of contract section 8. Runs nothing that a file holds. */
import { basename, join } from 'node:path';
import { openFile, type ByteSource } from '../torchfile/source';
import { readTorchFile, type TorchFile } from '../torchfile/torchFile';
import { checkAgreement, knownStage, stageIndexAt } from './agreementChecks';
import { readMultiLayerState, readTrainingState, type MultiLayerState, type TrainingState } from './contents';
import { checkData, sha256Of } from './dataChecks';
import type { TensorNumbers } from './dataParts';
import { dialectOf, type CheckpointDialect } from './facts';
import { checkAgainstEarlier, readEarlier } from './earlierChecks';
import { fileState, namesIn, statsOf, type FileState } from './fileState';
import { finding, fromProblem, sorted, verdictOf } from './findings';
import { describeFailure, readJsonObject, readManifest, SCHEMA, type JsonObject, type Manifest } from './jsonFiles';
import {
  CHECKPOINT_FILES,
  CONFIG,
  isDeletedFolder,
  isTemporaryFolder,
  MANIFEST,
  MULTI_LAYER_STATE,
  stepOfFolder,
  TRAINING_STATE,
  WEIGHTS,
} from './layout';
import { checkForward, forwardUnavailable, reasonOf } from './forwardChecks';
import { probePathOf, probeWeights } from './probe';
import { checkNumbers, type NumberRole } from './numberChecks';
import { optimizerFacts } from './optimizerFacts';
import { Progress } from './progress';
import {
  LEVELS,
  type Finding,
  type Level,
  type OptimizerFacts,
  type ProbedLayer,
  type ReportedFile,
  type ValidationOptions,
  type ValidationReport,
} from './report';
import { SecondReader } from './secondReader';
import { checkMultiLayerState, checkTrainingState } from './stateChecks';
import { checkWeights } from './weightChecks';
import type { WeightsShape } from './weightNames';

/** Nothing to validate: the path leads nowhere, or cannot be looked at. The message is one line for the user. */
export class CheckpointPathError extends Error {}

/** How this validation may use the thread it runs on. */
export interface ReadingOptions {
  /** Blocking reads: faster, for workers and the command line only. */
  readonly blocking?: boolean;
}

const TORCH_FILES = [WEIGHTS, TRAINING_STATE, MULTI_LAYER_STATE] as const;

/** Other trainers write under the final name; a file younger than this may still be growing. */
const WRITING_MS = 120_000;

/**
 * Validates a checkpoint folder, or any single torch or pickle file. Throws CheckpointPathError when the path leads
 * nowhere, and the signal's reason when cancelled; whatever is wrong with the content is in the report.
 */
export async function validateCheckpoint(
  path: string,
  options: ValidationOptions & ReadingOptions = {},
): Promise<ValidationReport> {
  const started = performance.now();
  options.signal?.throwIfAborted();
  let folder: boolean;
  try {
    const found = await statsOf(path, options.blocking);
    folder = found.isDirectory();
    if (!folder && !found.isFile()) throw new CheckpointPathError(`${path} is neither a folder nor a file.`);
  } catch (error) {
    if (error instanceof CheckpointPathError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new CheckpointPathError(
      code === 'ENOENT' ? `${path} does not exist.` : `${path} cannot be read (${code ?? 'unknown error'}).`,
    );
  }
  const validation = new Validation(path, options);
  if (folder) await validation.folder();
  else await validation.singleFile();
  return validation.report((performance.now() - started) / 1000);
}

class Validation {
  private readonly findings: Finding[] = [];
  private readonly files: ReportedFile[] = [];
  private readonly level: Level;
  private readonly progress: Progress;
  private step: number | null = null;
  private stage: string | null = null;
  private weights: WeightsShape | null = null;
  private manifestRead: Manifest | null = null;
  private probe: readonly ProbedLayer[] | null = null;
  private optimizer: OptimizerFacts | null = null;
  private layers: readonly number[] = [];
  private weightNumbers: readonly TensorNumbers[] = [];

  constructor(
    private readonly path: string,
    private readonly options: ValidationOptions & ReadingOptions,
  ) {
    this.level = options.level ?? 'numbers';
    this.progress = new Progress(options);
  }

  report(seconds: number): ValidationReport {
    const { weights } = this;
    this.progress.finish();
    return {
      path: this.path,
      level: this.level,
      verdict: verdictOf(this.findings),
      step: this.step,
      stage: this.stage,
      layers: this.layers,
      modulation: weights?.modulation ?? null,
      npRank: weights?.npRank ?? null,
      numRanks: weights?.numRanks ?? null,
      parameters: weights?.parameters ?? null,
      files: [...this.files].sort((a, b) => fileRank(a.name) - fileRank(b.name)),
      findings: sorted(this.findings),
      ...(this.probe ? { probe: this.probe } : {}),
      ...(this.optimizer ? { optimizer: this.optimizer } : {}),
      seconds,
    };
  }

  private reaches(level: Level): boolean {
    return LEVELS.indexOf(this.level) >= LEVELS.indexOf(level);
  }

  // --- a single file -----------------------------------------------------------------------------------------------

  async singleFile(): Promise<void> {
    const name = basename(this.path);
    const before = await fileState(this.path, this.options.blocking);
    if (!before) {
      this.findings.push(finding('unreadable-file', name, `${name} cannot be read.`));
      return;
    }
    if (before.bytes === 0) {
      this.files.push({ name, bytes: 0, format: 'empty' });
      this.findings.push(finding('empty-file', name, `${name} is empty.`));
      return;
    }
    if (!this.reaches('structure')) {
      this.files.push({ name, bytes: before.bytes, format: 'not read' });
      return;
    }
    if (this.reaches('checksums')) this.progress.expect(before.bytes);
    await this.torchFile(name, this.path, before, async (file, source) => {
      const training = readTrainingState(file.value);
      if (training) this.optimizer = await optimizerFacts(training, source, file);
      this.step = training?.globalStep ?? null;
      const checked = checkWeights(file.value, file.tensors, name);
      if (checked.shape.weights.length > 0) {
        this.weights = checked.shape;
        this.layers = checked.shape.layers;
        this.findings.push(...checked.findings);
      }
      return {
        role: checked.shape.weights.length > 0 ? 'weights' : training?.optimizer ? 'state' : 'other',
        sha256: null,
      };
    });
    await this.forward(this.path, null);
  }

  // --- a folder ----------------------------------------------------------------------------------------------------

  async folder(): Promise<void> {
    const states = new Map<string, FileState>();
    for (const name of CHECKPOINT_FILES) {
      const state = await fileState(join(this.path, name), this.options.blocking);
      if (state) states.set(name, state);
    }
    this.step = stepOfFolder(this.path);
    if (isTemporaryFolder(this.path) || isDeletedFolder(this.path)) {
      this.listUnread(states);
      const [code, message] = isDeletedFolder(this.path)
        ? (['being-deleted', 'This checkpoint is being deleted, or its deletion was interrupted.'] as const)
        : (['being-written', 'This checkpoint is being written, or its save was interrupted.'] as const);
      this.findings.push(finding(code, null, message));
      return;
    }
    if (
      !states.has(WEIGHTS) &&
      !states.has(TRAINING_STATE) &&
      !states.has(MULTI_LAYER_STATE) &&
      !states.has(MANIFEST)
    ) {
      await this.notACheckpoint(states);
      return;
    }
    if (!states.has(CONFIG) && !states.has(MANIFEST) && recent(states)) {
      this.listUnread(states);
      this.findings.push(
        finding('being-written', null, 'This checkpoint is being written: its config.json is not there yet.'),
      );
      return;
    }
    await this.contents(states);
    await this.compareWithEarlier();
    await this.noticeChanges(states);
    await this.forward(join(this.path, WEIGHTS), this.manifestRead);
  }

  private listUnread(states: ReadonlyMap<string, FileState>): void {
    for (const [name, state] of states) this.files.push({ name, bytes: state.bytes, format: 'not read' });
  }

  private async notACheckpoint(states: ReadonlyMap<string, FileState>): Promise<void> {
    this.listUnread(states);
    const entries = await namesIn(this.path, this.options.blocking);
    const run = entries.includes('checkpoints');
    this.findings.push(
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

  private async contents(states: ReadonlyMap<string, FileState>): Promise<void> {
    const manifest = await this.manifest(states);
    this.manifestRead = manifest;
    const config = await this.config(states, manifest);
    this.planProgress(states, manifest);
    let training: TrainingState | null = null;
    let multiLayer: MultiLayerState | null = null;
    const readable = new Set<string>();
    const numbers: { name: string; role: NumberRole; tensors: readonly TensorNumbers[] }[] = [];
    for (const name of TORCH_FILES) {
      const state = states.get(name);
      if (!state) continue;
      if (state.bytes === 0) {
        this.files.push({ name, bytes: 0, format: 'empty' });
        this.findings.push(finding('empty-file', name, `${name} is empty.`));
        continue;
      }
      // The training state says which dialect this is, so that it is looked at even where only files are asked for.
      const skip = !this.reaches('structure') && !(name === TRAINING_STATE && !states.has(MANIFEST));
      if (skip) {
        this.files.push({ name, bytes: state.bytes, format: 'not read' });
        continue;
      }
      const tensors = await this.torchFile(name, join(this.path, name), state, async (file, source) => {
        if (file.value !== null) readable.add(name);
        if (name === TRAINING_STATE) {
          const read = readTrainingState(file.value);
          training = read;
          if (read && this.reaches('structure')) this.optimizer = await optimizerFacts(read, source, file);
        } else if (name === MULTI_LAYER_STATE) multiLayer = readMultiLayerState(file.value);
        else if (file.value !== null) {
          const checked = checkWeights(file.value, file.tensors);
          this.findings.push(...checked.findings);
          this.weights = checked.shape;
        }
        return {
          role: name === WEIGHTS ? 'weights' : 'state',
          sha256: manifest?.files.get(name)?.sha256 ?? null,
        };
      });
      if (tensors) numbers.push({ name, ...tensors });
    }
    const dialect = dialectOf(
      states.has(MANIFEST),
      (training as TrainingState | null)?.schema ?? null,
      states.has(MULTI_LAYER_STATE),
      (training as TrainingState | null)?.config ?? null,
    );
    this.requireFiles(states, dialect);
    if (this.reaches('structure')) this.structure(dialect, training, multiLayer, config, manifest, readable);
    else this.step = (training as TrainingState | null)?.globalStep ?? this.step;
    for (const { name, role, tensors } of numbers) {
      this.findings.push(...checkNumbers(tensors, name, role, this.step));
      if (name === WEIGHTS) this.weightNumbers = tensors;
    }
  }

  private async compareWithEarlier(): Promise<void> {
    if (!this.reaches('numbers') || this.step === null || this.weightNumbers.length === 0) return;
    const earlier = await readEarlier(this.path, this.step, this.options);
    if (earlier) this.findings.push(...checkAgainstEarlier(this.weightNumbers, earlier));
  }

  private structure(
    dialect: CheckpointDialect,
    training: TrainingState | null,
    multiLayer: MultiLayerState | null,
    config: JsonObject | null,
    manifest: Manifest | null,
    readable: ReadonlySet<string>,
  ): void {
    if (readable.has(TRAINING_STATE)) this.findings.push(...checkTrainingState(training, dialect));
    if (readable.has(MULTI_LAYER_STATE)) this.findings.push(...checkMultiLayerState(multiLayer));
    const folderStep = stepOfFolder(this.path);
    this.findings.push(
      ...checkAgreement({ dialect, folderStep, weights: this.weights, training, multiLayer, config, manifest }),
    );
    if (dialect !== 'ours' && this.findings.every((item) => item.severity !== 'error')) {
      this.findings.push(
        finding(
          'other-trainer',
          null,
          `Another NPT trainer wrote this checkpoint${dialect === 'field-old' ? ' in the older form, without the curriculum' : ''}; it has no manifest to check the files against.`,
        ),
      );
    }
    this.step = training?.globalStep ?? manifest?.step ?? folderStep;
    const schedule = multiLayer?.curriculumSchedule;
    if (this.step !== null && schedule && schedule.length > 0)
      this.stage = knownStage(schedule[stageIndexAt(schedule, this.step)]?.name);
    else this.stage = knownStage(manifest?.stage);
    this.layers =
      (this.weights?.weights.length ?? 0) > 0 ? (this.weights?.layers ?? []) : (multiLayer?.layersToTrain ?? []);
  }

  private requireFiles(states: ReadonlyMap<string, FileState>, dialect: CheckpointDialect): void {
    const required: readonly string[] =
      dialect === 'field-old'
        ? [WEIGHTS, TRAINING_STATE]
        : dialect === 'field'
          ? [...TORCH_FILES, CONFIG]
          : CHECKPOINT_FILES;
    const missing = required.filter((name) => !states.has(name));
    for (const name of missing) this.findings.push(finding('missing-file', name, `${name} is missing.`));
  }

  // --- JSON files --------------------------------------------------------------------------------------------------

  private async manifest(states: ReadonlyMap<string, FileState>): Promise<Manifest | null> {
    const state = states.get(MANIFEST);
    if (!state) return null;
    this.files.push({ name: MANIFEST, bytes: state.bytes, format: 'json' });
    const json = await readJsonObject(join(this.path, MANIFEST), this.options.blocking);
    if (!json.object) {
      this.findings.push(finding('manifest-unreadable', MANIFEST, `${MANIFEST} ${describeFailure(json.failure)}.`));
      return null;
    }
    const manifest = readManifest(json.object);
    if (manifest.schema !== null && manifest.schema > SCHEMA) {
      this.findings.push(newerSchema(MANIFEST, manifest.schema));
      return null;
    }
    const unlisted = TORCH_FILES.filter((name) => !manifest.files.has(name));
    if (manifest.intact === false)
      this.findings.push(finding('manifest-changed', MANIFEST, `${MANIFEST} does not match its own checksum.`));
    // Nobody writes a whole manifest without it: a flipped bit in the key's name looks like this.
    else if (manifest.intact === null && unlisted.length === 0)
      this.findings.push(finding('manifest-changed', MANIFEST, `${MANIFEST} has lost its own checksum.`));
    if (unlisted.length > 0)
      this.findings.push(finding('manifest-incomplete', MANIFEST, `${MANIFEST} does not list ${unlisted.join(', ')}.`));
    for (const [name, listed] of manifest.files) {
      const actual = states.get(name);
      if (actual && listed.bytes !== null && actual.bytes !== listed.bytes) {
        this.findings.push(
          finding('manifest-size', name, `${name} has ${actual.bytes} bytes where ${MANIFEST} has ${listed.bytes}.`),
        );
      }
    }
    return manifest;
  }

  private async config(states: ReadonlyMap<string, FileState>, manifest: Manifest | null): Promise<JsonObject | null> {
    const state = states.get(CONFIG);
    if (!state) return null;
    this.files.push({ name: CONFIG, bytes: state.bytes, format: 'json' });
    if (!this.reaches('structure')) {
      if (state.bytes === 0) this.findings.push(finding('empty-file', CONFIG, `${CONFIG} is empty.`));
      return null;
    }
    const json = await readJsonObject(join(this.path, CONFIG), this.options.blocking);
    if (!json.object)
      this.findings.push(finding('config-unreadable', CONFIG, `${CONFIG} ${describeFailure(json.failure)}.`));
    const sha256 = manifest?.files.get(CONFIG)?.sha256;
    if (typeof sha256 === 'string' && this.reaches('checksums')) await this.compareConfig(sha256);
    const schema = json.object?.['schema'];
    if (typeof schema === 'number' && schema > SCHEMA) {
      this.findings.push(newerSchema(CONFIG, schema));
      return null;
    }
    return json.object;
  }

  private async compareConfig(sha256: string): Promise<void> {
    try {
      const source = await openFile(join(this.path, CONFIG), this.options.blocking);
      try {
        if ((await sha256Of(source, this.progress)) !== sha256) {
          this.findings.push(finding('sha256-mismatch', CONFIG, sha256Message(CONFIG)));
        }
      } finally {
        await source.close();
      }
    } catch (error) {
      if (this.options.signal?.aborted === true || !isSystemError(error)) throw error;
      // Gone or unreadable since it was listed: reading its values has said so already.
    }
  }

  // --- torch files -------------------------------------------------------------------------------------------------

  private planProgress(states: ReadonlyMap<string, FileState>, manifest: Manifest | null): void {
    if (!this.reaches('checksums')) return;
    for (const name of TORCH_FILES) {
      const passes = manifest?.files.get(name)?.sha256 ? 2 : 1;
      this.progress.expect(passes * (states.get(name)?.bytes ?? 0));
    }
  }

  /** Opens one file, reports its problems, lets `look` see it, and reads its data as far as the level asks. */
  private async torchFile(
    name: string,
    path: string,
    state: FileState,
    look: (file: TorchFile, source: ByteSource) => Promise<{ role: NumberRole; sha256: string | null }>,
  ): Promise<{ role: NumberRole; tensors: readonly TensorNumbers[] } | null> {
    let source: ByteSource;
    try {
      source = await openFile(path, this.options.blocking);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.files.push({ name, bytes: state.bytes, format: 'unreadable' });
      this.findings.push(finding('unreadable-file', name, `${name} cannot be read (${code ?? 'unknown error'}).`));
      return null;
    }
    const levels = { checksums: true, numbers: this.reaches('numbers') };
    let second: SecondReader | null = null;
    try {
      // Started before the structure is read: it has to be read there as well, and a thread takes a while to start.
      if (this.options.blocking && this.reaches('checksums')) second = SecondReader.start(path, source.size, levels);
      const file = await readTorchFile(source);
      this.progress.add(0);
      this.files.push({ name, bytes: state.bytes, format: file.format });
      if (this.reaches('structure')) this.findings.push(...file.problems.map((problem) => fromProblem(name, problem)));
      const { role, sha256 } = await look(file, source);
      if (!this.reaches('checksums')) return null;
      const data = await checkData(source, file, name, levels, this.progress, second);
      this.findings.push(...data.findings);
      if (sha256 !== null && (await sha256Of(source, this.progress)) !== sha256) {
        this.findings.push(finding('sha256-mismatch', name, sha256Message(name)));
      }
      return { role, tensors: data.numbers };
    } catch (error) {
      if (this.options.signal?.aborted === true || !isSystemError(error)) throw error;
      this.findings.push(
        finding('unreadable-file', name, `${name} cannot be read (${error.code ?? 'unknown error'}).`),
      );
      return null;
    } finally {
      await second?.dispose();
      await source.close();
    }
  }

  /**
   * A file that changed while it was read was being written, and what was found in it says nothing. The same where another
   * trainer, which writes in place, has left a short file behind moments ago.
   */
  private async noticeChanges(states: ReadonlyMap<string, FileState>): Promise<void> {
    const growing = new Set<string>();
    for (const [name, before] of states) {
      const after = await fileState(join(this.path, name), this.options.blocking);
      const changed =
        after?.bytes !== before.bytes || after.modified !== before.modified || after.inode !== before.inode;
      const short = this.findings.some((item) => item.file === name && FINDINGS_OF_HALF_A_FILE.has(item.code));
      if (changed || (short && !states.has(MANIFEST) && Date.now() - before.modified < WRITING_MS)) growing.add(name);
    }
    if (growing.size === 0) return;
    const kept = this.findings.filter((item) => FINDINGS_THAT_STAY.has(item.code));
    this.findings.length = 0;
    this.findings.push(
      ...kept,
      finding(
        'being-written',
        null,
        `This checkpoint is being written: ${[...growing].join(', ')} changed moments ago.`,
      ),
    );
  }

  /** Runs the components of `weightsPath`, unless what came before says that nothing good can come of it. */
  private async forward(weightsPath: string, manifest: Manifest | null): Promise<void> {
    if (!this.reaches('forward')) return;
    const file = basename(weightsPath);
    const errors = this.findings.some(
      (item) => item.severity === 'error' && (item.file === file || item.file === null),
    );
    if (!this.weights || this.weights.weights.length === 0) {
      this.findings.push(forwardUnavailable('there are no NP weights to run'));
      return;
    }
    if (errors) {
      this.findings.push(forwardUnavailable('the weights are damaged'));
      return;
    }
    try {
      this.probe = await probeWeights(weightsPath, probePathOf(this.path), { signal: this.options.signal });
      this.findings.push(...checkForward(this.probe, manifest, file));
    } catch (error) {
      if (this.options.signal?.aborted === true) throw error;
      this.findings.push(forwardUnavailable(reasonOf(error)));
    }
  }
}

/** What stays true of a file that is still being written. */
const FINDINGS_THAT_STAY: ReadonlySet<string> = new Set(['dangerous-global', 'nested-pickle', 'unknown-call']);

/** What the first part of a file looks like, be it a torch file or a configuration. */
const FINDINGS_OF_HALF_A_FILE: ReadonlySet<string> = new Set(['truncated', 'empty-file', 'config-unreadable']);

function newerSchema(file: string, schema: number): Finding {
  return finding('newer-schema', file, `${file} has schema ${schema}; this version reads up to ${SCHEMA}.`);
}

function sha256Message(name: string): string {
  return `${name} is not the file that ${MANIFEST} describes: its sha256 differs.`;
}

function fileRank(name: string): number {
  return (CHECKPOINT_FILES as readonly string[]).indexOf(name);
}

function recent(states: ReadonlyMap<string, FileState>): boolean {
  return [...states.values()].some((state) => Date.now() - state.modified < WRITING_MS);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
