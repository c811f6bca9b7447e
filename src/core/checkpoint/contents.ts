/** The plain values of a checkpoint's states, taken out of what the reader found; each null where it is not what it should be. */
import type { StoredStage } from '../curriculum';
import { numpyArray } from '../torchfile/pickle/torchValues';
import {
  asInteger,
  attributesOf,
  PyDict,
  sequenceItems,
  Tensor,
  toPlain,
  type PyValue,
} from '../torchfile/pickle/values';

export interface MultiLayerState {
  /** Every key that is there. */
  readonly keys: readonly string[];
  readonly layersToTrain: readonly number[] | null;
  readonly curriculumSchedule: readonly StoredStage[] | null;
  readonly currentStageIndex: number | null;
  /** Loss weight by layer. */
  readonly layerWeights: ReadonlyMap<number, number> | null;
}

export function readMultiLayerState(value: PyValue): MultiLayerState | null {
  if (!(value instanceof PyDict)) return null;
  return {
    keys: keysOf(value),
    layersToTrain: integers(value.get('layers_to_train')),
    curriculumSchedule: schedule(value.get('curriculum_schedule')),
    currentStageIndex: asInteger(value.get('current_stage_index')),
    layerWeights: layerWeights(value.get('layer_weights'), integers(value.get('layers_to_train'))),
  };
}

export interface OptimizerGroup {
  readonly params: readonly number[] | null;
  readonly learningRate: number | null;
  /** Everything else that the group has: betas, eps, weight_decay and so on; plain copies. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface OptimizerState {
  readonly groups: readonly OptimizerGroup[];
  /** Each parameter's state by its index: name and shape of every tensor in it. */
  readonly state: ReadonlyMap<number, readonly { readonly name: string; readonly tensor: Tensor }[]>;
  /** The names of everything in each parameter's state, tensors or not. */
  readonly entries: ReadonlyMap<number, readonly string[]>;
  /** Steps by a parameter's index where they are plain numbers; PyTorch keeps them in 0-dim tensors since 1.12. */
  readonly plainSteps: ReadonlyMap<number, number>;
  /** Its parameters have names instead of indices, as FSDP keeps them; then `state` is empty. */
  readonly named: boolean;
}

export interface TrainingState {
  readonly keys: readonly string[];
  /** Only files of our own trainer have it. */
  readonly schema: number | null;
  readonly globalStep: number | null;
  readonly batchCount: number | null;
  readonly optimizer: OptimizerState | null;
  /** Plain copy; null when absent or not a dict. */
  readonly scheduler: Readonly<Record<string, unknown>> | null;
  /** Plain copy; null without a scaler. */
  readonly scaler: Readonly<Record<string, unknown>> | null;
  /** Older checkpoints keep their arguments here. */
  readonly config: Readonly<Record<string, unknown>> | null;
  /** The checkpoint was merged from several runs. */
  readonly merged: boolean;
}

export function readTrainingState(value: PyValue): TrainingState | null {
  if (!(value instanceof PyDict)) return null;
  return {
    keys: keysOf(value),
    schema: asInteger(value.get('schema')),
    globalStep: asInteger(value.get('global_step')),
    batchCount: asInteger(value.get('batch_count')),
    optimizer: optimizer(value.get('optimizer_state_dict')),
    scheduler: plainDict(value.get('scheduler_state_dict')),
    scaler: plainDict(value.get('scaler_state_dict')),
    config: plainDict(attributesOf(value.get('config')) ?? undefined),
    merged: value.has('merge_info'),
  };
}

function keysOf(value: PyDict): string[] {
  return [...value.entries()].map(([key]) => key).filter((key) => typeof key === 'string');
}

function plainDict(value: PyValue | undefined): Readonly<Record<string, unknown>> | null {
  return value instanceof PyDict ? (toPlain(value) as Record<string, unknown>) : null;
}

function integers(value: PyValue | undefined): number[] | null {
  const items = sequenceItems(value) ?? numpyArray(value);
  if (!items) return null;
  const result: number[] = [];
  for (const item of items) {
    const integer = asInteger(item);
    if (integer === null) return null;
    result.push(integer);
  }
  return result;
}

function number(value: PyValue | undefined): number | null {
  return typeof value === 'number' ? value : null;
}

function schedule(value: PyValue | undefined): StoredStage[] | null {
  const items = sequenceItems(value);
  if (!items) return null;
  const stages: StoredStage[] = [];
  for (const item of items) {
    if (!(item instanceof PyDict)) return null;
    const name = item.get('name');
    const until = asInteger(item.get('until_step'));
    if (typeof name !== 'string' || until === null) return null;
    stages.push({
      name,
      from: stages.at(-1)?.until ?? 0,
      until,
      mixingRatio: number(item.get('mixing_ratio')),
      mlpMixingRatio: number(item.get('mlp_mixing_ratio')),
    });
  }
  return stages;
}

/** A dict by layer; some write the list that was typed, in the order of the layers. */
function layerWeights(value: PyValue | undefined, layers: readonly number[] | null): Map<number, number> | null {
  const weights = new Map<number, number>();
  if (value instanceof PyDict) {
    for (const [key, weight] of value.entries()) {
      const layer = typeof key === 'string' && /^\d{1,6}$/.test(key) ? Number(key) : asInteger(key);
      if (layer === null || typeof weight !== 'number') return null;
      weights.set(layer, weight);
    }
    return weights;
  }
  const items = sequenceItems(value);
  if (!items || items.length !== layers?.length) return null;
  for (const [i, weight] of items.entries()) {
    if (typeof weight !== 'number') return null;
    weights.set(layers[i] as number, weight);
  }
  return weights;
}

function optimizer(value: PyValue | undefined): OptimizerState | null {
  if (!(value instanceof PyDict)) return null;
  const groupItems = sequenceItems(value.get('param_groups'));
  const stateDict = value.get('state');
  if (!groupItems || !(stateDict instanceof PyDict)) return null;
  const budget = { left: 20_000 };
  const state = new Map<number, { name: string; tensor: Tensor }[]>();
  const entries = new Map<number, readonly string[]>();
  const plainSteps = new Map<number, number>();
  let named = false;
  for (const [key, own] of stateDict.entries()) {
    if (!(own instanceof PyDict)) return null;
    if (typeof key === 'string') {
      named = true;
      continue;
    }
    const index = asInteger(key);
    if (index === null || index < 0) return null;
    const tensors: { name: string; tensor: Tensor }[] = [];
    for (const [name, item] of own.entries()) {
      if (typeof name === 'string' && item instanceof Tensor) tensors.push({ name, tensor: item });
      else if (name === 'step' && typeof item === 'number') plainSteps.set(index, item);
    }
    state.set(index, tensors);
    entries.set(index, keysOf(own));
  }
  return { groups: groupItems.map((group) => optimizerGroup(group, budget)), state, entries, plainSteps, named };
}

/** `budget` bounds the settings of all groups together: a file may have millions of them. */
function optimizerGroup(group: PyValue, budget: { left: number }): OptimizerGroup {
  if (!(group instanceof PyDict)) return { params: null, learningRate: null, settings: {} };
  const settings = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of group.entries()) {
    if (budget.left > 0 && typeof name === 'string' && name !== 'params' && name !== 'lr')
      settings[name] = toPlain(value, 4, budget);
  }
  return { params: integers(group.get('params')), learningRate: number(group.get('lr')), settings };
}
