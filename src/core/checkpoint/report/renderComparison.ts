/** What differs between two checkpoints, for a person: what the CLI prints, and the Markdown report. */
import { basename } from 'node:path';
import { describeStage, type StoredStage } from '../../curriculum';
import { formatCount, formatValue, valueText } from '../../format';
import { stringifyJson } from '../../jsonText';
import type { ArgumentDifference, ComparedStage, ComparedTensor, Comparison, ComparisonNote } from '../compare/compare';
import { CONFIG, TRAINING_STATE } from '../fileNames';
import type { ComparedMoments, ComparedOptimizer } from '../compare/optimizerComparison';
import { markdownText } from '../../plainText';
import type { Measured } from '../compare/tensorComparison';
import { parseWeightName } from '../weightNames';

/** Values longer than this are cut: an argument may hold anything. */
const VALUE_LENGTH = 200;
/** Another shape or type, numbers that are not finite, or nothing but zeros before. */
const UNMEASURED = 'differs, cannot be measured';

/**
 * Whether training goes on alike from either: the same tensors, arguments, curriculum and optimizer state (its moments, step
 * counts, settings and schedule), whatever the folders are called. What cannot be read cannot be said to be the same.
 */
export function isSame(comparison: Comparison): boolean {
  return (
    comparison.optimizer.same !== false &&
    comparison.notes.every(({ kind }) => kind !== 'unreadable') &&
    comparison.arguments.length === 0 &&
    comparison.curriculum.every((stage) => stage.same) &&
    comparison.tensors.every((tensor) => tensor.same) &&
    comparison.onlyInA.length === 0 &&
    comparison.onlyInB.length === 0
  );
}

/** A layer of either checkpoint, with its tensors of both. */
export interface LayerDifference {
  readonly layer: number;
  /**
   * identical: every tensor of both is the same. changed: some are not. onlyA, onlyB: the other has nothing of it.
   * partly: what both have is the same, but one has more.
   */
  readonly state: 'identical' | 'changed' | 'partly' | 'onlyA' | 'onlyB';
  /** Null where no figure can be given. */
  readonly relativeChange: number | null;
  readonly cosine: number | null;
  /** Those of both. */
  readonly tensors: readonly ComparedTensor[];
}

/** Every layer that either checkpoint has, ascending. */
export function layerDifferences(comparison: Comparison): LayerDifference[] {
  const layers = new Map<number, { tensors: ComparedTensor[]; a: number; b: number }>();
  const of = (name: string): { tensors: ComparedTensor[]; a: number; b: number } | null => {
    const layer = parseWeightName(name)?.layer;
    if (layer === undefined) return null;
    const own = layers.get(layer) ?? { tensors: [], a: 0, b: 0 };
    layers.set(layer, own);
    return own;
  };
  for (const tensor of comparison.tensors) of(tensor.name)?.tensors.push(tensor);
  for (const name of comparison.onlyInA) {
    const own = of(name);
    if (own) own.a++;
  }
  for (const name of comparison.onlyInB) {
    const own = of(name);
    if (own) own.b++;
  }
  return [...layers]
    .sort(([x], [y]) => x - y)
    .map(([layer, { tensors, a, b }]) => {
      const measured = comparison.layers.find((each) => each.layer === layer);
      const lopsided = a > 0 || b > 0;
      const state =
        tensors.length > 0
          ? tensors.some((tensor) => !tensor.same)
            ? 'changed'
            : lopsided
              ? 'partly'
              : 'identical'
          : a > 0 && b > 0
            ? 'changed' // each has it in a form of its own: another modulation, or another number of ranks
            : a > 0
              ? 'onlyA'
              : 'onlyB';
      return {
        layer,
        state,
        relativeChange: measured?.relativeChange ?? null,
        cosine: measured?.cosine ?? null,
        tensors,
      };
    });
}

/** One sentence: how many tensors and arguments differ, what else does, and what could not be compared. */
export function summarizeComparison(comparison: Comparison): string {
  if (isSame(comparison))
    return comparison.optimizer.same === null
      ? 'Tensors, arguments and curriculum are the same; neither has an optimizer.'
      : 'Tensors, arguments, curriculum and optimizer are the same.';
  const { tensors, onlyInA, onlyInB } = comparison;
  const all = tensors.length + onlyInA.length + onlyInB.length;
  const different = all - tensors.filter((tensor) => tensor.same).length;
  const frozen = layerDifferences(comparison).filter(({ state }) => state === 'identical');
  const count = comparison.arguments.length;
  const unreadable = comparison.notes.flatMap(({ kind, file }) => (kind === 'unreadable' ? [file] : []));
  const optimizer = optimizerSummary(comparison);
  const differing = [
    different === 0 ? null : `${different} of ${all} ${all === 1 ? 'tensor' : 'tensors'}`,
    count === 0 ? null : count === 1 ? '1 argument' : `${count} arguments`,
    comparison.curriculum.every((stage) => stage.same) ? null : 'the curriculum',
    optimizer === 'differs' ? 'the optimizer state' : null,
  ].filter((part) => part !== null);
  // "1 argument differs", "the curriculum differs", but "1 of 6 tensors differ".
  const verb = differing.length === 1 && (different === 0 || all === 1) && count <= 1 ? 'differs' : 'differ';
  const clauses = [
    different === 0 ? 'all tensors are the same' : null,
    differing.length === 0 ? null : `${listed(differing)} ${verb}`,
    different > 0 && frozen.length > 0
      ? `${frozen.length === 1 ? 'layer' : 'layers'} ${listed(frozen.map(({ layer }) => String(layer)))} ${frozen.length === 1 ? 'is' : 'are'} identical`
      : null,
    optimizer === null || optimizer === 'differs' ? null : optimizer,
    unreadable.length === 0 ? null : `not compared: ${[...new Set(unreadable)].join(', ')}`,
  ].filter((clause) => clause !== null);
  const sentence = clauses.join('; ');
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
}

/** "a", "a and b", "a, b and c". */
function listed(parts: readonly string[]): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`;
}

/** `differs`, or which side has none; null where the optimizers are the same or could not be compared. */
function optimizerSummary({ optimizer: { a, b, same }, notes }: Comparison): string | null {
  if (same !== false || notes.some(({ kind, file }) => kind === 'unreadable' && file === TRAINING_STATE)) return null;
  if (a === null) return 'A has no optimizer';
  return b === null ? 'B has no optimizer' : 'differs';
}

/** `0.0123`, `identical`, or why there is no figure. */
export function changeText(difference: Pick<LayerDifference, 'state' | 'relativeChange' | 'tensors'>): string {
  switch (difference.state) {
    case 'identical':
      return 'identical';
    case 'partly':
      return 'what both have is identical, one has more';
    case 'onlyA':
      return 'only in A';
    case 'onlyB':
      return 'only in B';
    case 'changed':
      if (difference.relativeChange !== null) return formatValue(difference.relativeChange);
      return difference.tensors.length === 0 ? 'other tensors on each side' : UNMEASURED;
  }
}

/** A cosine near 1 is told by its distance from it: 1 − 3e-7 says more than 1.0000. */
export function cosineText(cosine: number | null): string {
  if (cosine === null) return '–';
  const distance = 1 - cosine;
  return distance > 0 && distance < 1e-3 ? `1 − ${formatValue(distance)}` : formatValue(cosine);
}

/** `mixed 20000–50000 (ratio 0.5)`; absolute steps. Names come from files. */
export function stageText(stage: StoredStage | null): string {
  return stage === null ? '–' : describeStage(stage);
}

/** `0.0123`, or `identical`, or that there is no figure. */
export function momentText({ same, relativeChange }: Measured): string {
  if (same) return 'identical';
  return relativeChange === null ? UNMEASURED : formatValue(relativeChange);
}

/** Settings that are told even where they are the same; of the others only differences are. */
const ALWAYS_TOLD = /^(?:group \d+ )?(?:lr|betas|eps|weight_decay)$|^(?:kind|parameters|steps|scheduler .*|scaler)$/;

const SETTING_NAMES: Readonly<Record<string, string>> = {
  kind: 'optimizer',
  parameters: 'tensors with state',
  scaler: 'loss scaler',
};

/** Names and values of the settings worth telling, with both values as text. */
export function settingRows({ settings }: ComparedOptimizer): { name: string; same: boolean; a: string; b: string }[] {
  return settings
    .filter(({ name, same, a }) => !same || (ALWAYS_TOLD.test(name) && a !== null))
    .map(({ name, same, a, b }) => {
      const rounded = [settingText(a), settingText(b)] as const;
      // Rates that differ in the tenth digit do differ: then every digit is told.
      const texts = same || rounded[0] !== rounded[1] ? rounded : argumentTexts({ a, b });
      return { name: SETTING_NAMES[name] ?? name, same, a: texts[0], b: texts[1] };
    });
}

/** Six digits of a rate are enough to know it by; counts are told whole. */
function settingText(value: unknown): string {
  if (typeof value !== 'number' || !Number.isFinite(value)) return cut(typedText(value));
  return Number.isSafeInteger(value) ? formatCount(value) : typedText(Number(value.toPrecision(6)));
}

/** `B: config.json is not JSON: arguments are not compared`. */
export function noteText({ side, message }: ComparisonNote): string {
  return `${side.toUpperCase()}: ${message}`;
}

/** The two values of an argument as one types them; – where a side does not have it. */
export function argumentTexts({ a, b }: Pick<ArgumentDifference, 'a' | 'b'>): [string, string] {
  const [left, right] = [typedText(a), typedText(b)];
  // "5" and 5 are typed alike, and differ.
  return left === right ? [cut(stringifyJson(a)), cut(stringifyJson(b))] : [cut(left), cut(right)];
}

function typedText(value: unknown): string {
  if (value === null) return '–';
  const text = valueText(value);
  return text === '' ? JSON.stringify(value) : text;
}

function cut(text: string): string {
  return text.length <= VALUE_LENGTH ? text : `${text.slice(0, VALUE_LENGTH)}…`;
}

/** Markdown in which nothing that came from a file is markup. */
export function renderComparison(comparison: Comparison): string {
  const { a, b } = comparison;
  return [
    `# ${markdownText(basename(a.path))} and ${markdownText(basename(b.path))}`,
    '',
    `**${summarizeComparison(comparison)}**`,
    '',
    ...comparison.notes.map((note) => `- ${markdownText(noteText(note))}.`),
    ...(comparison.notes.length === 0 ? [] : ['']),
    '| Side | Step | Folder |',
    '|---|---:|---|',
    ...[a, b].map(
      ({ path, step }, i) =>
        `| ${i === 0 ? 'A' : 'B'} | ${step === null ? '–' : formatCount(step)} | ${markdownText(path)} |`,
    ),
    '',
    ...layerSection(comparison),
    ...argumentSection(comparison),
    ...curriculumSection(comparison.curriculum),
    ...optimizerSection(comparison.optimizer),
    ...tensorSection(comparison),
    ...onlyIn('A', comparison.onlyInA),
    ...onlyIn('B', comparison.onlyInB),
    'Relative change is the length of B − A over the length of A. No code in the files was run.',
    '',
  ].join('\n');
}

function layerSection(comparison: Comparison): string[] {
  const layers = layerDifferences(comparison);
  if (layers.length === 0) return [];
  const frozen = layers.filter(({ state }) => state === 'identical');
  return [
    '## Layers',
    '',
    ...(frozen.length === 0 || frozen.length === layers.length
      ? []
      : [`Frozen, or not trained in between: ${frozen.map(({ layer }) => layer).join(', ')}.`, '']),
    '| Layer | Relative change | Cosine |',
    '|---:|---:|---:|',
    ...layers.map((difference) =>
      difference.state === 'identical'
        ? `| ${difference.layer} | **identical** | |`
        : `| ${difference.layer} | ${changeText(difference)} | ${cosineText(difference.cosine)} |`,
    ),
    '',
  ];
}

function argumentSection(comparison: Comparison): string[] {
  if (comparison.notes.some(({ kind, file }) => kind === 'unreadable' && file === CONFIG)) return [];
  if (comparison.arguments.length === 0) return ['## Arguments', '', 'No argument differs.', ''];
  return [
    '## Arguments',
    '',
    '| Argument | A | B |',
    '|---|---|---|',
    ...comparison.arguments.map(
      (each) => `| ${[each.name, ...argumentTexts(each)].map((text) => markdownText(text)).join(' | ')} |`,
    ),
    '',
  ];
}

function curriculumSection(stages: readonly ComparedStage[]): string[] {
  if (stages.length === 0) return [];
  const lines = ['## Curriculum', ''];
  if (stages.every((stage) => stage.same))
    return [...lines, `The same: ${stages.map((stage) => markdownText(stageText(stage.a))).join(', ')}.`, ''];
  return [
    ...lines,
    '| Stage | A | B |',
    '|---:|---|---|',
    ...stages.map(
      ({ index, same, a, b }) =>
        `| ${index + 1} | ${markdownText(stageText(a))} | ${same ? 'the same' : markdownText(stageText(b))} |`,
    ),
    '',
  ];
}

function optimizerSection(optimizer: ComparedOptimizer): string[] {
  const rows = settingRows(optimizer);
  if (optimizer.same === null || rows.length === 0) return [];
  return [
    '## Optimizer',
    '',
    ...(optimizer.same ? ['The same settings, step counts and moments.', ''] : []),
    '| Setting | A | B |',
    '|---|---|---|',
    ...rows.map(
      ({ name, same, a, b }) =>
        `| ${markdownText(name)} | ${markdownText(a)} | ${same ? 'the same' : markdownText(b)} |`,
    ),
    '',
    ...momentTable(optimizer.layers),
  ];
}

/** Relative change of each kind of moment, a layer a row. */
function momentTable(layers: readonly ComparedMoments[]): string[] {
  const names = momentNames(layers);
  if (names.length === 0) return [];
  return [
    `| Layer | ${names.map((name) => `Change of ${markdownText(name)}`).join(' | ')} |`,
    `|---:|${names.map(() => '---:|').join('')}`,
    ...layers.map(({ layer, moments }) => {
      const cells = names.map((name) => {
        const own = moments.find((each) => each.name === name);
        return own ? (own.same ? '**identical**' : momentText(own)) : '–';
      });
      return `| ${layer ?? 'all, by position'} | ${cells.join(' | ')} |`;
    }),
    '',
  ];
}

/** In the order of their first layer. Of a file with many the first few: PyTorch's optimizers keep at most three. */
export function momentNames(layers: readonly ComparedMoments[]): string[] {
  return [...new Set(layers.flatMap(({ moments }) => moments.map(({ name }) => name)))].slice(0, 6);
}

/** Tensor by tensor what is in a changed layer; wholly identical layers were told above. */
function tensorSection(comparison: Comparison): string[] {
  const { tensors } = comparison;
  if (tensors.length === 0) return ['## Tensors', '', 'The two have no tensor in common.', ''];
  const same = tensors.filter((tensor) => tensor.same).length;
  if (same === tensors.length) return ['## Tensors', '', `All ${same} tensors that both have are identical.`, ''];
  const changed = new Set(
    layerDifferences(comparison).flatMap((each) => (each.state === 'changed' ? each.tensors : [])),
  );
  return [
    '## Tensors',
    '',
    `${same} of ${tensors.length} are identical.`,
    '',
    '| Tensor | Relative change | Cosine |',
    '|---|---:|---:|',
    ...tensors
      .filter((tensor) => !tensor.same || changed.has(tensor))
      .map((tensor) => {
        const figures = tensor.same
          ? '**identical** |'
          : `${tensor.relativeChange === null ? UNMEASURED : formatValue(tensor.relativeChange)} | ${cosineText(tensor.cosine)}`;
        return `| ${markdownText(tensor.name)} | ${figures} |`;
      }),
    '',
  ];
}

function onlyIn(side: 'A' | 'B', names: readonly string[]): string[] {
  if (names.length === 0) return [];
  return [`## Only in ${side}`, '', ...names.map((name) => `- ${markdownText(name)}`), ''];
}
