/** Plans that wait in the queue of the workspace that trains them, and have somebody who starts them. */
import { queueFolder } from '../../experiment/queueFiles';
import type { Plan } from '../plan/plan';
import { dispatch } from './dispatcher';
import { enqueue, type EnqueueOptions, QueueError, setQueue } from './queue';

export interface Enqueued {
  /** The new entries, in the order of their plans. */
  readonly ids: readonly string[];
  /** Why a plan could not be queued, or nobody can start what waits: one line each. */
  readonly problems: readonly string[];
}

export interface EnqueueAllOptions extends EnqueueOptions {
  /** How many runs train on the CPU at once from now on, for each workspace; undefined where nobody says it. */
  readonly cpuSlots: (root: string) => number | undefined;
}

/** Puts plans at the end of their queues. What comes before one that cannot be queued has its turn all the same. */
export async function enqueuePlans(plans: readonly Plan[], options: EnqueueAllOptions): Promise<Enqueued> {
  const ids: string[] = [];
  const problems: string[] = [];
  const saying = async (change: () => Promise<void>): Promise<boolean> => {
    try {
      await change();
      return true;
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      problems.push(error.message);
      return false;
    }
  };
  const folders = new Map<string, string>();
  for (const plan of plans) {
    const queued = await saying(async () => {
      const cpuSlots = options.cpuSlots(plan.cwd);
      if (cpuSlots !== undefined) await setQueue(plan.cwd, { cpuSlots });
      ids.push(...(await enqueue(plan.cwd, [plan], options)));
    });
    if (!queued) break;
    folders.set(queueFolder(plan.cwd), plan.interpreter);
  }
  for (const [folder, python] of folders) await saying(() => dispatch(folder, python, options.supervisor));
  return { ids, problems };
}
