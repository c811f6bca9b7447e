/**
 * Presets: arguments under a name, to start runs with. Those of a workspace are in its `.npt/presets.json`; some come along.
 */
import path from 'node:path';
import { readJsonObject } from '../../jsonFile';
import { isObject, stringIn } from '../../jsonText';

export interface Preset {
  readonly name: string;
  /** One sentence; empty where nobody wrote one. */
  readonly description: string;
  /** Values as config.json would hold them, or as they are typed, by argument. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** It comes along and is not in the workspace's file. */
  readonly builtIn: boolean;
}

/** In a training workspace. */
export const PRESETS_FILE = path.join('.npt', 'presets.json');

const BUILT_IN: readonly Preset[] = [
  {
    name: 'demo',
    description: 'A small teacher and text that come along; needs no network, and a minute.',
    arguments: { demo_mode: true },
    builtIn: true,
  },
  {
    name: 'improved',
    description: 'A full training of the upper half of Llama 3.2 1B, as train_improved_npt.sh runs it.',
    arguments: {
      model_name: 'meta-llama/Llama-3.2-1B',
      train_layers: '8-15',
      layer_weights: 'uniform',
      curriculum_stages: 'teacher:10000,mixed:15000:0.5,student:25000',
      max_steps: 50000,
      np_rank: 64,
      num_ranks: 4,
      dual_modulation: true,
      init_strategy: 'improved',
      dataset_preset: 'medium',
      batch_size: 4,
      gradient_accumulation_steps: 8,
      learning_rate: 1e-4,
      warmup_steps: 2000,
      mixed_precision: true,
      save_steps: 2000,
      eval_steps: 500,
    },
    builtIn: true,
  },
];

export interface Presets {
  /** The workspace's own first, each name once. */
  readonly presets: readonly Preset[];
  /** Why the workspace's own cannot be read, one line; null where they can, or where there are none. */
  readonly problem: string | null;
}

/** @param root absolute path of the training workspace */
export async function readPresets(root: string): Promise<Presets> {
  const file = path.join(root, PRESETS_FILE);
  const { object, failure } = await readJsonObject(file);
  const own = object === null || !isObject(object.presets) ? [] : Object.entries(object.presets).flatMap(presetIn);
  const names = new Set(own.map(({ name }) => name));
  return {
    presets: [...own, ...BUILT_IN.filter(({ name }) => !names.has(name))],
    problem: failure === null || failure.kind === 'missing' ? null : `${file} ${failure.clause}.`,
  };
}

function presetIn([name, entry]: [string, unknown]): Preset[] {
  if (!isObject(entry) || !isObject(entry.arguments)) return [];
  return [{ name, description: stringIn(entry, 'description') ?? '', arguments: entry.arguments, builtIn: false }];
}
