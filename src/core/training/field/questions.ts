/** What nothing on disk tells of a run of another trainer (contract section 7), and what is taken for it. */
import { type TrainerArgument, findArgument } from '../../arguments/arguments';
import { isNothing } from '../../arguments/argumentValues';
import { typedText } from '../../arguments/separated';
import type { PlanDraft } from '../plan/planDraft';
import type { PlanQuestion } from '../plan/plan';
import { optionFor } from './words';

/** Named by what they are part of: a model's name, and other texts to train on. */
const NOT_ASKED: ReadonlySet<string> = new Set(['model_size', 'demo_mode', 'train_file', 'validation_file']);

/** Whether a run is another one with another value of this. */
function matters({ name, onResume: { effect, touches, when } }: TrainerArgument): boolean {
  if (NOT_ASKED.has(name)) return false;
  if (effect !== 'takes effect') return effect !== 'start';
  return (
    when !== 'layers are new' && when !== 'W&B run is new' && (touches.includes('training') || touches.includes('data'))
  );
}

export function questionsOf(draft: PlanDraft): PlanQuestion[] {
  const { source, request } = draft;
  if (!source.translated) return [];
  const questions: PlanQuestion[] = [];
  for (const { name, value, source: from } of draft.arguments) {
    const argument = findArgument(name);
    if (argument === undefined || Object.hasOwn(request.changes ?? {}, name)) continue;
    // A script without such an option cannot be told.
    const option = draft.help === null ? undefined : optionFor(draft.help, name);
    if (draft.help !== null && option === undefined) continue;
    if (from === 'default' && matters(argument)) {
      const proposal = draft.help === null ? (isNothing(value) ? null : typedText(value)) : (option?.default ?? null);
      questions.push({ argument: name, message: unknown(name, proposal, draft.help !== null), proposal });
    } else if (name === 'curriculum_stages' && from !== 'changed' && draft.curriculum?.stages.some(isMixed) === true) {
      questions.push({
        argument: name,
        message:
          "A mixed stage may give the MLP a mixing ratio of its own, which other trainers do not store: here it has none. Where there was one, write it behind the stage's ratio.",
        proposal: typedText(value),
      });
    }
  }
  return questions;
}

function isMixed({ name, mlpMixingRatio }: { readonly name: string; readonly mlpMixingRatio: number | null }): boolean {
  return name === 'mixed' && mlpMixingRatio === null;
}

function unknown(name: string, proposal: string | null, theirs: boolean): string {
  const what = `Nothing on disk says which ${name} it was trained with`;
  if (theirs) return `${what}: the script takes its own${proposal === null ? '' : `, ${proposal}`}.`;
  return proposal === null ? `${what}: none is given.` : `${what}: ${proposal} is taken.`;
}
