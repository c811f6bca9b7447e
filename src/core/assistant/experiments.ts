/** Which experiments there are: the answer of `npt_list_experiments`. */
import { bestEvaluated } from '../experiment/checkpoints';
import type { Run } from '../experiment/model';
import { RunFilter } from '../table/runFilter';
import { fitting, textFrom } from './answer';
import { InputProblem } from './input';
import { ABOUT_FIGURES, type Experiments, runFacts } from './runFacts';

export interface ListInput {
  /** In the language of the table's filter. */
  readonly filter?: string;
  readonly sort?: 'newest' | 'best';
  readonly limit?: number;
}

const USUAL_LIMIT = 20;
/** Problems of a workspace that an answer tells. */
const MOST_PROBLEMS = 5;

/** @throws InputProblem where the filter cannot be read */
export function listExperiments({ filter = '', sort = 'newest', limit }: ListInput, experiments: Experiments): object {
  const { workspaces } = experiments;
  const matching = inOrder(matchingRuns(filter, experiments), sort);
  const wanted = matching.slice(0, limit ?? USUAL_LIMIT).map((run) => runFacts(run, experiments));
  const runs = fitting(wanted);
  const left = matching.length - runs.length;
  return {
    workspaces: workspaces.map(({ root, runs: all, problems }) => ({
      root,
      runs: all.length,
      ...(problems.length === 0
        ? {}
        : {
            problems: problems
              .slice(0, MOST_PROBLEMS)
              .map(({ path, message }) => `${textFrom(path)}: ${textFrom(message)}`),
          }),
    })),
    figures: ABOUT_FIGURES,
    order: sort === 'best' ? 'lowest best evaluation first; runs without one last' : 'newest first',
    matching: matching.length,
    runs,
    ...(left === 0
      ? {}
      : { leftOut: `${left} more match: narrow them with "filter", or ask with a higher "limit" (up to 200).` }),
  };
}

function matchingRuns(typed: string, { workspaces, lineage, now }: Experiments): readonly Run[] {
  const runs = workspaces.flatMap((workspace) => workspace.runs);
  if (typed.trim() === '') return runs;
  const filtered = new RunFilter().filter(typed, runs, lineage, now);
  if (filtered.problem !== null) throw new InputProblem(`"filter": ${filtered.problem}`);
  return filtered.runs;
}

/** A NaN is no evaluation to be the best by. */
function inOrder(runs: readonly Run[], sort: ListInput['sort']): readonly Run[] {
  if (sort !== 'best') return runs;
  const valueOf = (run: Run): number => {
    const value = bestEvaluated(run)?.evalLoss;
    return value === undefined || Number.isNaN(value) ? Infinity : value;
  };
  return runs
    .map((run) => ({ run, value: valueOf(run) }))
    .sort((a, b) => (a.value === b.value ? 0 : a.value - b.value))
    .map(({ run }) => run);
}
