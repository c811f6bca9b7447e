/**
 * The layout of Hugging Face's Trainer: a whole model in safetensors (or torch files, in one piece or several), the optimizer,
 * its schedule and random states, and trainer_state.json. It has no NP components: it is listed, its structure is validated,
 * and our trainer does not go on from it.
 */
import { countIn, isObject, numberIn, stringIn, type JsonObject } from '../../jsonText';
import { TRAINER_STATE as STATE } from '../../metrics/sources/huggingFace';
import { WEIGHTS } from '../fileNames';
import {
  broken,
  COMPLETE,
  UNKNOWN,
  WRITING,
  type CheckpointLayout,
  type ListedCheckpoint,
  type ListedFolder,
} from './layout';

const OPTIMIZER = 'optimizer.pt';
const SCHEDULER = 'scheduler.pt';
/** A pickle of the arguments' class, which only transformers could read. It is looked at, and never loaded. */
const ARGUMENTS = 'training_args.bin';
/** The first of these is the model; an index names the files that it is spread over. */
const MODELS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
];
const ADAPTERS = ['adapter_model.safetensors', 'adapter_model.bin'];
/** One a process where there are several. */
const RANDOM_STATE = /^rng_state(_\d{1,6})?\.pth$/;

export const huggingFace: CheckpointLayout = {
  id: 'huggingface',
  fits: ({ names }) => !names.has(WEIGHTS) && (names.has(STATE) || (names.has(OPTIMIZER) && [...names].some(isModel))),
  list,
  writtenInPlace: true,
  tellsInTensors: false,
  translated: false,
  refusal: (checkpoint) =>
    `${checkpoint} is a checkpoint of Hugging Face's Trainer, without NP components: resume it with the script that wrote it.`,
  npt: null,
  parts: {
    isModel,
    isPart: (name) => [STATE, OPTIMIZER, SCHEDULER, ARGUMENTS].includes(name) || RANDOM_STATE.test(name),
    state: STATE,
    stepIn: (state) => countIn(state, 'global_step'),
    neverLoaded: ARGUMENTS,
    note: 'Hugging Face’s Trainer wrote this checkpoint, of a model without NP components: its structure was checked, and our trainer does not resume it.',
  },
};

function isModel(name: string): boolean {
  return MODELS.includes(name) || ADAPTERS.includes(name);
}

/** It writes in place: the model first, then optimizer, schedule and random states, and trainer_state.json last. */
async function list(folder: ListedFolder): Promise<ListedCheckpoint> {
  const { sizes, obstacles, growing } = folder;
  const obstacle = [...obstacles].find(([name]) => name === STATE || name === OPTIMIZER || isModel(name));
  if (obstacle !== undefined) return { ...UNKNOWN, ...broken(obstacle.join(' ')) };
  const has = (name: string): boolean => (sizes.get(name) ?? 0) > 0;
  if (!has(STATE)) {
    return { ...UNKNOWN, ...(growing ? WRITING : broken(`${STATE} is missing: writing it was cut short`)) };
  }
  const state = (await folder.read(STATE)) ?? {};
  const told = factsIn(state);
  const model = [...sizes.keys()].some((name) => isModel(name) && has(name));
  if (!model) return { ...told, ...broken('it has no model') };
  // Without these it holds a model (--save_only_model) and cannot be resumed, which is nobody's fault.
  return { ...told, ...COMPLETE };
}

function factsIn(state: JsonObject): Omit<ListedCheckpoint, 'state' | 'stateReason'> {
  const history = Array.isArray(state['log_history']) ? (state['log_history'] as unknown[]).filter(isObject) : [];
  const last = (key: string): number | null => {
    const row = history.findLast((each) => numberIn(each, key) !== null);
    return row === undefined ? null : numberIn(row, key);
  };
  const best = stringIn(state, 'best_model_checkpoint');
  return {
    ...UNKNOWN,
    step: countIn(state, 'global_step'),
    loss: last('loss'),
    evalLoss: last('eval_loss'),
    maxSteps: countIn(state, 'max_steps'),
    // A path of the machine that trained, of either kind.
    best: best === null ? null : (best.split(/[\\/]/).findLast((part) => part !== '') ?? null),
  };
}
