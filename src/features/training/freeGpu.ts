/** On which GPU of this machine a plan is started that leaves it open. */
import { readGpusHere } from '../../core/training/gpus/nvidiaSmi';
import { FreeGpus } from '../../core/training/launchers/freeGpu';
import type { Plan } from '../../core/training/plan/plan';
import type { Log } from '../../platform/log';

/** A driver that hangs is no reason to wait: the trainer takes the GPU that it finds. */
const ANSWERS_WITHIN_MS = 2000;

/** Whoever starts something in this window sees what was handed out just now. */
const gpus = new FreeGpus(() => readGpusHere({ limitMs: ANSWERS_WITHIN_MS }));

/** The plan on a free GPU, where it leaves open which. */
export async function onFreeGpu(plan: Plan, log: Log): Promise<Plan> {
  const placed = await gpus.place(plan);
  if (placed !== plan) log.info(`${plan.kind} ${plan.run}: on ${JSON.stringify(placed.launch.options)}`);
  return placed;
}
