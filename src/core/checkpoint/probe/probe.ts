/**
 * The probe: every NP component of a checkpoint run by ONNX Runtime, on the run's probe.pt or on fixed input. Executes
 * matrix products and nothing else. onnxruntime-node is native and optional: it is loaded when a probe runs, and its
 * absence is an answer, not an error.
 */
import type * as Ort from 'onnxruntime-node';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { openFile, type ByteSource } from '../../torchfile/container/source';
import { numbersOf } from '../../torchfile/tensors/totals';
import { isAsStored, readTensorBytes } from '../../torchfile/tensors/tensorData';
import { readTorchFile, type TorchFile } from '../../torchfile/torchFile';
import type { Tensor } from '../../torchfile/pickle/values';
import { CHECKPOINTS, PROBE } from '../fileNames';
import { effectiveRank, LARGEST_RANK } from './effectiveRank';
import { encodeModel, type MatrixSource, type ModelMatrix, type ModelPart } from './onnxModel';
import type { ProbedLayer } from '../report/report';
import { parseWeightName, readWeightsShape, type Projection, type WeightsShape } from '../weightNames';

/** ONNX Runtime is not there, or cannot run; the message says why in one line. */
export class ProbeUnavailableError extends Error {}

/** A matrix larger than this is only ever mapped, never copied. */
const INLINE_BYTES = 512 * 1024 * 1024;
const FIXED_TOKENS = 16;

/** What one part of a layer gives: (tokens, width) of v_a and of v_b, row-major. */
export interface PartOutputs {
  readonly projection: Projection;
  readonly rank: number;
  readonly vA: Float32Array;
  readonly vB: Float32Array;
}

export interface ProbeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Gets each layer's outputs, which the next layer's overwrite. */
  readonly onOutputs?: (layer: number, tokens: number, parts: readonly PartOutputs[]) => void;
}

/**
 * Runs every layer that is complete. `weightsPath` is npt_weights.pt; `probePath` may lead nowhere.
 *
 * @throws ProbeUnavailableError where ONNX Runtime is not there, or cannot run these weights
 */
export async function probeWeights(
  weightsPath: string,
  probePath: string | null,
  options: ProbeOptions = {},
): Promise<ProbedLayer[]> {
  const ort = await loadRuntime();
  const path = await realpath(weightsPath);
  const source = await openFile(path);
  try {
    const file = await readTorchFile(source);
    const shape = readWeightsShape(file.tensors);
    const inputs =
      probePath === null ? new Map<number, Float32Array>() : await readProbe(probePath, shape.hiddenSize ?? 0);
    const weights: OpenWeights = { path, source, file, shape, buffers: new Map(), scratch: new Map() };
    const layers: ProbedLayer[] = [];
    for (const layer of shape.layers) {
      options.signal?.throwIfAborted();
      const probed = await probeLayer(ort, weights, layer, inputs.get(layer) ?? null, options);
      if (probed) layers.push(probed);
    }
    return layers;
  } finally {
    await source.close();
  }
}

/** @throws ProbeUnavailableError that says in one line why it cannot be loaded */
export async function loadRuntime(): Promise<typeof Ort> {
  try {
    return await import('onnxruntime-node');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND')
      throw new ProbeUnavailableError(`ONNX Runtime is not packaged for ${process.platform}-${process.arch}`);
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ProbeUnavailableError(`ONNX Runtime cannot be loaded (${reason})`);
  }
}

interface OpenWeights {
  readonly path: string;
  readonly source: ByteSource;
  readonly file: TorchFile;
  readonly shape: WeightsShape;
  /** Output tensors by name and shape: layers are alike, and new ones for each would be collected too late. */
  readonly buffers: Map<string, Ort.Tensor>;
  /** The effective rank's, by rank. */
  readonly scratch: Map<number, Float64Array>;
}

interface LayerPart {
  readonly projection: Projection;
  readonly rank: number;
  readonly matrices: Partial<Record<'W_down' | 'W_a_up' | 'W_b_up', Tensor>>;
}

function partsOf(file: TorchFile, layer: number): LayerPart[] {
  const parts = new Map<string, LayerPart>();
  for (const { name: key, tensor } of file.tensors) {
    const name = parseWeightName(key);
    if (name?.layer !== layer) continue;
    const id = `${name.projection} ${name.rank ?? 0}`;
    const part = parts.get(id) ?? { projection: name.projection, rank: name.rank ?? 0, matrices: {} };
    part.matrices[name.matrix] = tensor;
    parts.set(id, part);
  }
  return [...parts.values()];
}

async function probeLayer(
  ort: typeof Ort,
  weights: OpenWeights,
  layer: number,
  probe: Float32Array | null,
  { onOutputs }: ProbeOptions,
): Promise<ProbedLayer | null> {
  const { hiddenSize } = weights.shape;
  if (hiddenSize === null || hiddenSize === 0) return null;
  const parts = partsOf(weights.file, layer);
  const usable = parts.filter(({ matrices }) => matrices.W_down && matrices.W_a_up && matrices.W_b_up);
  if (usable.length === 0) return null;
  const input = probe ?? fixedInput(layer, hiddenSize);
  const tokens = input.length / hiddenSize;
  // The gate's first rank, as the trainer's own measurements (contract section 6).
  // Gram matrices of a larger rank would take more memory than all else.
  const gate = usable.findIndex(
    ({ projection, rank, matrices }) =>
      rank === 0 && (projection === '' || projection === 'gate') && (matrices.W_down?.shape[1] ?? 0) <= LARGEST_RANK,
  );
  const { session, mapped } = await createSession(ort, weights, usable, hiddenSize, gate);
  try {
    const fetches: Record<string, Ort.Tensor> = {};
    const reserve = (name: string, rows: number, columns = 0): void => {
      const key = `${name} ${rows} ${columns}`;
      const buffer =
        weights.buffers.get(key) ?? new ort.Tensor('float32', new Float32Array(rows * columns), [rows, columns]);
      weights.buffers.set(key, buffer);
      fetches[name] = buffer;
    };
    for (const [i, { matrices }] of usable.entries()) {
      reserve(`v_a.${i}`, tokens, matrices.W_a_up?.shape[1]);
      reserve(`v_b.${i}`, tokens, matrices.W_b_up?.shape[1]);
    }
    const rank = usable[gate]?.matrices.W_down?.shape[1];
    if (rank !== undefined) for (const name of ['gram.down', 'gram.aUp', 'gram.bUp']) reserve(name, rank, rank);
    const outputs = await session.run({ a: new ort.Tensor('float32', input, [tokens, hiddenSize]) }, fetches);
    const valuesOf = (name: string): Float32Array => outputs[name]?.data as Float32Array;
    const given = usable.map(({ projection, rank }, i): PartOutputs => ({
      projection,
      rank,
      vA: valuesOf(`v_a.${i}`),
      vB: valuesOf(`v_b.${i}`),
    }));
    onOutputs?.(layer, tokens, given);
    return {
      layer,
      input: probe ? 'probe.pt' : 'fixed',
      tokens,
      mapped,
      effectiveRank: rank === undefined ? null : rankOf(weights, rank, valuesOf),
      parts: given.map(({ projection, rank, vA, vB }) => {
        const a = meanLength(vA, tokens);
        const b = meanLength(vB, tokens);
        return {
          projection,
          rank,
          vANorm: a.mean,
          vBNorm: b.mean,
          nonFinite: a.nonFinite + b.nonFinite,
          similarity: vA.length === input.length ? meanCosine(vA, input, tokens) : null,
        };
      }),
    };
  } finally {
    await session.release();
  }
}

function rankOf({ scratch }: OpenWeights, rank: number, valuesOf: (name: string) => Float32Array): number | null {
  const space = scratch.get(rank) ?? new Float64Array(3 * rank * rank);
  scratch.set(rank, space);
  return effectiveRank({ down: valuesOf('gram.down'), aUp: valuesOf('gram.aUp'), bUp: valuesOf('gram.bUp') }, space);
}

/** Mapped where that works; a file system or name that ONNX Runtime refuses makes it carry the matrices along. */
async function createSession(
  ort: typeof Ort,
  weights: OpenWeights,
  parts: readonly LayerPart[],
  hiddenSize: number,
  gate: number,
): Promise<{ session: Ort.InferenceSession; mapped: boolean }> {
  const options: Ort.InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
    // It would keep what the largest layer needed.
    enableCpuMemArena: false,
    extra: {
      session: {
        model_external_initializers_file_folder_path: dirname(weights.path),
        // Packing would copy what was just mapped.
        disable_prepacking: '1',
      },
    },
  };
  try {
    const model = encodeModel(await modelParts(weights, parts, true), hiddenSize, gate);
    return { session: await ort.InferenceSession.create(model, options), mapped: true };
  } catch {
    // The second attempt's error is the one that counts.
    const model = encodeModel(await modelParts(weights, parts, false), hiddenSize, gate);
    return { session: await ort.InferenceSession.create(model, options), mapped: false };
  }
}

async function modelParts(weights: OpenWeights, parts: readonly LayerPart[], mapped: boolean): Promise<ModelPart[]> {
  const matrix = async (tensor: Tensor | undefined): Promise<ModelMatrix> => {
    if (tensor?.shape.length !== 2) throw new ProbeUnavailableError('a weight is not a matrix');
    const source = (mapped ? mappedSource(weights, tensor) : null) ?? (await inlineSource(weights, tensor));
    return { rows: tensor.shape[0] as number, columns: tensor.shape[1] as number, source };
  };
  const result: ModelPart[] = [];
  for (const { matrices } of parts) {
    result.push({
      down: await matrix(matrices.W_down),
      aUp: await matrix(matrices.W_a_up),
      bUp: await matrix(matrices.W_b_up),
    });
  }
  return result;
}

function mappedSource({ path, file }: OpenWeights, tensor: Tensor): MatrixSource | null {
  const place = file.storages.get(tensor.storage.key);
  const rowMajor = tensor.stride[1] === 1 && tensor.stride[0] === tensor.shape[1];
  const stored = place !== undefined && place.position >= 0 && (place.record === null || place.record.method === 0);
  if (!stored || !rowMajor || !file.littleEndian || tensor.dtype.name !== 'float32') return null;
  if (!isAsStored(tensor)) return null;
  const offset = place.position + (tensor.storage.viewOffset + tensor.offset) * 4;
  return { kind: 'external', location: basename(path), offset, bytes: tensor.numel * 4 };
}

async function inlineSource({ source, file }: OpenWeights, tensor: Tensor): Promise<MatrixSource> {
  const values = numbersOf(tensor.dtype, await readTensorBytes(source, file, tensor, INLINE_BYTES));
  if (!values || tensor.dtype.kind === 'complex')
    throw new ProbeUnavailableError(`weights of type ${tensor.dtype.name} cannot be run`);
  return { kind: 'inline', values: values instanceof Float32Array ? values : Float32Array.from(values) };
}

/** The real attention outputs of probe.pt by layer, where they fit the model. */
async function readProbe(path: string, hiddenSize: number): Promise<Map<number, Float32Array>> {
  const inputs = new Map<number, Float32Array>();
  let source: ByteSource;
  try {
    source = await openFile(path);
  } catch {
    return inputs; // other trainers write none: the fixed input serves
  }
  try {
    const file = await readTorchFile(source);
    for (const { name, tensor } of file.tensors) {
      const layer = /^layer_(\d{1,6})$/.exec(name)?.[1];
      const [tokens = 0, width] = tensor.shape;
      if (layer === undefined || tensor.shape.length !== 2 || width !== hiddenSize || tokens === 0) continue;
      const values = numbersOf(tensor.dtype, await readTensorBytes(source, file, tensor, 64 * 1024 * 1024));
      if (values && values.length === tokens * width) inputs.set(Number(layer), Float32Array.from(values));
    }
  } catch {
    inputs.clear(); // a damaged probe.pt is no reason not to run the components
  } finally {
    await source.close();
  }
  return inputs;
}

/** Numbers like a normalised hidden state's, the same on every machine and in every version. */
export function fixedInput(layer: number, hiddenSize: number): Float32Array {
  let state = (0x9e3779b9 ^ Math.imul(layer + 1, 0x85ebca6b)) >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from({ length: FIXED_TOKENS * hiddenSize }, () => {
    // The sum of four has nearly a normal's shape, without functions whose last digit differs between machines.
    return (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3);
  });
}

function meanLength(values: Float32Array, tokens: number): { mean: number; nonFinite: number } {
  const width = values.length / tokens;
  let sum = 0;
  let nonFinite = 0;
  for (let token = 0; token < tokens; token++) {
    let squares = 0;
    for (let i = token * width; i < (token + 1) * width; i++) {
      const value = values[i] as number;
      if (Number.isFinite(value)) squares += value * value;
      else nonFinite++;
    }
    sum += Math.sqrt(squares);
  }
  return { mean: sum / tokens, nonFinite };
}

function meanCosine(left: Float32Array, right: Float32Array, tokens: number): number {
  const width = left.length / tokens;
  let sum = 0;
  for (let token = 0; token < tokens; token++) {
    let dot = 0;
    let l = 0;
    let r = 0;
    for (let i = token * width; i < (token + 1) * width; i++) {
      const x = left[i] as number;
      const y = right[i] as number;
      dot += x * y;
      l += x * x;
      r += y * y;
    }
    sum += dot / Math.max(Math.sqrt(l) * Math.sqrt(r), 1e-12);
  }
  return sum / tokens;
}

/** Where a checkpoint's run keeps its probe.pt: two folders above a checkpoint in `checkpoints/`. */
export function probePathOf(checkpoint: string): string | null {
  const parent = dirname(checkpoint);
  return basename(parent) === CHECKPOINTS ? join(dirname(parent), PROBE) : null;
}
