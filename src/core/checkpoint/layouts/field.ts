/**
 * Other NPT trainers' layouts (contract section 7): four files written in place, or in the older form two, with the
 * arguments inside of the training state.
 */
import { CONFIG, MULTI_LAYER_STATE, TORCH_FILES, TRAINING_STATE, WEIGHTS } from '../fileNames';
import {
  broken,
  COMPLETE,
  UNKNOWN,
  WRITING,
  type CheckpointLayout,
  type ListedCheckpoint,
  type ListedFolder,
  type NptRules,
} from './layout';

export const FIELD_RULES: NptRules = {
  required: [...TORCH_FILES, CONFIG],
  ownTrainingKeys: [],
  storesSchedule: false,
  storesStageOfStep: false,
  optimizerInOrder: false,
  mergesOptimizer: false,
  configIsTrue: false,
  note: 'Another NPT trainer wrote this checkpoint; it has no manifest to check the files against.',
};

/** Every folder that has no other layout's marks is taken for one of these. */
export const field: CheckpointLayout = {
  id: 'field',
  fits: () => true,
  list: async (folder) => ({ ...UNKNOWN, ...(await judge(folder)) }),
  writtenInPlace: true,
  tellsInTensors: true,
  translated: true,
  refusal: () => null,
  npt: FIELD_RULES,
  parts: null,
};

export const fieldOld: CheckpointLayout = {
  ...field,
  id: 'field-old',
  fits: ({ names, savedArguments }) => !names.has(MULTI_LAYER_STATE) && (savedArguments ?? null) !== null,
  npt: {
    ...FIELD_RULES,
    required: [WEIGHTS, TRAINING_STATE],
    note: 'Another NPT trainer wrote this checkpoint in the older form, without the curriculum; it has no manifest to check the files against.',
  },
};

/**
 * They write in place, in the order weights, training state, multi-layer state, config.json: config.json there means finished.
 * Older ones stop after the training state, and until they have been left alone for a while they may still be growing. Then only
 * the training state tells them from those of the other form whose writer was killed there.
 */
async function judge(folder: ListedFolder): Promise<Pick<ListedCheckpoint, 'state' | 'stateReason'>> {
  const { sizes, obstacles, growing } = folder;
  const has = (name: string): boolean => (sizes.get(name) ?? 0) > 0;
  const missing = [WEIGHTS, TRAINING_STATE].filter((name) => !has(name));
  const withConfig = has(CONFIG);
  if (missing.length === 0 && withConfig && has(MULTI_LAYER_STATE)) return COMPLETE;
  if (!withConfig && growing) return WRITING;
  const obstacle = [WEIGHTS, TRAINING_STATE, CONFIG].find((name) => obstacles.has(name));
  if (obstacle !== undefined) return broken(`${obstacle} ${obstacles.get(obstacle) ?? ''}`);
  const [first] = missing;
  if (first !== undefined) return broken(sizes.has(first) ? `${first} is empty` : `${first} is missing`);
  if (sizes.has(MULTI_LAYER_STATE))
    return broken(withConfig ? `${MULTI_LAYER_STATE} is empty` : `${CONFIG} is missing: writing it was cut short`);
  const { hasArguments, unreadable } = await folder.trainingState();
  if (hasArguments) return COMPLETE;
  if (unreadable !== null) return broken(`${TRAINING_STATE} ${unreadable}`);
  return broken(`${MULTI_LAYER_STATE} is missing${withConfig ? '' : ': writing it was cut short'}`);
}
