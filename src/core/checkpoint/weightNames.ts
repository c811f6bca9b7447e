/** Names and shapes of NP tensors (contract section 2): what they say about layers, rank, ranks and modulation. */
import type { NamedTensor } from '../torchfile/pickle/values';
import { leading, wrappers } from '../../../trainer/npt/checkpoint/names.json';
import type { Modulation } from './report/report';

export type Matrix = 'W_down' | 'W_a_up' | 'W_b_up';
/** Which projection of the MLP a matrix modulates; '' is the gate of a single modulation. */
export type Projection = '' | 'gate' | 'up' | 'down';

export interface WeightName {
  readonly layer: number;
  readonly matrix: Matrix;
  readonly projection: Projection;
  /** The rank's number where num_ranks > 1; null otherwise. */
  readonly rank: number | null;
}

const NAME =
  /^(?:layer_(\d{1,6})_np|layers\.(\d{1,6})\.np_component)\.(W_down|W_a_up|W_b_up)(?:_(gate|up|down))?(?:\.(\d{1,4}))?$/;
const WRAPPERS = new Map(Object.entries(wrappers));
const LEADING = new Set(leading);
const LONGEST = 500;

/** What is around an NP tensor's name. */
export interface Wrapping {
  /** Everything before the layer, with its last dot; '' for most. */
  readonly prefix: string;
  /** What put parts into the name, such as "torch.compile". */
  readonly by: readonly string[];
}

/** The name without what wrappers and outer models put into it. */
function unwrapped(name: string): { bare: string; wrapping: Wrapping } {
  const by = new Set<string>();
  const kept: string[] = [];
  let before = 0;
  for (const part of name.split('.')) {
    const wrapper = WRAPPERS.get(part);
    if (wrapper !== undefined) by.add(wrapper);
    else if (kept.length > 0 || !LEADING.has(part)) kept.push(part);
    if (kept.length === 0) before += part.length + 1;
  }
  return { bare: kept.join('.'), wrapping: { prefix: name.slice(0, before), by: [...by] } };
}

/** Takes a tensor's name apart, in either layout's spelling; null for a name that is not an NP tensor's. */
export function parseWeightName(name: string): WeightName | null {
  const match = name.length > LONGEST ? null : NAME.exec(unwrapped(name).bare);
  if (!match) return null;
  return {
    layer: Number(match[1] ?? match[2]),
    matrix: match[3] as Matrix,
    projection: (match[4] ?? '') as Projection,
    rank: match[5] === undefined ? null : Number(match[5]),
  };
}

/** What is around the name of an NP tensor that parseWeightName knows. */
export function wrappingOf(name: string): Wrapping {
  return unwrapped(name).wrapping;
}

/** The name in our trainer's spelling. */
export function ourWeightName({ layer, matrix, projection, rank }: WeightName): string {
  return `layer_${layer}_np.${matrix}${projection && `_${projection}`}${rank === null ? '' : `.${rank}`}`;
}

export interface NamedWeight {
  readonly key: string;
  readonly name: WeightName;
  readonly shape: readonly number[];
}

/** What a set of weights is, as far as its names and shapes agree. */
export interface WeightsShape {
  /** Ascending. */
  readonly layers: readonly number[];
  readonly modulation: Modulation | null;
  /** r; null when the tensors do not agree. */
  readonly npRank: number | null;
  readonly numRanks: number | null;
  /** d and f; null when the tensors do not agree. */
  readonly hiddenSize: number | null;
  readonly mlpSize: number | null;
  /** Elements in all. */
  readonly parameters: number;
  readonly weights: readonly NamedWeight[];
  /** Keys that are not NP tensors. */
  readonly unknown: readonly string[];
}

/** Each projection that a modulation has. */
export const PROJECTIONS: Readonly<Record<Modulation, readonly Projection[]>> = {
  single: [''],
  dual: ['gate', 'up'],
  triple: ['gate', 'up', 'down'],
};

export function readWeightsShape(tensors: readonly NamedTensor[]): WeightsShape {
  const weights: NamedWeight[] = [];
  const unknown: string[] = [];
  let parameters = 0;
  for (const { name: key, tensor } of tensors) {
    const name = parseWeightName(key);
    if (name) weights.push({ key, name, shape: tensor.shape });
    else unknown.push(key);
    parameters += tensor.numel;
  }
  const projections = new Set(weights.map((weight) => weight.name.projection));
  const modulation: Modulation | null = projections.has('down')
    ? 'triple'
    : projections.has('gate') || projections.has('up')
      ? 'dual'
      : projections.has('')
        ? 'single'
        : null;
  const ranks = new Set(weights.map((weight) => weight.name.rank));
  return {
    layers: [...new Set(weights.map((weight) => weight.name.layer))].sort((a, b) => a - b),
    modulation,
    npRank: agreed(weights.map((weight) => axis(weight, weight.name.matrix === 'W_down' ? 1 : 0))),
    numRanks: weights.length === 0 ? null : ranks.has(null) ? (ranks.size === 1 ? 1 : null) : ranks.size,
    hiddenSize: agreed(weights.filter((weight) => weight.name.matrix === 'W_down').map((weight) => axis(weight, 0))),
    mlpSize: agreed(
      weights
        .filter((weight) => weight.name.matrix === (weight.name.projection === 'down' ? 'W_a_up' : 'W_b_up'))
        .map((weight) => axis(weight, 1)),
    ),
    parameters,
    weights,
    unknown,
  };
}

/** The shape that the contract gives a matrix. */
export function expectedShape(name: WeightName, hidden: number, mlp: number, rank: number): readonly [number, number] {
  if (name.matrix === 'W_down') return [hidden, rank];
  const [into, out] = name.projection === 'down' ? [mlp, hidden] : [hidden, mlp];
  return [rank, name.matrix === 'W_a_up' ? into : out];
}

function axis(weight: NamedWeight, index: number): number | null {
  return weight.shape.length === 2 ? (weight.shape[index] ?? null) : null;
}

/** The value that most have, so that one wrong tensor is the odd one out and not the measure; null when it is less than half. */
function agreed(values: readonly (number | null)[]): number | null {
  const counts = new Map<number, number>();
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [best] = [...counts].sort((a, b) => b[1] - a[1]);
  return best && best[1] * 2 > values.length ? best[0] : null;
}
