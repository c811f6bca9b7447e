/** `compare`: what differs between two checkpoints. */
import path from 'node:path';
import { compareCheckpoints, type Comparison } from '../core/checkpoint/compare/compare';
import type { ComparedMoments } from '../core/checkpoint/compare/optimizerComparison';
import {
  argumentTexts,
  changeText,
  cosineText,
  isSame,
  layerDifferences,
  momentNames,
  momentText,
  noteText,
  settingRows,
  stageText,
  summarizeComparison,
} from '../core/checkpoint/report/renderComparison';
import { CheckpointPathError } from '../core/checkpoint/pathErrors';
import { parseWeightName } from '../core/checkpoint/weightNames';
import { formatCount } from '../core/format';
import { type Command, UsageError } from './options';
import { SUMMARIES } from './summaries';
import { printable, table } from './table';

export const compareCommand: Command = {
  ...SUMMARIES.compare,
  details: [
    'Exits with 0 when tensors, arguments, curriculum and optimizer state are the same, so that training goes on alike from',
    'either; 1 when they differ, or when a part cannot be read; 2 when one has no readable weights.',
    'Tensors whose checksums agree are not read. The relative change of a layer is the length of B - A over the length of A.',
    '--json also tells every tensor. Nothing in the files is executed.',
  ],
  positionals: { least: 2, most: 2 },
  options: {},
  async run({ positionals: [a = '', b = ''] }) {
    let comparison: Comparison;
    try {
      comparison = await compareCheckpoints(path.resolve(a), path.resolve(b), { blocking: true });
    } catch (error) {
      if (error instanceof CheckpointPathError) throw new UsageError(error.message);
      throw error;
    }
    return { document: comparison, text: comparisonText(comparison), yes: isSame(comparison) };
  },
};

function comparisonText(comparison: Comparison): string {
  const { a, b, notes, arguments: changed, curriculum, onlyInA, onlyInB, optimizer } = comparison;
  const side = (name: string, { path: folder, step }: Comparison['a']): string =>
    printable(`  ${name}: ${folder}${step === null ? '' : `, step ${formatCount(step)}`}`);
  const differences = layerDifferences(comparison);
  const layers = differences.map((each) => [
    `  layer ${each.layer}`,
    each.relativeChange === null || each.state !== 'changed' ? changeText(each) : `changed by ${changeText(each)}`,
    each.state !== 'changed' || each.cosine === null ? '' : `cosine ${cosineText(each.cosine)}`,
  ]);
  // A layer that one side lacks is told as a layer.
  const lacking = new Set(
    differences.flatMap(({ layer, state }) => (state === 'onlyA' || state === 'onlyB' ? [layer] : [])),
  );
  const untold = (names: readonly string[]): string[] =>
    names.filter((name) => !lacking.has(parseWeightName(name)?.layer ?? -1));
  return [
    `${isSame(comparison) ? 'same' : 'different'}: ${summarizeComparison(comparison)}`,
    side('A', a),
    side('B', b),
    ...notes.map((note) => printable(`  ${noteText(note)}`)),
    table(layers),
    ...changed.map((each) => printable(`  ${each.name}: ${argumentTexts(each).join(' → ')}`)),
    ...curriculum
      .filter((stage) => !stage.same)
      .map((stage) => printable(`  stage ${stage.index + 1}: ${stageText(stage.a)} → ${stageText(stage.b)}`)),
    ...settingRows(optimizer)
      .filter(({ same }) => !same)
      .map((row) => printable(`  optimizer ${row.name}: ${row.a} → ${row.b}`)),
    table(optimizer.same === true ? [] : momentRows(optimizer.layers)),
    ...untold(onlyInA).map((name) => printable(`  only in A: ${name}`)),
    ...untold(onlyInB).map((name) => printable(`  only in B: ${name}`)),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function momentRows(layers: readonly ComparedMoments[]): string[][] {
  const names = momentNames(layers);
  return layers.map(({ layer, moments }) => [
    `  optimizer ${layer === null ? 'by position' : `layer ${layer}`}`,
    ...names.map((name) => {
      const own = moments.find((each) => each.name === name);
      if (!own) return '';
      return own.same || own.relativeChange === null
        ? `${name} ${momentText(own)}`
        : `${name} changed by ${momentText(own)}`;
    }),
  ]);
}
