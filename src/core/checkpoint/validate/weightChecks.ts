/** npt_weights.pt by itself: names, shapes, ranks and modulation of section 2. */
import {
  Global,
  Opaque,
  PyDict,
  sequenceItems,
  Tensor,
  type NamedTensor,
  type PyValue,
} from '../../torchfile/pickle/values';
import type { DType } from '../../torchfile/tensors/dtypes';
import { quoted } from '../../torchfile/problems';
import { finding } from './findings';
import { WEIGHTS } from '../fileNames';
import type { Finding } from '../report/report';
import {
  expectedShape,
  parseWeightName,
  PROJECTIONS,
  readWeightsShape,
  wrappingOf,
  type WeightName,
  type WeightsShape,
} from '../weightNames';

const MATRICES = ['W_down', 'W_a_up', 'W_b_up'] as const;
/** Named one by one up to here, counted beyond. */
const NAMED = 3;

export function checkWeights(
  value: PyValue,
  tensors: readonly NamedTensor[],
  file: string = WEIGHTS,
): { shape: WeightsShape; findings: Finding[] } {
  const shape = readWeightsShape(tensors);
  const findings: Finding[] = [];
  if (!(value instanceof PyDict)) {
    findings.push(finding('bad-value', file, `${file} holds no dict of tensors.`));
    return { shape, findings };
  }
  const unread = unreadWeights(value);
  report(
    findings,
    [...unread].map(([key, what]) => `${key} is ${what}`),
    (names, more) =>
      finding('unsupported-tensor', file, `${file} holds weights that are no plain tensors: ${names}${more}.`),
  );
  if (unread.size > 0) return { shape, findings };
  if (shape.weights.length === 0) {
    findings.push(finding('no-weights', file, `${file} holds no NP tensor (such as layer_13_np.W_down).`));
    return { shape, findings };
  }
  report(findings, shape.unknown, (names, more) =>
    finding('unknown-weight', file, `${file} holds tensors that are no NP component's: ${names}${more}.`),
  );
  const others = tensors.filter(({ tensor }) => tensor.dtype.name !== 'float32');
  report(
    findings,
    others.map(({ name, tensor }) => `${name} (${tensor.dtype.name})`),
    (names, more) => finding('weight-type', file, `${file} holds tensors that are not fp32: ${names}${more}.`),
  );
  const names = checkNames(shape, file);
  findings.push(...names);
  // Which tensor is which is not known: nothing can be said of their shapes, or of the optimizer's order.
  if (names.some(({ severity }) => severity === 'error')) return { shape: { ...shape, weights: [] }, findings };
  findings.push(...checkModulation(shape, file), ...checkComplete(shape, file), ...checkShapes(shape, file));
  return { shape, findings };
}

function report(findings: Finding[], names: readonly string[], make: (names: string, more: string) => Finding): void {
  if (names.length === 0) return;
  const shown = names
    .slice(0, NAMED)
    .map((name) => quoted(name))
    .join(', ');
  findings.push(make(shown, names.length > NAMED ? ` and ${names.length - NAMED} more` : ''));
}

/** Weights by their key that are not read, with what each is: no tensors, or of a kind that no weight can be. */
function unreadWeights(value: PyDict): Map<string, string> {
  const unread = new Map<string, string>();
  for (const [key, item] of value.entries()) {
    if (typeof key !== 'string' || !parseWeightName(key)) continue;
    const what = item instanceof Tensor ? unfitType(item.dtype) : describeObject(item);
    if (what !== null) unread.set(key, what);
  }
  return unread;
}

function unfitType({ kind, name }: DType): string | null {
  return ['float', 'bfloat', 'float8', 'int'].includes(kind) || name === 'uint8' ? null : `of type ${name}`;
}

const KINDS_OF_TENSOR: Readonly<Record<string, string>> = {
  _rebuild_qtensor: 'quantized',
  _rebuild_sparse_tensor: 'sparse',
  _rebuild_sparse_csr_tensor: 'sparse',
  _rebuild_nested_tensor: 'a nested tensor',
  _rebuild_meta_tensor_no_storage: 'a tensor of the meta device, which has no data',
  _rebuild_device_tensor_from_numpy: 'NumPy data of another device',
  _rebuild_xla_tensor: 'NumPy data of another device',
  _rebuild_mlc_tensor: 'NumPy data of another device',
  _reconstruct: 'a NumPy array',
  _frombuffer: 'a NumPy array',
};

/** What stands where a tensor should be, for a message. */
function describeObject(value: PyValue): string {
  if (!(value instanceof Opaque) || !(value.callable instanceof Global)) return 'no tensor';
  const { name, qualified } = value.callable;
  const kind = KINDS_OF_TENSOR[name];
  if (kind !== undefined) return kind;
  const [first = null, second = null] = sequenceItems(value.args) ?? [];
  const type = name === '_rebuild_wrapper_subclass' ? first : name.startsWith('_rebuild_from_type') ? second : null;
  return type instanceof Global ? `a ${type.qualified}` : `made by ${qualified}`;
}

/** One name for each tensor, and one prefix for all of them. */
function checkNames(shape: WeightsShape, file: string): Finding[] {
  const keys = new Map<string, string>();
  const prefixes = new Map<string, string>();
  const by = new Set<string>();
  for (const { key, name } of shape.weights) {
    const before = keys.get(identity(name));
    if (before !== undefined)
      return [finding('ambiguous-names', file, `${file} has one weight twice: ${quoted(before)} and ${quoted(key)}.`)];
    keys.set(identity(name), key);
    const wrapping = wrappingOf(key);
    if (!prefixes.has(wrapping.prefix)) prefixes.set(wrapping.prefix, key);
    for (const wrapper of wrapping.by) by.add(wrapper);
  }
  if (prefixes.size > 1) {
    const listed = [...prefixes.values()].slice(0, NAMED).map((key) => quoted(key));
    return [finding('ambiguous-names', file, `The names in ${file} begin differently: ${listed.join(', ')}.`)];
  }
  if (by.size === 0) return [];
  const [prefix = ''] = prefixes.keys();
  const begin = prefix === '' ? 'hold parts' : `begin with ${quoted(prefix)}, parts`;
  return [finding('wrapped-names', file, `The names in ${file} ${begin} that ${[...by].join(' and ')} wrote.`)];
}

/** Every layer must have the same projections and the same ranks. */
function checkModulation(shape: WeightsShape, file: string): Finding[] {
  const kinds = new Map<string, number>();
  for (const layer of shape.layers) {
    const own = shape.weights.filter((weight) => weight.name.layer === layer);
    const projections = [...new Set(own.map((weight) => weight.name.projection || 'single'))].sort();
    const ranks = new Set(own.map((weight) => weight.name.rank));
    const kind = `${projections.join('+')} with ${ranks.has(null) ? (ranks.size === 1 ? '1 rank' : 'numbered and unnumbered ranks') : `${ranks.size} ranks`}`;
    if (!kinds.has(kind)) kinds.set(kind, layer);
  }
  if (kinds.size <= 1 && !(shape.numRanks === null)) return [];
  const listed = [...kinds]
    .slice(0, NAMED)
    .map(([kind, layer]) => `layer ${layer} has ${kind}`)
    .join(', ');
  return [finding('mixed-modulation', file, `The layers in ${file} are not of one kind: ${listed}.`)];
}

function checkComplete(shape: WeightsShape, file: string): Finding[] {
  if (shape.modulation === null) return [];
  const present = new Set(shape.weights.map(({ name }) => identity(name)));
  const ranks: (number | null)[] =
    shape.numRanks === null || (shape.numRanks === 1 && shape.weights[0]?.name.rank === null)
      ? [null]
      : Array.from({ length: shape.numRanks }, (_, i) => i);
  if (shape.numRanks === null) return [];
  const missing: string[] = [];
  for (const layer of shape.layers) {
    for (const projection of PROJECTIONS[shape.modulation]) {
      for (const matrix of MATRICES) {
        for (const rank of ranks) {
          if (present.has(identity({ layer, matrix, projection, rank }))) continue;
          missing.push(
            `layer_${layer}_np.${matrix}${projection && `_${projection}`}${rank === null ? '' : `.${rank}`}`,
          );
        }
      }
    }
  }
  const findings: Finding[] = [];
  report(findings, missing, (names, more) => finding('missing-weight', file, `${file} lacks ${names}${more}.`));
  return findings;
}

function identity(name: WeightName): string {
  return `${name.layer} ${name.matrix} ${name.projection} ${name.rank ?? ''}`;
}

function checkShapes(shape: WeightsShape, file: string): Finding[] {
  const { npRank, hiddenSize, mlpSize } = shape;
  if (npRank === null || hiddenSize === null || mlpSize === null) {
    return [finding('weight-shape', file, `The tensors in ${file} agree on no rank, hidden size or MLP size.`)];
  }
  const wrong = shape.weights.flatMap((weight) => {
    const [rows, columns] = expectedShape(weight.name, hiddenSize, mlpSize, npRank);
    const fits =
      weight.shape.length === 2 && !weight.shape.includes(0) && weight.shape[0] === rows && weight.shape[1] === columns;
    return fits ? [] : [`${weight.key} is (${weight.shape.join(', ')}), expected (${rows}, ${columns})`];
  });
  const findings: Finding[] = [];
  report(findings, wrong, (names, more) =>
    finding('weight-shape', file, `Tensors in ${file} have the wrong shape: ${names}${more}.`),
  );
  return findings;
}
