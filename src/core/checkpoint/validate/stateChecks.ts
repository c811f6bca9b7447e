/** training_state.pt and multi_layer_state.pt by themselves: the keys of section 2 and the values under them. */
import { knownStage, type StoredStage } from '../../curriculum';
import type { MultiLayerState, TrainingState } from '../contents';
import type { NptRules } from '../layouts/layout';
import { finding } from './findings';
import { SCHEMA } from '../../jsonText';
import { MULTI_LAYER_STATE, TRAINING_STATE } from '../fileNames';
import type { Finding } from '../report/report';

const TRAINING_KEYS = [
  'global_step',
  'batch_count',
  'optimizer_state_dict',
  'scheduler_state_dict',
  'scaler_state_dict',
];
const MULTI_LAYER_KEYS = ['layers_to_train', 'curriculum_schedule', 'current_stage_index', 'layer_weights'];

function missingKeys(present: readonly string[], wanted: readonly string[], file: string): Finding[] {
  const missing = wanted.filter((key) => !present.includes(key));
  return missing.length === 0 ? [] : [finding('missing-key', file, `${file} lacks ${missing.join(', ')}.`)];
}

/** `state` is null when the file's value is no dict. */
export function checkTrainingState(state: TrainingState | null, rules: NptRules): Finding[] {
  const file = TRAINING_STATE;
  if (!state) return [finding('bad-value', file, `${file} holds no dict.`)];
  if (state.schema !== null && state.schema > SCHEMA) {
    return [finding('newer-schema', file, `${file} has schema ${state.schema}; this version reads up to ${SCHEMA}.`)];
  }
  const findings = missingKeys(state.keys, [...TRAINING_KEYS, ...rules.ownTrainingKeys], file);
  const bad = (what: string): void => {
    findings.push(finding('bad-value', file, `${file}: ${what}.`));
  };
  if (state.keys.includes('global_step') && (state.globalStep === null || state.globalStep < 0))
    bad('global_step is not a step number');
  if (state.keys.includes('batch_count') && (state.batchCount === null || state.batchCount < 0))
    bad('batch_count is not a count');
  if (state.keys.includes('optimizer_state_dict') && state.optimizer === null)
    bad('optimizer_state_dict is not the state of an optimizer');
  const rate = state.optimizer?.groups.find(
    (group) => group.learningRate !== null && !Number.isFinite(group.learningRate),
  );
  if (rate)
    findings.push(
      finding('non-finite', file, `${file}: the optimizer's learning rate is ${rate.learningRate ?? 'missing'}.`),
    );
  return findings;
}

export function checkMultiLayerState(state: MultiLayerState | null): Finding[] {
  const file = MULTI_LAYER_STATE;
  if (!state) return [finding('bad-value', file, `${file} holds no dict.`)];
  const findings = missingKeys(state.keys, MULTI_LAYER_KEYS, file);
  if (state.keys.includes('layers_to_train')) {
    const layers = state.layersToTrain;
    if (!layers || layers.length === 0 || layers.some((layer) => layer < 0) || new Set(layers).size !== layers.length) {
      findings.push(finding('bad-value', file, `${file}: layers_to_train is not a list of different layers.`));
    }
  }
  if (state.keys.includes('curriculum_schedule')) findings.push(...checkSchedule(state.curriculumSchedule));
  if (state.keys.includes('current_stage_index') && (state.currentStageIndex === null || state.currentStageIndex < 0)) {
    findings.push(finding('bad-value', file, `${file}: current_stage_index is not an index.`));
  }
  if (state.keys.includes('layer_weights')) findings.push(...checkLayerWeights(state));
  return findings;
}

function checkSchedule(schedule: readonly StoredStage[] | null): Finding[] {
  const wrong = (what: string): Finding[] => [
    finding('curriculum-malformed', MULTI_LAYER_STATE, `${MULTI_LAYER_STATE}: ${what}.`),
  ];
  if (!schedule || schedule.length === 0) return wrong('curriculum_schedule is not a list of stages');
  let from = 0;
  for (const [index, stage] of schedule.entries()) {
    if (knownStage(stage.name) === null)
      return wrong(`stage ${index} of the curriculum is not teacher, mixed or student`);
    if (stage.until <= from)
      return wrong(`stage ${index} of the curriculum ends at step ${stage.until}, not after ${from}`);
    for (const ratio of [stage.mixingRatio, stage.mlpMixingRatio]) {
      if (ratio !== null && !(ratio >= 0 && ratio <= 1))
        return wrong(`stage ${index} of the curriculum has a mixing ratio of ${ratio}`);
    }
    from = stage.until;
  }
  return [];
}

function checkLayerWeights(state: MultiLayerState): Finding[] {
  const { layerWeights, layersToTrain } = state;
  const file = MULTI_LAYER_STATE;
  if (!layerWeights) return [finding('bad-value', file, `${file}: layer_weights gives no number for each layer.`)];
  const odd = [...layerWeights].find(([, weight]) => !Number.isFinite(weight));
  if (odd) return [finding('non-finite', file, `${file}: the loss weight of layer ${odd[0]} is ${odd[1]}.`)];
  const without = (layersToTrain ?? []).filter((layer) => !layerWeights.has(layer));
  return without.length === 0
    ? []
    : [finding('layer-weights', file, `${file} has no loss weight for layer ${without.slice(0, 10).join(', ')}.`)];
}
