/** What runs differ in, and what came of it: the answer of `npt_compare_runs`. */
import type { Comparison } from '../checkpoint/compare/compare';
import { layerDifferences, noteText, summarizeComparison } from '../checkpoint/report/renderComparison';
import { bestEvaluated } from '../experiment/checkpoints';
import type { Run } from '../experiment/model';
import { type Cell, numberIn } from '../table/cell';
import { Columns, isArgument } from '../table/columns';
import { argumentColumns, ArgumentNames, rowOf } from '../table/rows';
import { telling } from '../table/view';
import { figure, fitting, textFrom } from './answer';
import { ABOUT_FIGURES, type Experiments, runFacts } from './runFacts';

export interface CompareInput {
  readonly runs: readonly string[];
  /** Whether the weights of two runs' newest checkpoints are read and compared, too. */
  readonly weights?: boolean;
}

/** Arguments that say on what and how an evaluation was made: where they differ, so do evaluations of one model. */
const OF_EVALUATIONS = [
  'model_name',
  'dataset_preset',
  'validation_file',
  'train_file',
  'num_eval_samples',
  'max_length',
];

/** The weights of the first run's checkpoint beside those of the second's. */
export interface ComparedWeights {
  readonly checkpoints: readonly [string, string];
  readonly comparison: Comparison;
}

export function comparisonAnswer(runs: readonly Run[], experiments: Experiments, weights?: ComparedWeights): object {
  const names = new ArgumentNames();
  const rows = runs.map((run) => rowOf(run, experiments.lineage, names, experiments.now));
  const columns = new Columns(argumentColumns(names, () => undefined));
  const differing = telling(rows, columns);
  const all = columns.all.filter(isArgument);
  const differ = all
    .filter(({ id }) => differing.has(id))
    .map(({ id, title }) => ({
      argument: textFrom(title),
      values: rows.map(({ cells }) => told(cells[columns.placeOf(id)] ?? null)),
    }));
  const unknown = runs.filter(({ config }) => config === null).map(({ name }) => textFrom(name));
  const listed = fitting(differ);
  const elsewhere = OF_EVALUATIONS.filter((name) => differ.some(({ argument }) => argument === name));
  return {
    figures: ABOUT_FIGURES,
    runs: runs.map((run) => runFacts(run, experiments)),
    ...bestOf(runs, elsewhere),
    arguments: {
      about: 'those that differ, with a value for each run in the order of "runs"; null: the run does not tell',
      differ: listed,
      same: all.length - differ.length,
      ...(listed.length === differ.length
        ? {}
        : { leftOut: `${differ.length - listed.length} arguments: compare fewer runs.` }),
      ...(unknown.length === 0 ? {} : { unknown }),
    },
    ...(weights === undefined ? {} : { weights: weightsOf(weights) }),
  };
}

function told(cell: Cell): Cell {
  return typeof cell === 'string' ? textFrom(cell) : cell;
}

/** The run with the lowest evaluation, and why that may not say which is better. */
function bestOf(runs: readonly Run[], elsewhere: readonly string[]): object {
  const evaluated = runs.flatMap((run) => {
    const checkpoint = bestEvaluated(run);
    const value = numberIn(checkpoint?.evalLoss ?? null);
    return checkpoint === undefined || value === undefined || Number.isNaN(value) ? [] : [{ run, checkpoint, value }];
  });
  const best = evaluated.reduce<(typeof evaluated)[number] | undefined>(
    (lowest, each) => (lowest === undefined || each.value < lowest.value ? each : lowest),
    undefined,
  );
  if (best === undefined) return { best: null, bestIs: 'unknown: no run has an evaluation' };
  const doubts = [
    evaluated.length < runs.length ? `${runs.length - evaluated.length} of the runs have no evaluation` : '',
    elsewhere.length === 0 ? '' : `evaluations differ by ${elsewhere.join(', ')} and may not be comparable`,
  ].filter((doubt) => doubt !== '');
  return {
    best: { run: textFrom(best.run.name), checkpoint: textFrom(best.checkpoint.name), value: figure(best.value) },
    bestIs: 'the lowest best evaluation',
    ...(doubts.length === 0 ? {} : { doubts }),
  };
}

function weightsOf({ checkpoints, comparison }: ComparedWeights): object {
  const [a, b] = checkpoints;
  return {
    a: textFrom(a),
    b: textFrom(b),
    summary: textFrom(summarizeComparison(comparison), 1000),
    layers: fitting(
      layerDifferences(comparison).map(({ layer, state, relativeChange, cosine }) => ({
        layer,
        state,
        ...(relativeChange === null ? {} : { relativeChange: figure(relativeChange) }),
        ...(cosine === null ? {} : { cosine: figure(cosine) }),
      })),
    ),
    ...(comparison.notes.length === 0
      ? {}
      : { notes: comparison.notes.slice(0, 10).map((note) => textFrom(noteText(note))) }),
  };
}
