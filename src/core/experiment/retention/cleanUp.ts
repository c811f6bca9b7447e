/**
 * A clean-up: what a policy would delete of several runs, to be read and changed by a person before anything goes, and looked at
 * once more right before it does. Deleting is deleteCheckpoints.ts's: nothing is planned here that it would refuse.
 *
 * What goes does not go to a trash. A trash keeps the bytes, and on another disk than its own it first copies them; whoever
 * cleans up wants the room now. There is none over Remote-SSH, in containers and on clusters anyway. In its place stand the
 * review, a rename before anything is deleted, and the second look.
 */
import { bytesFreed, type DiskItem } from '../diskUse';
import { DeletionError, planDeletion, type Deletion, type DeletionPlan, type Judge } from '../deleteCheckpoints';
import type { Checkpoint, Run } from '../model';
import type { Held } from './held';
import type { RetentionPolicy } from './policy';
import { retentionOf, type Fate, type Retention } from './retention';

/** One that would go. */
export interface Going extends Fate {
  readonly takes: readonly DiskItem[];
}

export interface RunCleanUp {
  readonly run: Run;
  readonly goes: readonly Going[];
  readonly stays: readonly Fate[];
  /** How what goes is deleted; null where nothing goes. */
  readonly plan: DeletionPlan | null;
}

/**
 * What would go of one run. Called once more with what was chosen, it gives what of that may still go.
 *
 * @param chosen paths of checkpoints; of what the policy takes the others stay
 */
export async function planRunCleanUp(
  run: Run,
  policy: RetentionPolicy,
  held: Held,
  isValid: Judge,
  chosen?: ReadonlySet<string>,
): Promise<RunCleanUp> {
  let retention = await retentionOf(run, policy, held, isValid);
  if (chosen !== undefined) {
    retention = keeping(retention, ({ path: at }) => (chosen.has(at) ? null : 'was not chosen'));
  }
  while (retention.goes.length > 0) {
    const plan = await planOf(retention.goes, isValid);
    if (typeof plan === 'string') {
      retention = keeping(retention, () => `stays for now: ${plan}`);
    } else if (plan.survivor === null) {
      retention = keeping(retention, () => 'stays, because no valid checkpoint would be left');
    } else if (plan.strands.length > 0) {
      const links = new Map(plan.strands.map(({ name, leadsTo }) => [leadsTo, `is what the link ${name} leads to`]));
      retention = keeping(retention, ({ name }) => links.get(name) ?? null);
    } else {
      const takes = new Map(plan.doomed.map((one) => [one.path, one.takes]));
      const goes = retention.goes.map((fate) => ({ ...fate, takes: takes.get(fate.checkpoint.path) ?? [] }));
      return { run, goes, stays: retention.stays, plan };
    }
  }
  return { run, goes: [], stays: retention.stays, plan: null };
}

/** What came of the second look at a run. */
export interface CleanedUp {
  readonly deleted: readonly Going[];
  /** What was chosen and stayed after all, with why, a clause each. */
  readonly stayed: readonly string[];
}

/**
 * Looks at a run once more and deletes of it what may still go of what was chosen.
 *
 * @param chosen paths of checkpoints
 * @param carryOut deletes what is planned; a DeletionError of it is one of the reasons to stay
 */
export async function cleanUpRun(
  run: Run,
  policy: RetentionPolicy,
  held: Held,
  isValid: Judge,
  chosen: ReadonlySet<string>,
  carryOut: (plan: DeletionPlan) => Promise<Deletion>,
): Promise<CleanedUp> {
  const { goes, stays, plan } = await planRunCleanUp(run, policy, held, isValid, chosen);
  const stayed = stays
    .filter(({ checkpoint }) => chosen.has(checkpoint.path))
    .map(({ checkpoint, why }) => `${checkpoint.name} of ${run.name} ${why}`);
  if (plan === null) return { deleted: [], stayed };
  try {
    const { deleted, kept } = await carryOut(plan);
    return {
      deleted: goes.filter(({ checkpoint }) => deleted.includes(checkpoint.name)),
      stayed: [...stayed, ...kept.map(({ name, reason }) => `${name} of ${run.name} ${reason}`)],
    };
  } catch (error) {
    if (!(error instanceof DeletionError)) throw error;
    return { deleted: [], stayed: [...stayed, `${run.name}: ${clauseOf(error)}`] };
  }
}

/** Bytes that are free once all of these are gone: of files that several of them share, once the last name went. */
export function bytesOf(going: readonly Going[]): number {
  return bytesFreed(going.flatMap(({ takes }) => takes));
}

/** Or why nothing of them can be deleted, as a clause: one went meanwhile, or lies where only its own trainer looks after it. */
async function planOf(goes: readonly Fate[], isValid: Judge): Promise<DeletionPlan | string> {
  try {
    return await planDeletion(
      goes.map(({ checkpoint }) => checkpoint.path),
      isValid,
    );
  } catch (error) {
    if (!(error instanceof DeletionError)) throw error;
    return clauseOf(error);
  }
}

function clauseOf(error: DeletionError): string {
  return error.message.replace(/\.$/, '');
}

/** The same with those kept that there is a reason for. */
function keeping({ goes, stays }: Retention, whyStays: (checkpoint: Checkpoint) => string | null): Retention {
  const left: Fate[] = [];
  const kept: Fate[] = [];
  for (const fate of goes) {
    const why = whyStays(fate.checkpoint);
    if (why === null) left.push(fate);
    else kept.push({ checkpoint: fate.checkpoint, why });
  }
  return { goes: left, stays: [...stays, ...kept].sort((a, b) => a.checkpoint.step - b.checkpoint.step) };
}
