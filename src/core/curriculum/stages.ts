/** What a curriculum says at a step, and how it is written for machines and for people. */
import type { Curriculum, Stage, StoredStage } from './curriculum';

/** The index of the stage that a step is in; after the last end the last one stays (contract section 4). */
export function stageIndexAt(stages: readonly { readonly until: number }[], step: number): number {
  const found = stages.findIndex((stage) => step < stage.until);
  return found === -1 ? stages.length - 1 : found;
}

/**
 * The stage that a step is in: a function of the global step alone, also right after a resume. After the last end the last
 * stage stays (contract section 4).
 *
 * @throws RangeError for a curriculum without stages
 */
export function stageAt(curriculum: Curriculum, step: number): { readonly stage: Stage; readonly index: number } {
  const index = stageIndexAt(curriculum.stages, step);
  const stage = curriculum.stages[index];
  if (stage === undefined) throw new RangeError('A curriculum has at least one stage');
  return { stage, index };
}

/** The text of `--curriculum_stages` that parses back to this curriculum. */
export function formatCurriculum(curriculum: Curriculum): string {
  return curriculum.stages.map(formatStage).join(',');
}

function formatStage(stage: Stage): string {
  const fields = [stage.name, (stage.until - stage.from).toString()];
  if (stage.name === 'mixed' || stage.mlpMixingRatio !== null) fields.push(stage.mixingRatio.toString());
  if (stage.mlpMixingRatio !== null) fields.push(stage.mlpMixingRatio.toString());
  return fields.join(':');
}

/** For people: `teacher 0–20000, mixed 20000–50000 (ratio 0.5), student from 50000`. */
export function describeCurriculum(curriculum: Curriculum): string {
  return curriculum.stages
    .map((stage, index) => {
      const last = index === curriculum.stages.length - 1;
      // The last stage stays after its end, but its planned end is what a person typed: both are told.
      return describeStage(stage, last ? `${stage.from}–${stage.until} and on` : undefined);
    })
    .join(', ');
}

/** For people: `mixed 20000–50000 (ratio 0.5)`. What a file says of a stage is shown as it stands there. */
export function describeStage(stage: StoredStage, range = `${stage.from}–${stage.until}`): string {
  const ratios = [
    ...(stage.name === 'mixed' && stage.mixingRatio !== null ? [`ratio ${stage.mixingRatio}`] : []),
    ...(stage.mlpMixingRatio === null ? [] : [`MLP ratio ${stage.mlpMixingRatio}`]),
  ];
  return `${stage.name} ${range}${ratios.length === 0 ? '' : ` (${ratios.join(', ')})`}`;
}

/** True when both give every step from `step` on the same stage name and ratios. */
export function sameFrom(a: Curriculum, b: Curriculum, step: number): boolean {
  const edges = [step, ...a.stages, ...b.stages].map((edge) => (typeof edge === 'number' ? edge : edge.until));
  return edges
    .filter((edge) => edge >= step)
    .every((edge) => {
      const left = stageAt(a, edge).stage;
      const right = stageAt(b, edge).stage;
      return (
        left.name === right.name &&
        left.mixingRatio === right.mixingRatio &&
        left.mlpMixingRatio === right.mlpMixingRatio
      );
    });
}
