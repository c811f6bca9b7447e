/** What a plan's reader has to know before starting it: errors (it would fail) and warnings (it does something to know about). */
import type { PlanDraft } from '../planDraft';
import { judgeChanges } from './changes';
import { judgeCurriculum, judgeUnreached } from './curriculum';
import { judgeDisk } from './disk';
import { judgeFieldScript } from './fieldScript';
import { judgeFit } from './fit';
import { judgeOtherTrainers } from './otherTrainers';
import { judgeBranching, judgeTraining, judgeUnsaved } from './runs';
import { type Judge, type Judgement, Said } from './say';
import { judgeSteps } from './steps';
import { judgeSurroundings } from './surroundings';
import { judgeMissing, judgeOdd, judgeStored } from './values';

const OF_EVERY_PLAN: readonly Judge[] = [
  judgeMissing,
  judgeStored,
  judgeOdd,
  judgeUnreached,
  judgeDisk,
  judgeFieldScript,
];
/** Of those that go on from a checkpoint. */
const OF_GOING_ON: readonly Judge[] = [
  ...[judgeTraining, judgeFit, judgeBranching, judgeUnsaved, judgeSteps, judgeCurriculum, judgeChanges],
  judgeOtherTrainers,
];

export function judge(draft: PlanDraft): Judgement {
  const said = new Said();
  judgeSurroundings(draft, said);
  for (const each of OF_EVERY_PLAN) each(draft, said);
  if (draft.source.path !== null) for (const each of OF_GOING_ON) each(draft, said);
  return said;
}
