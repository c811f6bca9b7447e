/** What the tree calls its runs: their names, less what the rows around them say. No vscode here. */
import type { Lineage } from '../../core/experiment/lineage';
import type { Run } from '../../core/experiment/model';
import { nameBelow, shortNames } from '../../core/shortNames';
import { containerOf, type TreeModel } from './nodes';

/** As many letters as leave room for the figures in a view of 300 pixels. */
const LONGEST = 18;

const made = new WeakMap<Lineage, ReadonlyMap<string, string>>();

/** The label of a run's row; no other row beside it has the same. */
export function runLabel(run: Run, model: TreeModel): string {
  let labels = made.get(model.lineage);
  if (labels === undefined) {
    labels = labelsOf(model);
    made.set(model.lineage, labels);
  }
  return labels.get(run.path) ?? run.name;
}

function labelsOf({ runs, lineage }: TreeModel): ReadonlyMap<string, string> {
  const together = new Map<string, Run[]>();
  for (const run of runs) {
    const key = containerOf(run, lineage)?.id ?? '';
    const siblings = together.get(key) ?? [];
    siblings.push(run);
    together.set(key, siblings);
  }
  const labels = new Map<string, string>();
  for (const siblings of together.values()) {
    const names = siblings.map((run) => nameBelow(run.name, lineage.parentOf(run)?.name ?? ''));
    for (const [index, label] of shortNames(names, LONGEST).entries()) {
      const run = siblings[index];
      if (run !== undefined) labels.set(run.path, label);
    }
  }
  return labels;
}
