/** What the tree calls its runs: their names, less what the rows around them say. No vscode here. */
import type { Lineage } from '../../core/experiment/lineage';
import type { Run } from '../../core/experiment/model';
import { nameBelow, shortNames } from '../../core/shortNames';
import { containerOf, isShown, type TreeModel } from './nodes';

/** As many letters as leave room for the figures in a view of 300 pixels. */
const LONGEST = 18;

/** For each lineage, by how it is arranged: of a model that did not change, names are not made anew. */
const made = new WeakMap<
  Lineage,
  { readonly arrangement: TreeModel['arrangement']; readonly labels: ReadonlyMap<string, string> }
>();

/** The label of a run's row; no other row beside it has the same. */
export function runLabel(run: Run, model: TreeModel): string {
  const { lineage, arrangement } = model;
  let known = made.get(lineage);
  if (known === undefined || known.arrangement !== arrangement) {
    known = { arrangement, labels: labelsOf(model) };
    made.set(lineage, known);
  }
  return known.labels.get(run.path) ?? run.name;
}

function labelsOf(model: TreeModel): ReadonlyMap<string, string> {
  const { runs, lineage } = model;
  const together = new Map<string, Run[]>();
  for (const run of runs) {
    if (!isShown(run, model)) continue;
    const key = containerOf(run, model)?.id ?? '';
    const siblings = together.get(key) ?? [];
    siblings.push(run);
    together.set(key, siblings);
  }
  const labels = new Map<string, string>();
  for (const siblings of together.values()) {
    // In a flat list the parent's name is not above.
    const above = (run: Run): string => (model.arrangement?.flat === true ? '' : (lineage.parentOf(run)?.name ?? ''));
    const names = siblings.map((run) => nameBelow(run.name, above(run)));
    for (const [index, label] of shortNames(names, LONGEST).entries()) {
      const run = siblings[index];
      if (run !== undefined) labels.set(run.path, label);
    }
  }
  return labels;
}
