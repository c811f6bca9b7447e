/** Names for branches, told from what changes in them. */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { valueText } from '../../format';

/** Names that people write in folder names anyway. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  learning_rate: 'lr',
  batch_size: 'bs',
  gradient_accumulation_steps: 'ga',
  weight_decay: 'wd',
  max_steps: 'steps',
  warmup_steps: 'warmup',
  gradient_clip: 'clip',
  gradient_scale_factor: 'gscale',
  lambda_reg: 'reg',
  direct_mlp_weight: 'mlp',
  fidelity_weight: 'fid',
  layer_weights: 'weights',
  train_layers: 'layers',
  curriculum_stages: 'cur',
  dataset_preset: 'data',
  mixed_precision: 'amp',
};

/** Longer folder names are hard to read in a tree and, with a checkpoint's path behind them, near some systems' limit. */
const LONGEST = 80;

/**
 * `demo` and {learning_rate: 5e-5} → `demo-lr5e-5`; nothing changed → `demo-from-400`.
 *
 * @param run the parent's folder name
 */
export function branchName(run: string, step: number, changes: Readonly<Record<string, unknown>>): string {
  return changedName(run, changes) ?? `${run}-from-${step}`;
}

/** `demo` and {learning_rate: 5e-5} → `demo-lr5e-5`; null where nothing changed, or too much to be told in a name. */
export function changedName(run: string, changes: Readonly<Record<string, unknown>>): string | null {
  const parts = Object.entries(changes).map(([name, value]) => {
    const short = SHORT_NAMES[name] ?? name.replace(/_(steps|weight|mode)$/, '').replaceAll('_', '-');
    if (value === true) return short;
    if (value === false) return `no-${short}`;
    return `${short}${slug(valueText(value))}`;
  });
  const name = [run, ...parts].join('-');
  return parts.length === 0 || name.length > LONGEST ? null : name;
}

function slug(text: string): string {
  return text
    .replace(/[^\w.+-]+/g, '')
    .replace(/^[.-]+/, '')
    .slice(0, 24);
}

/** The folder itself, or with -2, -3, … where it is taken on disk or by another plan. */
export async function freeFolder(folder: string, taken: ReadonlySet<string> = new Set()): Promise<string> {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? folder : `${folder}-${n}`;
    if (!taken.has(candidate) && (await isFree(candidate))) return candidate;
  }
}

/** Nothing is there, a link that leads nowhere included. What may not be looked at is whoever starts the trainer's to see. */
async function isFree(folder: string): Promise<boolean> {
  try {
    await lstat(folder);
    return false;
  } catch {
    return true;
  }
}

/** What is wrong with a name that a person typed for a run. */
export interface WrongName {
  /** One line. */
  readonly message: string;
  /** It is a good name, and another's. */
  readonly taken: boolean;
}

/** @returns null where the name can be used */
export async function checkRunName(name: string, parentFolder: string): Promise<WrongName | null> {
  const trimmed = name.trim();
  if (trimmed === '') return { message: 'Type a name for the new run.', taken: false };
  if (!/^[\w][\w.+=@ -]*$/.test(trimmed)) {
    const message = `"${trimmed}" cannot be a run's name: use letters, digits, "-", "_", "." and "+", and no "/".`;
    return { message, taken: false };
  }
  if (await isFree(path.join(parentFolder, trimmed))) return null;
  return { message: `There is already a run named ${trimmed}.`, taken: true };
}
