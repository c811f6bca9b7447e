/** How the tree shows runs: in which order, under which headings, branches nested or not, of those that a filter leaves. No vscode here. */
import { allCheckpoints, bestEvaluated } from '../../core/experiment/checkpoints';
import { STAR_TAG, type Run } from '../../core/experiment/model';
import { compareNames } from '../../core/table/cell';
import { dayText } from '../../core/table/columns';
import { rowUnder, runNode, type Arrangement, type HeadingNode, type Headings } from './nodes';

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

export const TREE_GROUPINGS = ['tag', 'day'] as const;
export type TreeGrouping = (typeof TREE_GROUPINGS)[number];

/** What the headings say, in the user's language. */
export interface HeadingWords {
  readonly noTag: string;
  readonly noDay: string;
  /** So many runs. */
  readonly count: (count: number) => string;
}

/** A run with several tags stands under each of them. Days stand newest first, tags by name; what has none comes last. */
function headed(runs: readonly Run[], grouping: TreeGrouping, words: HeadingWords): Headings {
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    for (const title of titlesOf(run, grouping)) {
      const group = groups.get(title);
      if (group === undefined) groups.set(title, [run]);
      else group.push(run);
    }
  }
  const nothing = grouping === 'tag' ? words.noTag : words.noDay;
  const rows = [...groups]
    .sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : grouping === 'tag' ? compareNames(a, b) : a < b ? 1 : -1))
    .map(([title, under]): HeadingNode => ({
      kind: 'heading',
      // No tag is empty, and what has none is not called as a tag may be.
      id: `${grouping}:${title}`,
      path: '',
      title: title === '' ? nothing : title,
      icon: grouping === 'day' ? 'calendar' : title === STAR_TAG ? 'star-full' : 'tag',
      description: words.count(under.length),
      runs: under,
    }));
  const pathsOf = (under: readonly Run[]): string => JSON.stringify(under.map(({ path }) => path));
  return {
    rows,
    hung: new Map([
      ['', JSON.stringify(rows.map(({ id }) => id))],
      ...rows.map(({ id, runs: under }): [string, string] => [id, pathsOf(under)]),
    ]),
    idsOf: (wanted) => {
      const paths = new Set(wanted.map(({ path }) => path));
      return rows.flatMap(({ id, runs: under }) =>
        under.flatMap((run) => (paths.has(run.path) ? [rowUnder(id, runNode(run)).id] : [])),
      );
    },
  };
}

function titlesOf(run: Run, grouping: TreeGrouping): readonly string[] {
  if (grouping === 'day') return [run.created > 0 ? dayText(run.created) : ''];
  const tags = new Set(run.notes?.tags ?? []);
  return tags.size === 0 ? [''] : [...tags];
}

export interface TreeLook {
  readonly order: RunOrder;
  /** Branches stand beside their parents; they always do where runs are grouped. */
  readonly flat: boolean;
  readonly group: { readonly by: TreeGrouping; readonly words: HeadingWords } | null;
}

/** @param shown paths of the runs that are shown; null: all */
export function arrangementOf(
  { order, flat, group }: TreeLook,
  shown: ReadonlySet<string> | null,
  about: string | null,
): Arrangement {
  const arrange = (runs: readonly Run[]): readonly Run[] =>
    ordered(shown === null ? runs : runs.filter(({ path }) => shown.has(path)), order);
  let known: { readonly of: readonly Run[]; readonly headings: Headings } | undefined;
  return {
    shown,
    about,
    arrange,
    flat: flat || group !== null,
    headings: (runs) => {
      if (group === null) return null;
      // Asked for with every row that is drawn.
      if (known?.of !== runs) known = { of: runs, headings: headed(arrange(runs), group.by, group.words) };
      return known.headings;
    },
  };
}
