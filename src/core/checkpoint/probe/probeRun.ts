/** The probe over a run: every complete checkpoint on the same input, and how far each moved from the one before. */
import { join } from 'node:path';
import { reasonOf } from '../validate/forwardChecks';
import { readJsonObject } from '../../jsonFile';
import { readManifest } from '../layouts/manifest';
import { MANIFEST, WEIGHTS } from '../fileNames';
import { loadRuntime, probePathOf, probeWeights, ProbeUnavailableError, type PartOutputs } from './probe';
import type { ProbedLayer, ValidationOptions } from '../report/report';

export interface RunProbedLayer extends ProbedLayer {
  /**
   * ‖y − y′‖ / ‖y′‖ for the outputs y of this checkpoint and y′ of the last before it that could be run: v_a and v_b
   * of all projections and ranks together, on the same input's first tokens. Null at a layer's first checkpoint, where shapes or input
   * differ, and where an output is not finite.
   */
  readonly drift: number | null;
  /** `probe/v_a_attention_similarity/layer_N` as the trainer logged it at this checkpoint; null where it did not. */
  readonly logged: number | null;
}

export interface ProbedCheckpoint {
  /** Absolute. */
  readonly path: string;
  readonly layers: readonly RunProbedLayer[];
  /** Why there are no layers, in one line; null otherwise. */
  readonly problem: string | null;
}

export interface RunProbe {
  /** Why nothing can be run on this machine, in one line; null otherwise. */
  readonly unavailable: string | null;
  /** In the order given. */
  readonly checkpoints: readonly ProbedCheckpoint[];
}

/** As many as the fixed input has: enough to see a change, little to keep (0.7 MB a part at d + f = 10,240). */
const DRIFT_TOKENS = 16;

type KeptOutputs = ReadonlyMap<string, Float32Array>;

/**
 * Probes the checkpoints of one run, in the order given: that of their steps. A checkpoint that cannot be run says why
 * and the others go on.
 *
 * @param checkpoints absolute paths of checkpoint folders
 * @param options `onProgress` counts checkpoints
 * @throws the signal's reason when cancelled
 */
export async function probeRun(
  checkpoints: readonly string[],
  options: Pick<ValidationOptions, 'signal' | 'onProgress'> = {},
): Promise<RunProbe> {
  const { signal, onProgress } = options;
  try {
    await loadRuntime();
  } catch (error) {
    if (!(error instanceof ProbeUnavailableError)) throw error;
    return { unavailable: error.message, checkpoints: [] };
  }
  const probed: ProbedCheckpoint[] = [];
  let before = new Map<number, { readonly input: string; readonly outputs: KeptOutputs }>();
  for (const [index, path] of checkpoints.entries()) {
    onProgress?.(index, checkpoints.length);
    signal?.throwIfAborted();
    const outputs = new Map<number, KeptOutputs>();
    try {
      const layers = await probeWeights(join(path, WEIGHTS), probePathOf(path), {
        signal,
        onOutputs: (layer, tokens, parts) => {
          // Whoever waits may have given up meanwhile: told often, it is noticed soon.
          onProgress?.(index, checkpoints.length);
          outputs.set(layer, kept(tokens, parts));
        },
      });
      const logged = await loggedSimilarity(path);
      const present = new Map(before);
      const measured = layers.map((layer): RunProbedLayer => {
        const own = outputs.get(layer.layer) ?? new Map<string, Float32Array>();
        const last = before.get(layer.layer);
        const input = `${layer.input} ${layer.tokens}`;
        present.set(layer.layer, { input, outputs: own });
        return {
          ...layer,
          drift: last?.input === input ? relativeChange(last.outputs, own) : null,
          logged: logged(layer.layer),
        };
      });
      before = present;
      const problem = layers.length === 0 ? `${WEIGHTS} has no NP component to run` : null;
      probed.push({ path, layers: measured, problem });
    } catch (error) {
      if (signal?.aborted === true) throw error;
      probed.push({ path, layers: [], problem: reasonOf(error) });
    }
  }
  onProgress?.(checkpoints.length, checkpoints.length);
  return { unavailable: null, checkpoints: probed };
}

async function loggedSimilarity(path: string): Promise<(layer: number) => number | null> {
  const { object } = await readJsonObject(join(path, MANIFEST));
  // Other trainers write no manifest.
  const metrics = object === null ? {} : readManifest(object).metrics;
  return (layer) => metrics[`probe/v_a_attention_similarity/layer_${layer}`] ?? null;
}

function kept(tokens: number, parts: readonly PartOutputs[]): KeptOutputs {
  const share = Math.min(tokens, DRIFT_TOKENS) / tokens;
  return new Map(
    parts.flatMap(({ projection, rank, vA, vB }) => [
      [`v_a ${projection} ${rank}`, vA.slice(0, Math.round(vA.length * share))],
      [`v_b ${projection} ${rank}`, vB.slice(0, Math.round(vB.length * share))],
    ]),
  );
}

/** ‖now − before‖ / ‖before‖ over all of them; null where they do not correspond, or a number is not finite. */
export function relativeChange(before: KeptOutputs, now: KeptOutputs): number | null {
  if (before.size !== now.size) return null;
  let change = 0;
  let size = 0;
  for (const [name, values] of now) {
    const old = before.get(name);
    if (old?.length !== values.length) return null;
    for (let i = 0; i < values.length; i++) {
      change += ((values[i] as number) - (old[i] as number)) ** 2;
      size += (old[i] as number) ** 2;
    }
  }
  if (change === 0) return 0;
  const relative = Math.sqrt(change) / Math.sqrt(size);
  return Number.isFinite(relative) ? relative : null;
}
