/**
 * What differs between two checkpoints: tensors (read only where checksums differ, so that frozen layers cost nothing),
 * arguments, curriculum and optimizer.
 */
import { START_ARGUMENTS } from '../../arguments/arguments';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Tensor } from '../../torchfile/pickle/values';
import type { StoredStage } from '../../curriculum';
import { readCheckpointFacts, type CheckpointFacts } from '../facts';
import { FIELD_RULES } from '../layouts/field';
import { CONFIG, MULTI_LAYER_STATE, TRAINING_STATE, WEIGHTS } from '../fileNames';
import { OptimizerComparison, OptimizerSide, type ComparedOptimizer } from './optimizerComparison';
import { CheckpointPathError } from '../pathErrors';
import { Progress } from '../validate/progress';
import type { ReadingOptions, ValidationOptions } from '../report/report';
import { Difference, FileComparison, OpenTorchFile, type Measured } from './tensorComparison';
import { ourWeightName, parseWeightName, readWeightsShape } from '../weightNames';

export interface ArgumentDifference {
  readonly name: string;
  /** Null where a side does not have it. */
  readonly a: unknown;
  readonly b: unknown;
}

export interface ComparedStage {
  readonly index: number;
  readonly same: boolean;
  readonly a: StoredStage | null;
  readonly b: StoredStage | null;
}

export interface ComparedTensor extends Measured {
  /** In our trainer's spelling, whichever it came in. */
  readonly name: string;
}

/** `same`: every tensor is; the layer was frozen, or not trained in between. */
export interface ComparedLayer extends Measured {
  readonly layer: number;
}

export interface Comparison {
  readonly a: { readonly path: string; readonly step: number | null };
  readonly b: { readonly path: string; readonly step: number | null };
  readonly notes: readonly ComparisonNote[];
  /** Arguments that differ, by name. */
  readonly arguments: readonly ArgumentDifference[];
  readonly curriculum: readonly ComparedStage[];
  readonly layers: readonly ComparedLayer[];
  readonly tensors: readonly ComparedTensor[];
  readonly onlyInA: readonly string[];
  readonly onlyInB: readonly string[];
  readonly optimizer: ComparedOptimizer;
}

/** Something that keeps a part of the two from being compared. */
export interface ComparisonNote {
  readonly side: 'a' | 'b';
  /**
   * unreadable: the file is there and cannot be read. missing: it is not there. unassigned: the optimizer's state cannot
   * be told apart by layers.
   */
  readonly kind: 'unreadable' | 'missing' | 'unassigned';
  readonly file: string;
  /** One clause that begins with the file. */
  readonly message: string;
}

/**
 * Compares two checkpoint folders. Throws CheckpointPathError in one line when one of them has no readable weights, and
 * the signal's reason when cancelled; what else cannot be read is in the notes.
 */
export async function compareCheckpoints(
  a: string,
  b: string,
  options: Pick<ValidationOptions, 'signal' | 'onProgress'> & ReadingOptions = {},
): Promise<Comparison> {
  const sides: Side[] = [];
  try {
    sides.push(await Side.open(a, options));
    sides.push(await Side.open(b, options));
    const [left, right] = sides as [Side, Side];
    return await compare(left, right, new Progress(options));
  } finally {
    for (const side of sides) await side.close();
  }
}

/** What is left out where a file cannot be read: a list of everything that the other has would say nothing. */
const CONSEQUENCES: Readonly<Record<string, string>> = {
  [CONFIG]: ': arguments are not compared',
  [MULTI_LAYER_STATE]: ': the curriculum is not compared',
  [TRAINING_STATE]: ': the optimizer is not compared',
};

/** A checkpoint with its weights and its training state open. */
class Side {
  readonly tensors: ReadonlyMap<string, Tensor>;

  private constructor(
    readonly facts: CheckpointFacts,
    readonly weights: OpenTorchFile,
    readonly optimizer: OptimizerSide,
  ) {
    this.tensors = new Map(weights.file.tensors.map(({ name, tensor }) => [ourName(name), tensor]));
  }

  static async open(checkpoint: string, options: ReadingOptions): Promise<Side> {
    const path = join(checkpoint, WEIGHTS);
    const weights = await OpenTorchFile.open(path, `NPT weights not found: ${path} does not exist.`, options);
    try {
      const { tensors } = weights.file;
      if (tensors.length === 0) throw new CheckpointPathError(`${path} cannot be compared: it holds no tensors.`);
      const facts = await readCheckpointFacts(checkpoint);
      const named = readWeightsShape(tensors).weights;
      return new Side(
        facts,
        weights,
        await OptimizerSide.open(checkpoint, facts.layout.npt ?? FIELD_RULES, named, options),
      );
    } catch (error) {
      await weights.close();
      throw error;
    }
  }

  notes(side: 'a' | 'b'): ComparisonNote[] {
    const { facts, optimizer } = this;
    const notes: ComparisonNote[] = facts.unreadable.map(({ file, reason }) => ({
      side,
      kind: 'unreadable',
      file,
      message: `${file} ${reason}${CONSEQUENCES[file] ?? ''}`,
    }));
    const add = (kind: ComparisonNote['kind'], message: string): void => {
      notes.push({ side, kind, file: TRAINING_STATE, message: `${TRAINING_STATE} ${message}` });
    };
    if (optimizer.facts === null && notes.every(({ file }) => file !== TRAINING_STATE))
      add('missing', optimizer.file ? 'holds no optimizer state' : 'is missing, and with it the optimizer');
    if (optimizer.obstacle !== null) add('unassigned', `gives no moments by layer: ${optimizer.obstacle}`);
    return notes;
  }

  async close(): Promise<void> {
    await this.weights.close();
    await this.optimizer.close();
  }
}

function ourName(key: string): string {
  const name = parseWeightName(key);
  return name ? ourWeightName(name) : key;
}

async function compare(a: Side, b: Side, progress: Progress): Promise<Comparison> {
  const shared = [...a.tensors].flatMap(([name, tensorA]) => {
    const tensorB = b.tensors.get(name);
    return tensorB ? [{ name, a: tensorA, b: tensorB }] : [];
  });
  const weights = new FileComparison(a.weights, b.weights, progress);
  for (const pair of shared) weights.expect(pair);
  const optimizer = new OptimizerComparison(
    a.optimizer,
    b.optimizer,
    new Set(shared.map(({ name }) => name)),
    progress,
  );
  const tensors: ComparedTensor[] = [];
  const byLayer = new Map<number, Difference>();
  for (const pair of shared) {
    const sums = await weights.measure(pair);
    const own = new Difference();
    own.add(sums);
    tensors.push({ name: pair.name, ...own.measured() });
    const layer = parseWeightName(pair.name)?.layer;
    if (layer === undefined) continue;
    const whole = byLayer.get(layer) ?? new Difference();
    byLayer.set(layer, whole);
    whole.add(sums);
  }
  const comparedOptimizer = await optimizer.measure();
  progress.finish();
  const unreadable = (name: string): boolean =>
    [...a.facts.unreadable, ...b.facts.unreadable].some(({ file }) => file === name);
  return {
    a: { path: a.facts.path, step: a.facts.step },
    b: { path: b.facts.path, step: b.facts.step },
    notes: [...a.notes('a'), ...b.notes('b')],
    arguments: unreadable(CONFIG) ? [] : differences(a.facts, b.facts),
    curriculum: unreadable(MULTI_LAYER_STATE)
      ? []
      : compareCurricula(a.facts.curriculumSchedule ?? [], b.facts.curriculumSchedule ?? []),
    layers: [...byLayer].sort(([x], [y]) => x - y).map(([layer, difference]) => ({ layer, ...difference.measured() })),
    tensors,
    onlyInA: [...a.tensors.keys()].filter((name) => !b.tensors.has(name)),
    onlyInB: [...b.tensors.keys()].filter((name) => !a.tensors.has(name)),
    optimizer: comparedOptimizer,
  };
}

/** What belongs to one start of the trainer, or to the file, and says nothing of how a checkpoint was trained. */
const NOT_TRAINING = new Set(['schema', ...START_ARGUMENTS.map((argument) => argument.name)]);

/** Arguments from config.json (older checkpoints: from the training state), without what is no argument. */
function differences(a: CheckpointFacts, b: CheckpointFacts): ArgumentDifference[] {
  const left = a.config ?? a.savedArguments ?? {};
  const right = b.config ?? b.savedArguments ?? {};
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])].filter((name) => !NOT_TRAINING.has(name));
  return names.sort().flatMap((name) => {
    const [x, y] = [left[name] ?? null, right[name] ?? null];
    return isDeepStrictEqual(x, y) ? [] : [{ name, a: x, b: y }];
  });
}

function compareCurricula(a: readonly StoredStage[], b: readonly StoredStage[]): ComparedStage[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, index) => {
    const [left, right] = [a[index] ?? null, b[index] ?? null];
    return { index, same: isDeepStrictEqual(left, right), a: left, b: right };
  });
}
