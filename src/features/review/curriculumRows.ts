/** A curriculum in a quick pick: its stages with the absolute steps they cover, and where training goes on. */
import * as vscode from 'vscode';
import { type Stage, stageIndexAt } from '../../core/curriculum';
import { formatCount } from '../../core/format';
import { factRows, type PickRow } from '../../platform/picks';

export interface CurriculumPlace {
  /** The step that training goes on from. */
  readonly step: number;
  /** Where it ends; null where nobody knows. */
  readonly maxSteps: number | null;
}

/** A row a stage. */
export function stageRows(stages: readonly Stage[], { step, maxSteps }: CurriculumPlace): PickRow[] {
  const here = stageIndexAt(stages, step);
  return stages.map((stage, index) => {
    const last = index === stages.length - 1;
    const parts = [
      last
        ? vscode.l10n.t('{0} – {1} and on', formatCount(stage.from), formatCount(stage.until))
        : `${formatCount(stage.from)} – ${formatCount(stage.until)}`,
      ...(stage.name === 'mixed' ? [vscode.l10n.t('ratio {0}', stage.mixingRatio)] : []),
      ...(stage.mlpMixingRatio === null ? [] : [vscode.l10n.t('MLP ratio {0}', stage.mlpMixingRatio)]),
      ...(index === here ? [vscode.l10n.t('step {0} is here', formatCount(step))] : []),
      ...(maxSteps !== null && stage.from >= maxSteps && index > here
        ? [vscode.l10n.t('not reached: training ends at step {0}', formatCount(maxSteps))]
        : []),
    ];
    return { label: stage.name, icon: index === here ? 'arrow-right' : 'blank', description: parts.join(' · ') };
  });
}

/** The same where rows only tell something: every word of a stage is shown, on more rows where it needs them. */
export function readableStageRows(stages: readonly Stage[], place: CurriculumPlace): PickRow[] {
  return stageRows(stages, place).flatMap(({ description = '', ...row }) => factRows(row, description));
}
