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
  list: (folder) => Promise.resolve({ ...UNKNOWN, ...judge(folder) }),
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
 * Older ones stop after the training state, and until they have been left alone for a while they may still be growing.
 */
function judge({ sizes, obstacles, growing }: ListedFolder): Pick<ListedCheckpoint, 'state' | 'stateReason'> {
  const has = (name: string): boolean => (sizes.get(name) ?? 0) > 0;
  const required = [WEIGHTS, TRAINING_STATE];
  const missing = required.filter((name) => !has(name));
  const withConfig = has(CONFIG);
  if (missing.length === 0 && (withConfig || (!sizes.has(MULTI_LAYER_STATE) && !growing))) return COMPLETE;
  if (!withConfig && growing) return WRITING;
  const obstacle = [...required, CONFIG].find((name) => obstacles.has(name));
  if (obstacle !== undefined) return broken(`${obstacle} ${obstacles.get(obstacle) ?? ''}`);
  const [first] = missing;
  if (first === undefined) return broken(`${CONFIG} is missing: writing it was cut short`);
  return broken(sizes.has(first) ? `${first} is empty` : `${first} is missing`);
}
