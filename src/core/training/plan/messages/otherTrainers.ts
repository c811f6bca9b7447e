/** Contract section 7: what another trainer and ours do differently. */
import { type Judge, change } from './say';

export const judgeOtherTrainers: Judge = (draft, { warn }) => {
  const { source, ourTrainer, newRun } = draft;
  // Our own merge takes each layer's optimizer state along (trainer/npt/checkpoint/merge.py).
  if (source.merged && source.translated) {
    warn('merged', `${source.name} was merged from several runs: its optimizer state does not fit its weights.`);
  }
  if (ourTrainer) {
    if (!source.translated) return;
    warn(
      'other-trainer-checkpoint',
      `${source.name} is another NPT trainer's, whose teacher runs without rotary embeddings and mask: here the teacher differs, and the loss will jump.`,
    );
    return;
  }
  warn(
    'other-trainer-script',
    `The training script of this workspace is another NPT trainer's: its data restarts from the beginning, and its teacher runs without rotary embeddings and mask.`,
  );
  if (!newRun) warn('other-trainer-run', 'That trainer resumes into a run folder of its own, not into this one.');
  if (change(draft, 'learning_rate') !== null)
    warn('other-trainer-learning-rate', 'That trainer ignores learning_rate on a resume.');
  if (change(draft, 'max_steps') !== null)
    warn(
      'other-trainer-schedule',
      'That trainer bends its learning-rate cosine when max_steps changes: the rate jumps.',
    );
};
