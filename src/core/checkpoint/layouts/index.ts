/** Which layouts of a checkpoint there are, and which one a folder has. */
import { field, fieldOld, FIELD_RULES } from './field';
import { huggingFace } from './huggingFace';
import type { CheckpointLayout, LayoutEvidence, NptRules } from './layout';
import { ours } from './ours';

/** The first that fits counts; the last fits everything. */
const LAYOUTS: readonly CheckpointLayout[] = [huggingFace, ours, fieldOld, field];

/** A folder's layout by what is known of it. With less evidence, one that has as much in common with it as a list needs. */
export function layoutOf(evidence: LayoutEvidence): CheckpointLayout {
  return LAYOUTS.find((layout) => layout.fits(evidence)) ?? field;
}

/** The rules for a checkpoint that has NP components. */
export function rulesOf(evidence: LayoutEvidence): NptRules {
  return layoutOf(evidence).npt ?? FIELD_RULES;
}
