/** Which NP tensor each parameter of an optimizer is: by position in npt_weights.pt (contract section 2), if that fits. */
import type { OptimizerState, TrainingState } from '../contents';
import type { NptRules } from '../layouts/layout';
import type { NamedWeight } from '../weightNames';

/**
 * fits: `weightOf` leads from a parameter's index to its tensor. The rest says why there is no telling. merged: another
 * trainer put it together from several runs and kept the optimizer of one. count: it is of another number of parameters.
 * stray: it has state of an index that no group has. shapes: `misfits` are moments of another shape than their tensor;
 * with `reordered` every shape is there, elsewhere.
 */
export type Assignment =
  | { readonly kind: 'fits'; readonly weightOf: ReadonlyMap<number, NamedWeight> }
  | { readonly kind: 'merged' }
  | { readonly kind: 'count'; readonly parameters: number }
  | { readonly kind: 'stray'; readonly index: number }
  | { readonly kind: 'shapes'; readonly misfits: readonly Misfit[]; readonly reordered: boolean };

export interface Misfit {
  readonly index: number;
  readonly name: string;
  readonly shape: readonly number[];
  readonly weight: NamedWeight;
}

/** Optimizers keep moments of a parameter's own shape under these names; other entries may have any. */
const MOMENTS = new Set(['exp_avg', 'exp_avg_sq', 'max_exp_avg_sq', 'momentum_buffer', 'state1', 'state2']);

/** @param weights the NP tensors in their order in npt_weights.pt */
export function assignParameters(
  rules: NptRules,
  training: Pick<TrainingState, 'merged'>,
  optimizer: OptimizerState,
  weights: readonly NamedWeight[],
): Assignment {
  // Our own merge takes each layer's moments along (trainer/npt/checkpoint/merge.py).
  if (training.merged && !rules.mergesOptimizer) return { kind: 'merged' };
  const indices = optimizer.groups.flatMap((group) => group.params ?? []);
  const weightOf = new Map<number, NamedWeight>();
  for (const [position, index] of indices.entries()) {
    const weight = weights[position];
    if (weight) weightOf.set(index, weight);
  }
  if (indices.length !== weights.length || weightOf.size !== indices.length)
    return { kind: 'count', parameters: indices.length };
  const stray = [...optimizer.state.keys()].find((index) => !weightOf.has(index));
  if (stray !== undefined) return { kind: 'stray', index: stray };
  const misfits: Misfit[] = [];
  for (const [index, weight] of weightOf) {
    for (const { name, tensor } of optimizer.state.get(index) ?? []) {
      if (MOMENTS.has(name) && tensor.shape.join() !== weight.shape.join())
        misfits.push({ index, name, shape: tensor.shape, weight });
    }
  }
  if (misfits.length > 0) return { kind: 'shapes', misfits, reordered: sameShapes(optimizer, weights) };
  return { kind: 'fits', weightOf };
}

/** Another trainer may have numbered its parameters in another order: then all shapes are there, elsewhere. */
function sameShapes(optimizer: OptimizerState, weights: readonly NamedWeight[]): boolean {
  const sorted = (shapes: readonly string[]): string => [...shapes].sort().join(';');
  const stored = [...optimizer.state.values()].map(
    (own) => own.find(({ name }) => MOMENTS.has(name))?.tensor.shape.join() ?? '',
  );
  return sorted(stored) === sorted(weights.map((weight) => weight.shape.join()));
}
