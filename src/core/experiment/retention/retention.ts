/**
 * What a policy takes of one run, and what it keeps, each with why. It has no opinion of its own on what is valid: that is the
 * judge's, who answers for deleteCheckpoints.ts, too.
 *
 * The newest `last` valid checkpoints are counted as the trainer counts them for `--save_total_limit`
 * (trainer/npt/checkpoint/retention.py): what is not valid neither counts nor goes, and what stays for another reason counts
 * where it is among the newest. The cases of test/fixtures/retention hold both to one answer. By design they differ in this:
 * the trainer counts no other trainer's checkpoints, which here are as valid as its own where a resume from them works; it lets
 * a link that is named as another step lead to nothing, which deleteCheckpoints.ts refuses; and it knows less of what is around
 * a run (held.ts).
 */
import { allCheckpoints } from '../checkpoints';
import { judged, type Judge } from '../deleteCheckpoints';
import type { Checkpoint, Run } from '../model';
import { formatCount } from '../../format';
import type { Held } from './held';
import { policyText, type RetentionPolicy } from './policy';

/** A checkpoint, and why it goes or stays, as a clause behind its name. */
export interface Fate {
  readonly checkpoint: Checkpoint;
  readonly why: string;
}

export interface Retention {
  /** Both ascending by step. */
  readonly goes: readonly Fate[];
  readonly stays: readonly Fate[];
}

/** What the policy does to a run. The judge is asked of what counts and of what would go, and of nothing else. */
export async function retentionOf(run: Run, policy: RetentionPolicy, held: Held, isValid: Judge): Promise<Retention> {
  const everything = held.everythingOf(run);
  if (everything !== null) {
    return { goes: [], stays: allCheckpoints(run).map((checkpoint) => ({ checkpoint, why: everything })) };
  }
  const verdicts = new Map<Checkpoint, boolean>();
  const valid = async (checkpoint: Checkpoint): Promise<boolean> => {
    const verdict = verdicts.get(checkpoint) ?? (await judged(checkpoint.path, isValid));
    verdicts.set(checkpoint, verdict);
    return verdict;
  };
  const counted = await whatCounts(run, policy, valid);
  const goes: Fate[] = [];
  const stays: Fate[] = [];
  for (const checkpoint of allCheckpoints(run)) {
    const why = held.reasonFor(run, checkpoint) ?? counted.get(checkpoint) ?? null;
    if (why !== null) {
      stays.push({ checkpoint, why });
      continue;
    }
    const ofSteps = policy.every > 0 && checkpoint.step % policy.every === 0;
    // Whether it is valid decides nothing of one that stays either way.
    if (!(ofSteps && !policy.broken) && !(await valid(checkpoint))) {
      if (policy.broken) goes.push({ checkpoint, why: 'is not valid' });
      else stays.push({ checkpoint, why: 'is not valid, and neither counts nor goes' });
    } else if (ofSteps) stays.push({ checkpoint, why: `is at a multiple of ${formatCount(policy.every)} steps` });
    else goes.push({ checkpoint, why: `is none of ${policyText(policy)}` });
  }
  return { goes, stays };
}

/** Those that stay because they are the newest valid ones or the best, each with why. */
async function whatCounts(
  run: Run,
  policy: RetentionPolicy,
  valid: (checkpoint: Checkpoint) => Promise<boolean>,
): Promise<ReadonlyMap<Checkpoint, string>> {
  const count = Math.max(1, policy.last);
  const written = run.checkpoints.filter(({ state }) => state !== 'writing');
  const { ranked, by } = byLoss(written);
  // Where there are no more than may stay, nothing has to be read.
  const few = written.length <= count && !policy.broken;
  const last = few ? written.toReversed() : await firstOf(written.toReversed(), count, valid);
  const best = few ? [] : await firstOf(ranked, policy.best, valid);
  const why = new Map(
    best.map((checkpoint) => [
      checkpoint,
      `is ${policy.best === 1 ? 'the best' : `one of the best ${formatCount(policy.best)}`} by ${by}`,
    ]),
  );
  for (const [place, checkpoint] of last.entries()) {
    if (place === 0) why.set(checkpoint, few ? 'is the newest' : 'is the newest valid one');
    else why.set(checkpoint, `is one of the last ${formatCount(count)}`);
  }
  return why;
}

async function firstOf(
  candidates: readonly Checkpoint[],
  count: number,
  valid: (checkpoint: Checkpoint) => Promise<boolean>,
): Promise<Checkpoint[]> {
  const found: Checkpoint[] = [];
  for (const checkpoint of candidates) {
    if (found.length >= count) break;
    if (await valid(checkpoint)) found.push(checkpoint);
  }
  return found;
}

/** From the lowest loss up, the newer first of two that are equal; by evaluations alone where the run has any. */
function byLoss(checkpoints: readonly Checkpoint[]): { readonly ranked: readonly Checkpoint[]; readonly by: string } {
  const evaluated = checkpoints.some(({ evalLoss }) => evalLoss !== null && Number.isFinite(evalLoss));
  const lossOf = ({ evalLoss, loss }: Checkpoint): number => (evaluated ? evalLoss : loss) ?? NaN;
  const ranked = checkpoints
    .filter((checkpoint) => Number.isFinite(lossOf(checkpoint)))
    .sort((a, b) => lossOf(a) - lossOf(b) || b.step - a.step);
  return { ranked, by: evaluated ? 'evaluation' : 'loss' };
}
