/** The orders in which the tree shows runs that stand beside each other, of those that a filter leaves. No vscode here. */
import { allCheckpoints, bestEvaluated } from '../../core/experiment/checkpoints';
import type { Run } from '../../core/experiment/model';
import { compareNames } from '../../core/table/cell';
import type { Arrangement } from './nodes';

export const RUN_ORDERS = ['time', 'name', 'step', 'loss', 'size'] as const;
export type RunOrder = (typeof RUN_ORDERS)[number];

/** An evaluation is asked before the loss of a step: runs that were evaluated come first, by their best. */
function lossKey(run: Run): readonly [number, number] {
  const best = bestEvaluated(run)?.evalLoss;
  const value = best ?? run.loss ?? Number.NaN;
  return [Number.isNaN(value) ? 2 : best === undefined ? 1 : 0, value];
}

function sizeOf(run: Run): number {
  return allCheckpoints(run).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Sorts by a number that is asked for once a run; runs that are equal stay in their order. */
function by(runs: readonly Run[], key: (run: Run) => number): readonly Run[] {
  const keys = new Map(runs.map((run) => [run, key(run)]));
  return [...runs].sort((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
}

function ordered(runs: readonly Run[], order: RunOrder): readonly Run[] {
  switch (order) {
    case 'time':
      return runs;
    case 'name':
      return [...runs].sort((a, b) => compareNames(a.name, b.name));
    case 'step':
      return by(runs, (run) => -run.step);
    case 'size':
      return by(runs, (run) => -sizeOf(run));
    case 'loss': {
      const keys = new Map(runs.map((run) => [run, lossKey(run)]));
      return [...runs].sort((a, b) => {
        const [[kind, loss], [otherKind, otherLoss]] = [keys.get(a) ?? [2, 0], keys.get(b) ?? [2, 0]];
        return kind - otherKind || (kind === 2 || loss === otherLoss ? 0 : loss < otherLoss ? -1 : 1);
      });
    }
  }
}

/** @param shown paths of the runs that are shown; null: all */
export function arrangementOf(order: RunOrder, shown: ReadonlySet<string> | null, about: string | null): Arrangement {
  return {
    shown,
    about,
    arrange: (runs) => ordered(shown === null ? runs : runs.filter(({ path }) => shown.has(path)), order),
  };
}
