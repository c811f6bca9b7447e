/** Names for branches, told from what changes in them. */
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
