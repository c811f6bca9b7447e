/** A checkpoint's facts for scanning and planning: a few reads of a few kilobytes, never the tensors' data. */
import { join } from 'node:path';
import type { StoredStage } from '../curriculum';
import { isAbsent, isFileError, readFailure } from '../files';
import { openFile } from '../torchfile/container/source';
import { readTorchFile, type TorchFile } from '../torchfile/torchFile';
import type { NamedTensor, PyValue } from '../torchfile/pickle/values';
import { readMultiLayerState, readTrainingState } from './contents';
import type { JsonObject } from '../jsonText';
import { readJsonObject, type JsonResult } from '../jsonFile';
import { layoutOf } from './layouts';
import type { CheckpointLayout } from './layouts/layout';
import { readManifest, type Manifest } from './layouts/manifest';
import { CONFIG, MANIFEST, MULTI_LAYER_STATE, TRAINING_STATE, WEIGHTS } from './fileNames';
import { stepOfFolder } from './folderNames';
import type { Modulation } from './report/report';
import { readWeightsShape } from './weightNames';

export interface CheckpointFacts {
  /** Absolute or as given. */
  readonly path: string;
  readonly layout: CheckpointLayout;
  /** The best known step: training_state.pt's, else the manifest's, else the folder name's. */
  readonly step: number | null;
  readonly globalStep: number | null;
  readonly folderStep: number | null;
  readonly batchCount: number | null;
  /** As stored: on a stage's boundary other trainers store the old stage's. Compute the stage from the step. */
  readonly currentStageIndex: number | null;
  /** Ascending in our files; as stored in others. */
  readonly layersToTrain: readonly number[] | null;
  readonly curriculumSchedule: readonly StoredStage[] | null;
  readonly layerWeights: ReadonlyMap<number, number> | null;
  /** Layers that have tensors, ascending. */
  readonly weightLayers: readonly number[] | null;
  readonly npRank: number | null;
  readonly numRanks: number | null;
  readonly modulation: Modulation | null;
  readonly hiddenSize: number | null;
  readonly mlpSize: number | null;
  /** NP parameters (elements). */
  readonly parameters: number | null;
  readonly config: JsonObject | null;
  readonly manifest: Manifest | null;
  /** Plain copy of scheduler_state_dict; numpy scalars are numbers. */
  readonly schedulerStateDict: JsonObject | null;
  /** The first parameter group's learning rate in the optimizer state. */
  readonly optimizerLearningRate: number | null;
  /** Arguments that older checkpoints keep inside training_state.pt. */
  readonly savedArguments: JsonObject | null;
  /** Merged from several runs; the optimizer state fits the weights only where the merge is ours. */
  readonly merged: boolean;
  /** Files that are there and give nothing, each with a clause that says why. Missing ones are not among them. */
  readonly unreadable: readonly UnreadableFile[];
}

export interface UnreadableFile {
  readonly file: string;
  /** Such as "is not JSON": to be put behind the file's name. */
  readonly reason: string;
}

/**
 * Reads what can be read of a checkpoint folder; whatever is missing, damaged or dangerous is null. Executes nothing and
 * never throws. About 2 ms for a checkpoint of ordinary size, without blocking the thread on the disk.
 *
 * @param opened torch files that were read already, by name
 */
export async function readCheckpointFacts(
  path: string,
  opened: ReadonlyMap<string, TorchFile> = new Map(),
): Promise<CheckpointFacts> {
  const [weightsFile, trainingFile, multiLayerFile, config, manifestJson] = await Promise.all([
    readValues(path, WEIGHTS, opened),
    readValues(path, TRAINING_STATE, opened),
    readValues(path, MULTI_LAYER_STATE, opened),
    readJsonObject(join(path, CONFIG)),
    readJsonObject(join(path, MANIFEST)),
  ]);
  const training = readTrainingState(trainingFile.value);
  const multiLayer = readMultiLayerState(multiLayerFile.value);
  const shape = weightsFile.tensors.length > 0 ? readWeightsShape(weightsFile.tensors) : null;
  const manifest = manifestJson.object ? readManifest(manifestJson.object) : null;
  const folderStep = stepOfFolder(path);
  const names = new Set([WEIGHTS]);
  if (manifestJson.failure?.kind !== 'missing') names.add(MANIFEST);
  if (multiLayerFile.opened) names.add(MULTI_LAYER_STATE);
  return {
    path,
    layout: layoutOf({ names, schema: training?.schema ?? null, savedArguments: training?.config ?? null }),
    step: training?.globalStep ?? manifest?.step ?? folderStep,
    globalStep: training?.globalStep ?? null,
    folderStep,
    batchCount: training?.batchCount ?? null,
    currentStageIndex: multiLayer?.currentStageIndex ?? null,
    layersToTrain: multiLayer?.layersToTrain ?? null,
    curriculumSchedule: multiLayer?.curriculumSchedule ?? null,
    layerWeights: multiLayer?.layerWeights ?? null,
    weightLayers: shape?.layers ?? null,
    npRank: shape?.npRank ?? null,
    numRanks: shape?.numRanks ?? null,
    modulation: shape?.modulation ?? null,
    hiddenSize: shape?.hiddenSize ?? null,
    mlpSize: shape?.mlpSize ?? null,
    parameters: shape?.parameters ?? null,
    config: config.object,
    manifest,
    schedulerStateDict: training?.scheduler ?? null,
    optimizerLearningRate: training?.optimizer?.groups[0]?.learningRate ?? null,
    savedArguments: training?.config ?? null,
    merged: training?.merged ?? false,
    unreadable: [
      unreadable(WEIGHTS, weightsFile.failure),
      unreadable(TRAINING_STATE, trainingFile.failure ?? (trainingFile.opened && !training ? 'holds no dict' : null)),
      unreadable(
        MULTI_LAYER_STATE,
        multiLayerFile.failure ?? (multiLayerFile.opened && !multiLayer ? 'holds no dict' : null),
      ),
      unreadable(CONFIG, jsonFailure(config)),
      unreadable(MANIFEST, jsonFailure(manifestJson)),
    ].filter((each) => each !== null),
  };
}

function unreadable(file: string, reason: string | null): UnreadableFile | null {
  return reason === null ? null : { file, reason };
}

function jsonFailure({ failure }: JsonResult): string | null {
  return failure === null || failure.kind === 'missing' ? null : failure.clause;
}

/** A sentence as a part of another: without its full stop. */
function clause(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

interface ReadFile {
  /** There is such a file, and the system let us read it. */
  readonly opened: boolean;
  readonly value: PyValue;
  readonly tensors: readonly NamedTensor[];
  /** Why a file that is there has no value. */
  readonly failure: string | null;
}

function valuesOf({ value, tensors, problems }: TorchFile): ReadFile {
  const failure = value === null ? `cannot be read (${clause(problems[0]?.message ?? 'it holds no values')})` : null;
  return { opened: true, value, tensors, failure };
}

async function readValues(folder: string, name: string, opened: ReadonlyMap<string, TorchFile>): Promise<ReadFile> {
  const known = opened.get(name);
  if (known !== undefined) return valuesOf(known);
  const nothing = { opened: false, value: null, tensors: [] };
  try {
    const source = await openFile(join(folder, name));
    try {
      return valuesOf(await readTorchFile(source, { valuesOnly: true }));
    } finally {
      await source.close();
    }
  } catch (error) {
    // Missing, unreadable or gone while reading: the fact is not known.
    if (!isFileError(error)) throw error;
    return { ...nothing, failure: isAbsent(error) ? null : readFailure(error) };
  }
}
