/**
 * Presets: arguments under a name, to start runs with. Those of a workspace are in its `.npt/presets.json`; some come along.
 */
import path from 'node:path';
import { isAbsent, isFileError, readFailure } from '../../files';
import { readDocument } from '../../jsonFile';
import { FileContentError, isObject, parseDocument, stringIn, type JsonObject } from '../../jsonText';

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
  /** What cannot be read of the workspace's own, one line; null where all can, or where there are none. */
  readonly problem: string | null;
}

/** The workspace's file cannot be used; the message is one line that begins with its path. */
export class PresetsFileError extends Error {}

/** @param root absolute path of the training workspace */
export async function readPresets(root: string): Promise<Presets> {
  const file = path.join(root, PRESETS_FILE);
  const own: Preset[] = [];
  let problem: string | null = null;
  try {
    const document = await readPresetsFile(file);
    for (const [name, entry] of Object.entries(document?.presets ?? {})) {
      if (isObject(entry) && isObject(entry.arguments)) {
        const description = stringIn(entry, 'description') ?? '';
        own.push({ name, description, arguments: entry.arguments, builtIn: false });
      } else problem ??= `${file}: the preset "${name}" has no "arguments" with an object of them.`;
    }
  } catch (error) {
    if (!(error instanceof PresetsFileError)) throw error;
    problem = `${error.message}.`;
  }
  const names = new Set(own.map(({ name }) => name));
  return { presets: [...own, ...BUILT_IN.filter(({ name }) => !names.has(name))], problem };
}

export interface PresetsDocument {
  /** The file's; null where its object has none yet. */
  readonly presets: JsonObject | null;
  readonly object: JsonObject;
}

/**
 * @param file absolute path of a presets.json
 * @returns null where there is none
 * @throws PresetsFileError for one that is damaged, or of a newer schema
 */
export async function readPresetsFile(file: string): Promise<PresetsDocument | null> {
  try {
    const object = parseDocument(await readDocument(file));
    const { presets = null } = object;
    if (presets !== null && !isObject(presets)) throw new FileContentError('has a "presets" that is not an object');
    return { presets, object };
  } catch (error) {
    if (error instanceof FileContentError) throw new PresetsFileError(`${file} ${error.message}`);
    if (!isFileError(error)) throw error;
    if (isAbsent(error)) return null;
    throw new PresetsFileError(`${file} ${readFailure(error)}`);
  }
}

/** Whether a preset comes along with the trainer. */
export function isBuiltIn(name: string): boolean {
  return BUILT_IN.some((each) => each.name === name);
}
