/** Every argument of the trainer as a checkpoint and its run hold it, each with where it was found. */
import { type TrainerArgument, TRAINER_ARGUMENTS, findArgument } from '../../arguments/arguments';
import { isNothing } from '../../arguments/argumentValues';
import type { CheckpointFacts } from '../../checkpoint/facts';
import { type Curriculum, CurriculumError, formatCurriculum, parseCurriculum } from '../../curriculum';
import type { Run } from '../../experiment/model';
import { valueText } from '../../format';
import type { JsonObject } from '../../jsonText';
import { ourName } from '../field/names';
import type { ArgumentSource, PlanMessage } from './plan';

export interface StoredArgument {
  readonly value: unknown;
  readonly source: ArgumentSource;
  /** As it was stored, where that was read as something else: a word for one of several switches that are one to us. */
  readonly raw?: unknown;
  /** Why a stored value cannot be used, one sentence; it is never passed on. */
  readonly refused?: string;
}

/** What their run's config.json says of these is not what was used (contract section 7). */
const UNTRUE_SETTINGS = new Set(['np_rank', 'num_ranks', 'dual_modulation', 'triple_modulation', 'output_dir']);

/**
 * Every argument of the catalogue: from the checkpoint's config.json, else the default. Of another trainer's checkpoint from
 * the tensors first, and from the run's config.json before the default.
 */
export function collect(
  config: JsonObject,
  run: Run | null,
  otherTrainers: CheckpointFacts | null,
  scheduled: Curriculum | null,
): Map<string, StoredArgument> {
  const stored = new Map<string, StoredArgument>();
  const take = (from: JsonObject, source: ArgumentSource, except: ReadonlySet<string>): void => {
    for (const [key, value] of Object.entries(from)) {
      const name = ourName(key);
      if (!isNothing(value) && !except.has(name) && (name === key || isNothing(from[name])))
        stored.set(name, { value, source });
    }
  };
  const none: ReadonlySet<string> = new Set();
  if (otherTrainers !== null) {
    take(run?.config ?? {}, 'run', UNTRUE_SETTINGS);
    take(otherTrainers.savedArguments ?? {}, 'checkpoint', UNTRUE_SETTINGS);
  }
  take(config, 'checkpoint', otherTrainers === null ? none : UNTRUE_SETTINGS);
  if (otherTrainers !== null) take(argumentsFrom(otherTrainers, scheduled), 'tensors', none);
  const all = new Map<string, StoredArgument>();
  for (const argument of TRAINER_ARGUMENTS) {
    const found = stored.get(argument.name);
    all.set(
      argument.name,
      found === undefined ? { value: argument.default, source: 'default' } : readStored(argument, found),
    );
  }
  fitStride(all);
  return all;
}

/** As the trainer has it: by itself a stride leaves no text out. */
export function fitStride(all: Map<string, StoredArgument>): void {
  const [stride, length] = [all.get('stride'), all.get('max_length')?.value];
  if (stride?.source === 'default' && typeof length === 'number' && Number(stride.value) > length) {
    all.set('stride', { value: length, source: 'default' });
  }
}

/** Names of those that were found, and that the trainer would not take by itself. */
export function found(stored: ReadonlyMap<string, StoredArgument>): Set<string> {
  const differing = [...stored].filter(
    ([name, { value, source }]) => source !== 'default' && valueText(value) !== valueText(findArgument(name)?.default),
  );
  return new Set(differing.map(([name]) => name));
}

/** A stored value as strictly as a typed one. */
export function readStored(argument: TrainerArgument, { value, source }: StoredArgument): StoredArgument {
  const refused = argument.refusedAsStored(value);
  return refused === null ? { value: argument.readStored(value), source, raw: value } : { value, source, refused };
}

function argumentsFrom(facts: CheckpointFacts, scheduled: Curriculum | null): JsonObject {
  const layers = facts.layersToTrain ?? facts.weightLayers;
  const weights = layers?.map((layer) => facts.layerWeights?.get(layer) ?? 1);
  return {
    train_layers: layers,
    np_rank: facts.npRank,
    num_ranks: facts.numRanks,
    dual_modulation: facts.modulation === null ? null : facts.modulation !== 'single',
    triple_modulation: facts.modulation === null ? null : facts.modulation === 'triple',
    curriculum_stages: scheduled === null ? null : formatCurriculum(scheduled),
    layer_weights:
      facts.layerWeights === null || weights === undefined
        ? null
        : weights.every((weight) => weight === 1)
          ? 'uniform'
          : weights.join(','),
  };
}

export function curriculumOf(stored: ReadonlyMap<string, StoredArgument>, warnings: PlanMessage[]): Curriculum | null {
  const text = stored.get('curriculum_stages')?.value;
  if (typeof text !== 'string') return null;
  try {
    return parseCurriculum(text);
  } catch (error) {
    if (!(error instanceof CurriculumError)) throw error;
    warnings.push({ code: 'curriculum-unreadable', message: `The stored curriculum cannot be used: ${error.message}` });
    return null;
  }
}
