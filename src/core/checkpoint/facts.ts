/** A checkpoint's facts for scanning and planning: a few reads of a few kilobytes, never the tensors' data. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openFile } from '../torchfile/source';
import { readTorchFile } from '../torchfile/torchFile';
import type { NamedTensor, PyValue } from '../torchfile/values';
import { readMultiLayerState, readTrainingState, type ScheduleEntry } from './contents';
import { readJsonObject, readManifest, type JsonObject, type Manifest } from './jsonFiles';
import { CONFIG, MANIFEST, MULTI_LAYER_STATE, stepOfFolder, TRAINING_STATE, WEIGHTS } from './layout';
import type { Modulation } from './report';
import { readWeightsShape } from './weightNames';

/**
 * ours: written by this project's trainer (manifest, `schema` in training_state.pt). field: another NPT trainer's four
 * files. field-old: another trainer's two files, arguments inside training_state.pt (contract section 7).
 */
export type CheckpointDialect = 'ours' | 'field' | 'field-old';

export interface CheckpointFacts {
  /** Absolute or as given. */
  readonly path: string;
  readonly dialect: CheckpointDialect;
  /** The best known step: training_state.pt's, else the manifest's, else the folder name's. */
  readonly step: number | null;
  readonly globalStep: number | null;
  readonly folderStep: number | null;
  readonly batchCount: number | null;
  /** As stored: on a stage's boundary other trainers store the old stage's. Compute the stage from the step. */
  readonly currentStageIndex: number | null;
  /** Ascending in our files; as stored in others. */
  readonly layersToTrain: readonly number[] | null;
  readonly curriculumSchedule: readonly ScheduleEntry[] | null;
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
  /** Merged from several runs: the optimizer state does not fit the weights. */
  readonly merged: boolean;
}

/**
 * Reads what can be read of a checkpoint folder; whatever is missing, damaged or dangerous is null. Executes nothing and
 * never throws. About 2 ms for a checkpoint of ordinary size, without blocking the thread on the disk.
 */
export async function readCheckpointFacts(path: string): Promise<CheckpointFacts> {
  const [weightsFile, trainingFile, multiLayerFile, config, manifestJson] = await Promise.all([
    readValues(join(path, WEIGHTS)),
    readValues(join(path, TRAINING_STATE)),
    readValues(join(path, MULTI_LAYER_STATE)),
    readJsonObject(join(path, CONFIG)),
    readJsonObject(join(path, MANIFEST)),
  ]);
  const training = trainingFile && readTrainingState(trainingFile.value);
  const multiLayer = multiLayerFile && readMultiLayerState(multiLayerFile.value);
  const shape = weightsFile && weightsFile.tensors.length > 0 ? readWeightsShape(weightsFile.tensors) : null;
  const manifest = manifestJson.object ? readManifest(manifestJson.object) : null;
  const folderStep = stepOfFolder(path);
  return {
    path,
    dialect: dialectOf(
      manifestJson.failure !== 'missing',
      training?.schema ?? null,
      multiLayerFile !== null,
      training?.config ?? null,
    ),
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
  };
}

/** A manifest or a schema is ours; arguments inside the training state without a multi-layer state are the older dialect. */
export function dialectOf(
  hasManifest: boolean,
  schema: number | null,
  hasMultiLayerState: boolean,
  savedArguments: unknown,
): CheckpointDialect {
  if (hasManifest || schema !== null) return 'ours';
  return !hasMultiLayerState && savedArguments !== null ? 'field-old' : 'field';
}

async function readValues(path: string): Promise<{ value: PyValue; tensors: readonly NamedTensor[] } | null> {
  try {
    if (!(await stat(path)).isFile()) return null;
    const source = await openFile(path);
    try {
      const { value, tensors } = await readTorchFile(source, { valuesOnly: true });
      return { value, tensors };
    } finally {
      await source.close();
    }
  } catch {
    // Missing, unreadable or gone while reading: the fact is not known, and validation says why.
    return null;
  }
}
