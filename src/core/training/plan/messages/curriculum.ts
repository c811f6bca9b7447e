/** Which stages a plan trains in, beside those that it would have trained in. */
import { type Curriculum, type Stage, sameFrom, stageAt } from '../../../curriculum';
import { formatCount } from '../../../format';
import { type Judge, change, numeric } from './say';

export const judgeCurriculum: Judge = (draft, { warn }) => {
  const { source, curriculum, request } = draft;
  const changed = change(draft, 'curriculum_stages');
  if (changed === null || curriculum === null || source.curriculum === null) return;
  const { step } = source;
  const before = stageAt(source.curriculum, step).stage;
  const after = stageAt(curriculum, step).stage;
  const end = curriculum.stages.at(-1)?.until ?? 0;
  if (step >= end) {
    warn(
      'curriculum-ended',
      `The new curriculum ends at step ${formatCount(end)}, and training goes on from step ${formatCount(step)}: its last stage, ${after.name}, stays.`,
      { argument: 'curriculum_stages' },
    );
  }
  if (before.name !== after.name || before.mixingRatio !== after.mixingRatio) {
    const skipped = request.kind === 'debug' ? [] : skippedBetween(source.curriculum, curriculum, step);
    const skips =
      skipped.length === 0 ? '' : ` ${skipped.join(' and ')} ${skipped.length === 1 ? 'is' : 'are'} skipped.`;
    warn(
      'stage-changes',
      `At step ${formatCount(step)} the stage becomes ${described(after)}; it was ${described(before)}. The loss will jump.${skips}`,
    );
  } else if (sameFrom(source.curriculum, curriculum, step)) {
    warn('curriculum-same', `From step ${formatCount(step)} on, the new curriculum says the same as the old one.`);
  }
};

function described(stage: Stage): string {
  return stage.name === 'mixed' ? `mixed (ratio ${stage.mixingRatio})` : stage.name;
}

/** Stages that would have come between the old curriculum's stage at a step and the one that the new one has there. */
function skippedBetween(before: Curriculum, after: Curriculum, step: number): string[] {
  const { stage: to } = stageAt(after, step);
  const rest = before.stages.slice(before.stages.indexOf(stageAt(before, step).stage) + 1);
  const at = rest.findIndex(({ name, mixingRatio }) => name === to.name && mixingRatio === to.mixingRatio);
  const passed = at < 0 ? [] : rest.slice(0, at);
  // What the new curriculum still has ahead is not skipped.
  const ahead = after.stages.filter(({ until }) => until > step);
  return passed
    .filter(({ name, mixingRatio }) => !ahead.some((each) => each.name === name && each.mixingRatio === mixingRatio))
    .map(described);
}

/** Stages that begin after training has ended. */
export const judgeUnreached: Judge = (draft, { warn }) => {
  const { curriculum, source } = draft;
  const chosen = source.path === null || change(draft, 'curriculum_stages') !== null;
  const maxSteps = numeric(draft, 'max_steps');
  if (!chosen || curriculum === null || maxSteps === null) return;
  const [first, ...others] = curriculum.stages.filter(({ from }) => from >= maxSteps);
  const end = curriculum.stages.at(-1)?.until;
  if (first === undefined || end === undefined) return;
  const names = [first, ...others].map(described).join(' and ');
  warn(
    'stage-not-reached',
    `Training ends at step ${formatCount(maxSteps)}, before ${names} begins (step ${formatCount(first.from)}).`,
    { argument: 'max_steps', proposal: String(end) },
  );
};
