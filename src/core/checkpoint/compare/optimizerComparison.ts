/** What differs between the optimizers of two checkpoints: settings, schedule, scaler, and each layer's moments. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Tensor } from '../../torchfile/pickle/values';
import { readTrainingState, type TrainingState } from '../contents';
import { TRAINING_STATE, WEIGHTS } from '../fileNames';
import { assignParameters, type Assignment } from './optimizerAssignment';
import { optimizerFacts } from '../optimizerFacts';
import type { NptRules } from '../layouts/layout';
import { CheckpointPathError } from '../pathErrors';
import type { Progress } from '../validate/progress';
import type { OptimizerFacts, ReadingOptions } from '../report/report';
import { Difference, FileComparison, OpenTorchFile, type Measured, type TensorPair } from './tensorComparison';
import { ourWeightName, type NamedWeight } from '../weightNames';

/** Settings that a side does not have are null there. */
export interface ComparedSetting {
  /** As PyTorch names it (`lr`, `betas`), behind its group's number where there are several; `scheduler …`, `scaler …`. */
  readonly name: string;
  readonly same: boolean;
  readonly a: unknown;
  readonly b: unknown;
}

export interface ComparedMoments {
  /** Null: of every parameter together, by position, where neither side's state can be told apart by layers. */
  readonly layer: number | null;
  readonly moments: readonly ({ readonly name: string } & Measured)[];
}

export interface ComparedOptimizer {
  /** Null without a readable optimizer state. */
  readonly a: OptimizerFacts | null;
  readonly b: OptimizerFacts | null;
  /** Null where neither side has one. A resume from either goes on alike only where this is true. */
  readonly same: boolean | null;
  /** Every setting of either, the same or not; none where a side has no optimizer. */
  readonly settings: readonly ComparedSetting[];
  /** Ascending. Layers that both have. */
  readonly layers: readonly ComparedMoments[];
}

/** One side's training state, open for reading its moments. */
export class OptimizerSide {
  private constructor(
    readonly file: OpenTorchFile | null,
    readonly training: TrainingState | null,
    readonly facts: OptimizerFacts | null,
    /** Null without an optimizer. */
    readonly assignment: Assignment | null,
  ) {}

  /** Whatever cannot be read gives a side without an optimizer: the checkpoint's facts say why. */
  static async open(
    checkpoint: string,
    rules: NptRules,
    weights: readonly NamedWeight[],
    options: ReadingOptions,
  ): Promise<OptimizerSide> {
    const path = join(checkpoint, TRAINING_STATE);
    let file: OpenTorchFile;
    try {
      file = await OpenTorchFile.open(path, `${path} does not exist.`, options);
    } catch (error) {
      if (error instanceof CheckpointPathError) return new OptimizerSide(null, null, null, null);
      throw error;
    }
    try {
      const training = readTrainingState(file.file.value);
      const optimizer = training?.optimizer ?? null;
      return new OptimizerSide(
        file,
        training,
        training && (await optimizerFacts(training, file.source, file.file)),
        training && optimizer && assignParameters(rules, training, optimizer, weights),
      );
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Why its moments cannot be told apart by layers; null where they can, and where there are none. */
  get obstacle(): string | null {
    switch (this.assignment?.kind) {
      case undefined:
      case 'fits':
        return null;
      case 'merged':
        return 'it was merged from several runs, and its optimizer state does not belong to its weights';
      case 'shapes':
        return this.assignment.reordered
          ? `its optimizer state is in another order than ${WEIGHTS}`
          : `its optimizer state does not fit ${WEIGHTS}`;
      case 'count':
      case 'stray':
        return `its optimizer state does not fit ${WEIGHTS}`;
    }
  }

  /** Moments by their tensor's name in our spelling, or by the parameter's index where they do not fit the weights. */
  moments(): Map<string, { layer: number | null; tensors: Map<string, Tensor> }> {
    const found = new Map<string, { layer: number | null; tensors: Map<string, Tensor> }>();
    for (const [index, own] of this.training?.optimizer?.state ?? []) {
      const weight = this.assignment?.kind === 'fits' ? this.assignment.weightOf.get(index) : undefined;
      const tensors = new Map(own.flatMap(({ name, tensor }) => (name === 'step' ? [] : [[name, tensor]])));
      found.set(weight ? ourWeightName(weight.name) : `parameter ${index}`, {
        layer: weight?.name.layer ?? null,
        tensors,
      });
    }
    return found;
  }

  async close(): Promise<void> {
    await this.file?.close();
  }
}

interface MomentPair extends TensorPair {
  readonly layer: number | null;
  readonly name: string;
}

/** Announces what it will read when it is made, so that progress knows its end before the first byte. */
export class OptimizerComparison {
  private readonly pairs: MomentPair[] = [];
  /** Moments that only one side has, of tensors that both have. */
  private readonly lopsided: { layer: number | null; name: string }[] = [];
  private readonly files: FileComparison | null;

  /** @param shared names of the tensors that both sides' weights have */
  constructor(
    private readonly a: OptimizerSide,
    private readonly b: OptimizerSide,
    shared: ReadonlySet<string>,
    progress: Progress,
  ) {
    this.files = a.file && b.file && new FileComparison(a.file, b.file, progress);
    if (!this.comparable) return;
    const [left, right] = [a.moments(), b.moments()];
    for (const label of new Set([...left.keys(), ...right.keys()])) {
      const [ownA, ownB] = [left.get(label), right.get(label)];
      const layer = ownA?.layer ?? ownB?.layer ?? null;
      if (layer !== null && !shared.has(label)) continue;
      for (const name of new Set([...(ownA?.tensors.keys() ?? []), ...(ownB?.tensors.keys() ?? [])])) {
        const [tensorA, tensorB] = [ownA?.tensors.get(name), ownB?.tensors.get(name)];
        if (!tensorA || !tensorB) this.lopsided.push({ layer, name });
        else this.pairs.push({ layer, name, a: tensorA, b: tensorB });
      }
    }
    for (const pair of this.pairs) this.files?.expect(pair);
  }

  /** Both have one, and both or neither tell their moments apart by layers. */
  private get comparable(): boolean {
    const [a, b] = [this.a.assignment, this.b.assignment];
    return a !== null && b !== null && (a.kind === 'fits') === (b.kind === 'fits');
  }

  async measure(): Promise<ComparedOptimizer> {
    const byLayer = new Map<number | null, Map<string, Difference>>();
    const of = (layer: number | null, name: string): Difference => {
      const own = byLayer.get(layer) ?? new Map<string, Difference>();
      byLayer.set(layer, own);
      const difference = own.get(name) ?? new Difference();
      own.set(name, difference);
      return difference;
    };
    for (const pair of this.pairs) of(pair.layer, pair.name).add((await this.files?.measure(pair)) ?? null);
    for (const { layer, name } of this.lopsided) of(layer, name).add(null);
    const layers = [...byLayer]
      .sort(([x], [y]) => (x ?? -1) - (y ?? -1))
      .map(([layer, own]) => ({
        layer,
        moments: [...own].map(([name, difference]) => ({ name, ...difference.measured() })),
      }));
    const [a, b] = [this.a.facts, this.b.facts];
    const settings = compareSettings(a, b);
    return {
      a,
      b,
      same:
        a === null && b === null
          ? null
          : this.comparable &&
            settings.every(({ same }) => same) &&
            layers.every(({ moments }) => moments.every(({ same }) => same)),
      settings,
      layers,
    };
  }
}

function compareSettings(a: OptimizerFacts | null, b: OptimizerFacts | null): ComparedSetting[] {
  if (!a || !b) return [];
  const several = Math.max(a.groups.length, b.groups.length) > 1;
  const [left, right] = [settingsOf(a, several), settingsOf(b, several)];
  return [...new Set([...left.keys(), ...right.keys()])].map((name) => {
    const [x, y] = [left.get(name) ?? null, right.get(name) ?? null];
    return { name, same: isDeepStrictEqual(x, y), a: x, b: y };
  });
}

function settingsOf(facts: OptimizerFacts, several: boolean): Map<string, unknown> {
  const settings = new Map<string, unknown>();
  const { steps, scheduler, scaler } = facts;
  settings.set('kind', facts.kind);
  settings.set('parameters', facts.parameters);
  settings.set('steps', steps && (steps.least === steps.most ? steps.most : `${steps.least}–${steps.most}`));
  for (const [index, group] of facts.groups.entries()) {
    const prefix = several ? `group ${index + 1} ` : '';
    if (several) settings.set(`${prefix}parameters`, group.parameters);
    for (const [name, value] of Object.entries(group.settings)) settings.set(`${prefix}${name}`, value);
  }
  if (scheduler) {
    settings.set('scheduler position', scheduler.position);
    settings.set('scheduler base rate', scheduler.baseRate);
    settings.set('scheduler warm-up until', scheduler.warmUpUntil);
    settings.set('scheduler end', scheduler.end);
  }
  settings.set('scaler', scaler && 'stored');
  for (const [name, value] of Object.entries(scaler ?? {})) settings.set(`scaler ${name}`, value);
  return settings;
}
