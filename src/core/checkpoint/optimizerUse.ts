/**
 * What a resume makes of a stored optimizer state. Our trainer's optimizer is AdamW: it takes what means the same, and
 * starts afresh where the state is another optimizer's. The trainer's npt/checkpoint/optimizer.py decides alike, by the same
 * list.
 */
import { kinds } from '../../../trainer/npt/checkpoint/optimizers.json';
import type { Tensor } from '../torchfile/pickle/values';
import type { OptimizerState } from './contents';

interface Kind {
  readonly name: string;
  readonly has: readonly string[];
  /** What it calls AdamW's exp_avg and exp_avg_sq, where it has them. */
  readonly adamw?: readonly string[];
}

const KINDS: readonly Kind[] = kinds;
const PLAIN = new Set(['exp_avg', 'exp_avg_sq', 'step']);

/** taken: as it is. converted: `how` is a clause. afresh: `why` is a clause, such as "it is SGD's". */
export type OptimizerUse =
  | { readonly kind: 'taken' }
  | { readonly kind: 'converted'; readonly how: string }
  | { readonly kind: 'afresh'; readonly why: string };

export function optimizerUse(optimizer: OptimizerState): OptimizerUse {
  if (optimizer.named) return { kind: 'afresh', why: 'its parameters have names instead of numbers' };
  let how: string | null = null;
  for (const [index, entries] of optimizer.entries) {
    if (entries.length === 0) continue;
    const kind = KINDS.find(({ has }) => has.every((name) => entries.includes(name)));
    if (!kind) return { kind: 'afresh', why: `it keeps nothing of parameter ${index} that AdamW does` };
    if (!kind.adamw) return { kind: 'afresh', why: `it is ${kind.name}` };
    const tensors = new Map((optimizer.state.get(index) ?? []).map(({ name, tensor }) => [name, tensor]));
    const plainStep = optimizer.plainSteps.get(index) ?? null;
    const why = unusable(kind.adamw, tensors, plainStep);
    if (why !== null) return { kind: 'afresh', why: `${why} of parameter ${index}` };
    how ??= conversion(kind, entries, tensors, plainStep !== null);
  }
  return how === null ? { kind: 'taken' } : { kind: 'converted', how };
}

function unusable(
  moments: readonly string[],
  tensors: ReadonlyMap<string, Tensor>,
  plainStep: number | null,
): string | null {
  for (const name of moments) {
    const dtype = tensors.get(name)?.dtype;
    if (!dtype) return `${name} cannot be read`;
    if (!['float', 'bfloat'].includes(dtype.kind)) return `${name} is ${dtype.name}`;
  }
  return plainStep === null && tensors.get('step')?.numel !== 1 ? 'there is no step count' : null;
}

function conversion(
  { name, adamw = [] }: Kind,
  entries: readonly string[],
  tensors: ReadonlyMap<string, Tensor>,
  plainStep: boolean,
): string | null {
  if (adamw[0] !== 'exp_avg') return `it is ${name}, which means the same`;
  if (entries.includes('max_exp_avg_sq')) return "AMSGrad's maxima are left out";
  const more = entries.find((entry) => !PLAIN.has(entry));
  if (more !== undefined) return `it is ${name}, of which ${more} is left out`;
  const other = adamw.map((moment) => tensors.get(moment)?.dtype.name).find((type) => type !== 'float32');
  if (other !== undefined) return `its moments are ${other} and become fp32`;
  return plainStep ? 'its step counts are plain numbers, as before torch 1.12' : null;
}
