/** How far training goes, beside where it stands and where its learning-rate schedule ends. */
import { formatCount } from '../../../format';
import { DEFAULT_ADDITIONAL_STEPS } from '../planChanges';
import type { PlanDraft } from '../planDraft';
import { type Judge, another, change, numeric } from './say';

export const judgeSteps: Judge = (draft, { warn, refuse }) => {
  const { source, request } = draft;
  const maxSteps = numeric(draft, 'max_steps');
  if (maxSteps === null) return;
  if (lacksFinal(draft, maxSteps)) return;
  if (maxSteps <= source.step) {
    const extended = {
      kind: request.kind === 'resume' ? 'extend' : request.kind,
      additionalSteps: DEFAULT_ADDITIONAL_STEPS,
    } as const;
    refuse(
      'training-complete',
      `Training already complete: ${source.name} is at step ${formatCount(source.step)} and max_steps is ${formatCount(maxSteps)}. Raise max_steps to continue.`,
      { remedies: [another(`Extend by ${formatCount(DEFAULT_ADDITIONAL_STEPS)} steps`, extended)] },
    );
    return;
  }
  const changed = change(draft, 'max_steps');
  const previous = typeof changed?.previous === 'number' ? changed.previous : null;
  const end = source.schedule?.endStep ?? previous;
  const rateGoesOn = change(draft, 'learning_rate') === null && !source.translated;
  if (changed !== null && end !== null && maxSteps > end && rateGoesOn) {
    warn(
      'schedule-extended',
      `The learning-rate schedule ended at step ${formatCount(end)}: it goes on from its present rate (at least 10 % of the base rate, after a short ramp) to 0 at step ${formatCount(maxSteps)}.`,
    );
  } else if (previous !== null && maxSteps < previous) {
    warn(
      'stops-earlier',
      `Training stops at step ${formatCount(maxSteps)} instead of ${formatCount(previous)}; the learning rate does not reach 0 by then.`,
    );
  }
};

/** Every step was trained, and the run ended before it had written final/: that is what a resume of it does. */
function lacksFinal({ source, request, newRun, ourTrainer }: PlanDraft, maxSteps: number): boolean {
  const { run, step } = source;
  if (request.kind !== 'resume' || newRun || !ourTrainer || run === null || maxSteps !== step) return false;
  return run.final === null || (run.final.state === 'complete' && run.final.step < step);
}
